// The repair bench of chapter 8: damage a digit, and watch the robust inference find and repair it.

import { drawDigit } from "../common/digit.js";
import { DAMAGES } from "./damage.js";
import { reconstruct } from "./decoder.js";
import { loadDigits, loadModel } from "./model.js";
import { drawErrors, drawMask, drawNothing, rmse } from "./pictures.js";
import { Player } from "./player.js";
import { Sheet } from "./sheet.js";

const BRUSHES = { Draw: 1, Erase: 0, Gray: 0.5 }; // ink, paper, and what is neither
const HALF_A_LEVEL = 0.5 / 255; // a pixel that changed by less is not damaged

const figure = (name, title) =>
  `<figure class="bench-${name}"><canvas class="digit" role="img" aria-label="${title}"></canvas>
   <figcaption>${title} <span></span></figcaption></figure>`;

const choices = (name, labels) =>
  labels
    .map((label, index) => {
      const checked = index === 0 ? "checked" : "";
      return `<label><input type="radio" name="bench-${name}" value="${index}" ${checked}>${label}</label>`;
    })
    .join("");

const MARKUP = `
  <p class="bench-hint">Pick a digit, damage it with the brush or a button, and press <b>Repair</b>.</p>
  <fieldset class="bench-digits"><legend>Digit</legend></fieldset>
  <div class="bench-tools">
    <fieldset class="bench-brushes"><legend>Brush</legend>${choices("brush", Object.keys(BRUSHES))}</fieldset>
    <div class="bench-damages" role="group" aria-label="Damage">
      ${Object.keys(DAMAGES).map((name) => `<button type="button">${name}</button>`).join("")}
      <button type="button" class="bench-reset">Undo all</button>
    </div>
  </div>
  <div class="bench-stage">
    <figure class="bench-damaged">
      <div class="bench-sheet">
        <canvas class="digit" tabindex="0" role="application" aria-label="Sheet with the damaged digit"
          aria-describedby="bench-keys"></canvas>
        <div class="bench-cursor"></div>
      </div>
      <figcaption>Damaged <span></span></figcaption>
    </figure>
    ${figure("rebuilt", "Reconstruction")}
    ${figure("mask", "Outlier probability")}
    ${figure("repaired", "Repair")}
    ${figure("truth", "Truth")}
  </div>
  <p class="bench-keys" id="bench-keys">Keyboard: on the sheet, the arrow keys move the brush and the space
    bar paints; held down, it paints along.</p>
  <div class="bench-run">
    <button type="button" class="bench-repair">Repair</button>
    <button type="button" class="bench-play">Play</button>
    <label>Step <input type="range" min="0" value="0"></label>
    <span class="bench-step"></span>
  </div>
  <div class="bench-errors">
    <svg preserveAspectRatio="none" aria-hidden="true"></svg>
    <p>Error of the <b class="repaired">repair</b> after each step, against the
      <b class="rebuilt">plain reconstruction</b> and the <b class="damaged">damaged image</b></p>
  </div>
  <p class="bench-status" role="status"></p>
  <p class="bench-place" aria-live="polite"></p>`;

class RepairBench {
  constructor(box, model, digits) {
    this.model = model;
    this.digits = digits;
    this.root = document.createElement("div");
    this.root.className = "bench";
    this.root.innerHTML = MARKUP;
    box.append(this.root);
    box.classList.add("is-live");

    const { steps } = model.settings.inference;
    this.order = 0; // of the repair that was asked for last: frames of earlier ones are dropped
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.postMessage({ model });
    this.worker.onmessage = ({ data }) => data.order === this.order && this.player.add(data);
    this.find(".bench-run input").max = steps;
    this.player = new Player(
      {
        slider: this.find(".bench-run input"),
        button: this.find(".bench-play"),
        label: this.find(".bench-step"),
      },
      { show: () => this.showFrame(), finish: () => this.say(this.verdict()) },
    );
    this.sheet = new Sheet(
      this.find(".bench-sheet canvas"),
      this.find(".bench-cursor"),
      model.settings.side,
      {
        paint: (pixels) => this.paint(pixels),
        finish: () => this.say(this.damageInWords()),
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
    this.say(this.damageInWords());
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

  get mask() {
    return this.damaged.map((value, pixel) => Math.abs(value - this.truth[pixel]) > HALF_A_LEVEL);
  }

  damageInWords() {
    const count = this.mask.reduce((sum, isDamaged) => sum + isDamaged, 0);
    return count === 0 ? "Nothing is damaged." : `${inWords(count, "pixel")} damaged.`;
  }

  verdict() {
    const { mask } = this;
    const { outlierProbability, repaired } = this.player.frames.at(-1);
    const count = (test) => outlierProbability.reduce((sum, r, pixel) => sum + test(r > 0.5, mask[pixel]), 0);
    const damaged = count((_, isDamaged) => isDamaged);
    const found = count((isFound, isDamaged) => isFound && isDamaged);
    const mistaken = count((isFound, isDamaged) => isFound && !isDamaged);
    const before = damaged ? `Found ${found} of the ${inWords(damaged, "damaged pixel")}` : "Nothing was damaged";
    const error = (pixels) => rmse(pixels, this.truth).toFixed(3);
    return `${before}; ${mistaken || "no"} healthy ${mistaken === 1 ? "one was" : "ones were"} taken for damage.
      Error before ${error(this.damaged)}, after ${error(repaired)}; plain reconstruction
      ${error(this.rebuilt)}.`;
  }
}

function inWords(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

async function open(box) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("style.css", import.meta.url);
  const styled = new Promise((resolve) => style.addEventListener("load", resolve));
  document.head.append(style);
  const [model, digits] = await Promise.all([loadModel(), loadDigits(), styled]);
  box.widget = new RepairBench(box, model, digits);
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
