// The latent explorer: a pointer on the latent plane, the digit that the decoder draws there, and paths.
// Sections "A map of the digits" and "The manifold" of chapter 5.

import { drawDigit } from "../common/digit.js";
import { forward, loadNetwork, sigmoid } from "../common/network.js";
import { along, lengthOf } from "./path.js";
import { COLORS, EDGE, Plane } from "./plane.js";
import { loadPoints, nearest, votes } from "./points.js";
import { coordinates, inTheCompany, inThePrior } from "./words.js";

const SIDE = 28; // pixels of a digit on a side
const STRIP = 11; // digits in a strip
const NEIGHBORS = 15; // as many as vote in the chapter
const START = [2, -1.6];
const STEP = 0.1; // of an arrow key
const BIG_STEP = 0.5; // with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const strip = (name) => `
  <figure class="strip ${name}">
    <figcaption></figcaption>
    <canvas class="digit" role="img" width="${STRIP * SIDE}" height="${SIDE}"></canvas>
    <div class="votes" aria-hidden="true"></div>
  </figure>`;

const LAYOUT = `
  <p class="how" id="latent-explorer-how">Drag on the plane (with a finger: drag the ring, or tap where it shall go), or
    give it the focus and use the arrow keys (<kbd>Shift</kbd>: larger steps; <kbd>Enter</kbd>: mark a point of a
    path).</p>
  <div class="plane" tabindex="0" role="application" aria-label="Latent plane"
      aria-describedby="latent-explorer-how">
    <canvas class="points"></canvas>
    <svg aria-hidden="true"></svg>
    <i class="neighbor"></i>
    <i class="pointer"></i>
    <canvas class="digit lens"></canvas>
    <span class="hint" hidden></span>
  </div>
  <div class="readout">
    <div class="pair">
      <figure>
        <canvas class="digit model" role="img" aria-label="What the model draws at the pointer"></canvas>
        <figcaption>The model draws</figcaption>
      </figure>
      <figure>
        <canvas class="digit real" role="img" aria-label="The test digit nearest to the pointer"
          width="${SIDE}" height="${SIDE}"></canvas>
        <figcaption>Nearest real digit:<span class="real-label"></span></figcaption>
      </figure>
    </div>
    <p class="place"></p>
    <p class="company"></p>
  </div>
  <div class="legend" role="group" aria-labelledby="latent-explorer-legend">
    <span id="latent-explorer-legend">Highlight a class</span>
    ${COLORS.map((color, label) => `<button type="button" aria-pressed="false" data-label="${label}">
      <i style="background: ${color}"></i>${label}</button>`).join("")}
  </div>
  <div class="toolbar">
    <button type="button" class="draw" aria-pressed="false">Draw a path</button>
    <button type="button" class="mark">Mark this point</button>
    <button type="button" class="again">Start over</button>
    <span class="path-hint"></span>
  </div>
  ${strip("path")}${strip("straight")}
  <p class="note">Below each digit stands the commonest class among the ${NEIGHBORS} test digits nearest to its z.</p>
  <p class="unseen" role="status"></p>`;

function loadStyle(folder) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("explorer.css", folder);
  const loaded = new Promise((resolve) => link.addEventListener("load", resolve));
  document.head.append(link);
  return loaded;
}

export async function start(host, folder) {
  const [network, points] = await Promise.all([
    loadNetwork(folder, "decoder"),
    loadPoints(folder),
    loadStyle(folder),
  ]);
  const body = document.createElement("div");
  body.className = "explorer";
  body.innerHTML = LAYOUT;
  host.append(body);
  const pause = () => new Promise((resolve) => setTimeout(resolve)); // lets the page scroll meanwhile
  await pause();
  const explorer = new Explorer(body, network, points);
  await pause();
  explorer.startOver();
  host.classList.add("alive"); // the style sheet hides the still picture, except on paper
  host.widget = explorer;
}

class Explorer {
  constructor(body, network, points) {
    this.network = network;
    this.points = points;
    this.$ = (selector) => body.querySelector(selector);
    this.plane = new Plane(this.$(".plane"), points);
    this.#listen(body);
  }

  // vae.decode: the probability of ink in each cell.
  decode(z) {
    return forward(this.network, z).map(sigmoid);
  }

  startOver() {
    this.setDrawing(false);
    this.highlight(null);
    this.moveTo(START);
    this.setPath(this.points.example, "Example path");
    this.open = false; // whether the next marked point continues the path
  }

  moveTo([z1, z2]) {
    const inside = (value) => Math.max(-EDGE, Math.min(EDGE, value));
    this.z = [inside(z1), inside(z2)];
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  // One frame: everything that follows the pointer.
  draw() {
    this.frame = undefined;
    const ink = this.decode(this.z);
    drawDigit(this.$(".model"), ink, SIDE);
    drawDigit(this.$(".lens"), ink, SIDE);
    const neighbors = nearest(this.points, this.z, NEIGHBORS);
    const [{ index, label, distance }] = neighbors;
    const left = SIDE * (index % this.points.columns);
    const top = SIDE * Math.floor(index / this.points.columns);
    this.$(".real").getContext("2d").drawImage(this.points.sheet, left, top, SIDE, SIDE, 0, 0, SIDE, SIDE);
    this.plane.movePointer(this.z, index);
    this.$(".real-label").textContent = `a ${label}, ${distance.toFixed(2)} away`;
    this.$(".place").textContent = `z = ${coordinates(this.z)}: ${inThePrior(this.z)}`;
    this.$(".company").textContent = inTheCompany(votes(neighbors));
    this.#say(`z ${coordinates(this.z)}. Nearest real digit: a ${label}. ${this.$(".company").textContent}`);
  }

  highlight(label) {
    this.plane.highlight(label);
    for (const button of this.$(".legend").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.label) === label);
    }
  }

  setDrawing(on) {
    this.drawing = on;
    this.$(".draw").setAttribute("aria-pressed", on);
    this.$(".plane").classList.toggle("drawing", on);
    this.$(".path-hint").textContent = on ? "Drag a line, or click from point to point." : "";
  }

  // Adds the pointer's place to the path: the way to draw without dragging.
  mark() {
    this.setPath(this.open ? [...this.corners, this.z] : [this.z], "Your path");
    this.open = true;
    if (lengthOf(this.corners) === 0) this.#say("Start of the path marked. Move on and mark the next point.");
  }

  setPath(corners, name) {
    this.corners = corners;
    const isPath = lengthOf(corners) > 0;
    const ends = [corners[0], corners.at(-1)];
    this.strips = {
      path: isPath ? along(corners, STRIP) : [],
      straight: isPath && corners.length > 2 && lengthOf(ends) > 0 ? along(ends, STRIP) : [],
    };
    const isStraight = isPath && corners.length === 2;
    this.plane.drawLine(this.plane.path, corners, isPath ? this.strips.path : corners);
    this.plane.drawLine(this.plane.straight, this.strips.straight, this.strips.straight);
    this.#drawStrip("path", isStraight ? `${name}, a straight line` : name, corners);
    this.#drawStrip("straight", "The straight line between its ends", ends);
    if (isPath) this.#say(this.$(".strip.path canvas").getAttribute("aria-label"));
  }

  #drawStrip(name, title, corners) {
    const figure = this.$(`.strip.${name}`);
    const steps = this.strips[name];
    figure.hidden = steps.length === 0;
    if (figure.hidden) return;
    const context = figure.querySelector("canvas").getContext("2d");
    const one = document.createElement("canvas");
    steps.forEach((z, index) => {
      drawDigit(one, this.decode(z), SIDE);
      context.drawImage(one, index * SIDE, 0);
    });
    const length = lengthOf(corners).toFixed(2);
    const classes = steps.map((z) => votes(nearest(this.points, z, NEIGHBORS))[0][0]);
    figure.querySelector("figcaption").textContent = `${title}: ${STRIP} even steps over a length of ${length}`;
    figure.querySelector(".votes").innerHTML = classes.map((label) => `<span>${label}</span>`).join("");
    figure.querySelector("canvas").setAttribute(
      "aria-label",
      `${title}: ${STRIP} digits from z = ${coordinates(steps[0])} to ${coordinates(steps.at(-1))}. ` +
        `Most test digits near each are of class ${classes.join(", ")}.`,
    );
  }

  // To a screen reader, once things have come to rest.
  #say(text) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.$("[role=status]").textContent = text), 500);
  }

  #listen(body) {
    this.$(".draw").addEventListener("click", () => this.setDrawing(!this.drawing));
    this.$(".mark").addEventListener("click", () => this.mark());
    this.$(".again").addEventListener("click", () => this.startOver());
    this.$(".legend").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const label = Number(button.dataset.label);
      this.highlight(this.plane.highlighted === label ? null : label);
    });
    const plane = this.$(".plane");
    plane.addEventListener("keydown", (event) => this.#key(event));
    plane.addEventListener("pointerdown", (event) => this.#press(event));
    plane.addEventListener("pointermove", (event) => this.#hover(event));
    plane.addEventListener("pointerleave", () => (this.$(".hint").hidden = true));
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) {
      const step = event.shiftKey ? BIG_STEP : STEP;
      const [right, up] = ARROWS[event.key];
      this.moveTo([this.z[0] + step * right, this.z[1] + step * up]);
    } else if (event.key === "Enter" || event.key === " ") {
      this.mark();
    } else {
      return;
    }
    event.preventDefault();
  }

  // A drag moves the pointer. Where a path is drawn, it leaves a line; a click marks a point.
  #press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const plane = this.$(".plane");
    const drawing = this.drawing;
    const before = this.z;
    const line = [];
    const follow = (event) => {
      if (!event.isPrimary) return; // a second finger
      const z = this.plane.zOf(event);
      this.moveTo(z);
      if (!drawing || (line.length && lengthOf([line.at(-1), z]) < 0.05)) return;
      line.push(z);
      if (line.length > 1) this.plane.drawLine(this.plane.path, line, []);
    };
    const stop = new AbortController();
    const release = () => {
      stop.abort();
      if (line.length > 1) {
        this.setPath(line, "Your path");
        this.open = false;
      } else if (drawing) {
        this.mark();
      }
    };
    // The finger was about to scroll the page.
    const undo = () => {
      stop.abort();
      this.moveTo(before);
      this.plane.drawLine(this.plane.path, this.corners, this.strips.path);
    };
    plane.setPointerCapture(event.pointerId);
    plane.addEventListener("pointermove", follow, { signal: stop.signal });
    plane.addEventListener("pointerup", release, { signal: stop.signal });
    plane.addEventListener("pointercancel", undo, { signal: stop.signal });
    follow(event);
  }

  // A mouse over a point: which digit is it?
  #hover(event) {
    const hint = this.$(".hint");
    const [{ index, label, distance }] = nearest(this.points, this.plane.zOf(event), 1);
    hint.hidden = event.buttons !== 0 || event.pointerType !== "mouse" || distance > 0.1;
    if (hint.hidden) return;
    hint.textContent = `test digit ${index * this.points.every}: a ${label}`;
    const [x, y] = this.plane.pixelsOf(this.plane.zOf(event));
    const left = Math.min(x + 12, this.plane.side - hint.offsetWidth - 2);
    hint.style.transform = `translate(${left}px, ${y + 14}px)`;
  }
}
