// The repair bench of chapter 8: damage a digit, and watch the robust inference find and repair it.

import { drawDigit } from "../common/digit.js";
import { DAMAGES } from "./damage.js";
import { reconstruct } from "./decoder.js";
import { markup } from "./markup.js";
import { loadDigits } from "./model.js";
import { drawErrors, drawMask, drawNothing, rmse } from "./pictures.js";
import { Player } from "./player.js";
import { Sheet } from "./sheet.js";
import { damageInWords, verdictInWords } from "./words.js";

const BRUSHES = { Draw: 1, Erase: 0, Gray: 0.5 }; // ink, paper, and what is neither

class RepairBench {
  constructor(box, worker, model, digits) {
    Object.assign(this, { worker, model, digits });
    this.root = document.createElement("div");
    this.root.className = "bench";
    this.root.innerHTML = markup(Object.keys(BRUSHES), Object.keys(DAMAGES));
    box.append(this.root);
    box.classList.add("is-live");

    const { steps } = model.settings.inference;
    this.order = 0; // of the repair that was asked for last: frames of earlier ones are dropped
    worker.onmessage = ({ data }) => data.order === this.order && this.player.add(data);
    this.find(".bench-run input").max = steps;
    this.player = new Player(
      {
        slider: this.find(".bench-run input"),
        button: this.find(".bench-play"),
        label: this.find(".bench-step"),
      },
      { show: () => this.showFrame(), finish: () => this.say(verdictInWords(this)) },
    );
    this.sheet = new Sheet(
      this.find(".bench-sheet canvas"),
      this.find(".bench-cursor"),
      model.settings.side,
      {
        paint: (pixels) => this.paint(pixels),
        finish: () => this.say(damageInWords(this.truth, this.damaged)),
        move: (row, column) => {
          this.find(".bench-place").textContent = `Row ${row + 1}, column ${column + 1}`;
        },
      },
    );
    this.listen();
    this.pick(13);
    this.damage("30 % noise");
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  say(sentence) {
    this.find(".bench-status").textContent = sentence;
  }

  listen() {
    this.digits.forEach((pixels, index) => {
      const label = document.createElement("label");
      label.innerHTML = `<input type="radio" name="bench-digit" aria-label="${index % 10}, number
        ${Math.floor(index / 10) + 1}"><canvas class="digit"></canvas>`;
      drawDigit(label.querySelector("canvas"), pixels, this.model.settings.side);
      label.querySelector("input").addEventListener("change", () => {
        this.pick(index);
        this.say(`A whole ${index % 10}. Now damage it.`);
      });
      this.find(".bench-digits").append(label);
    });
    const buttons = this.root.querySelectorAll(".bench-damages button:not(.bench-reset)");
    Object.keys(DAMAGES).forEach((name, index) => {
      buttons[index].addEventListener("click", () => this.damage(name));
    });
    this.find(".bench-reset").addEventListener("click", () => {
      this.change(this.truth.slice());
      this.say("The digit is whole again.");
    });
    this.find(".bench-repair").addEventListener("click", () => this.repair());
  }

  pick(index) {
    this.truth = this.digits[index];
    this.root.querySelectorAll("[name=bench-digit]")[index].checked = true;
    this.draw("truth", this.truth);
    this.change(this.truth.slice());
  }

  paint(pixels) {
    const brush = this.find("[name=bench-brush]:checked").value;
    const damaged = this.damaged.slice();
    for (const pixel of pixels) damaged[pixel] = Object.values(BRUSHES)[brush];
    this.change(damaged);
  }

  damage(name) {
    const damaged = this.damaged.slice();
    DAMAGES[name](damaged, this.model.settings.side);
    this.change(damaged);
    this.say(damageInWords(this.truth, this.damaged));
  }

  // A new damaged image: what was found for the one before is forgotten.
  change(damaged) {
    this.damaged = damaged;
    this.rebuilt = reconstruct(this.model, damaged);
    this.order += 1;
    this.worker.postMessage({ image: null });
    this.player.clear();
    this.draw("damaged", damaged);
    this.draw("rebuilt", this.rebuilt);
    for (const name of ["mask", "repaired"]) {
      drawNothing(this.find(`.bench-${name} canvas`), this.model.settings.side);
      this.find(`.bench-${name} figcaption span`).textContent = "";
    }
    this.showErrors();
  }

  repair() {
    this.player.clear();
    this.order += 1;
    this.worker.postMessage({ image: this.damaged, order: this.order });
    this.say("Repairing …");
  }

  draw(name, pixels) {
    drawDigit(this.find(`.bench-${name} canvas`), pixels, this.model.settings.side);
    if (name === "truth") return;
    this.find(`.bench-${name} figcaption span`).textContent = rmse(pixels, this.truth).toFixed(3);
  }

  showFrame() {
    const { outlierProbability, repaired } = this.player.frames[this.player.shown];
    drawMask(this.find(".bench-mask canvas"), outlierProbability, this.model.settings.side);
    this.draw("repaired", repaired);
    this.showErrors();
  }

  showErrors() {
    const error = (pixels) => rmse(pixels, this.truth);
    const levels = { damaged: error(this.damaged), rebuilt: error(this.rebuilt) };
    const { frames, shown, last } = this.player;
    const curve = frames.map((frame) => error(frame.repaired));
    drawErrors(this.find(".bench-errors svg"), levels, curve, shown, last);
  }
}

async function open(box) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("style.css", import.meta.url);
  const styled = new Promise((resolve) => style.addEventListener("load", resolve));
  document.head.append(style);
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  const loaded = new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data.model);
  });
  const [model, digits] = await Promise.all([loaded, loadDigits(), styled]);
  box.widget = new RepairBench(box, worker, model, digits);
}

const box = document.getElementById("repair-bench");
const nearby = new IntersectionObserver(
  ([entry]) => {
    if (!entry.isIntersecting) return;
    nearby.disconnect();
    open(box);
  },
  { rootMargin: "600px" },
);
nearby.observe(box);
