// The picture of the latent plane: the points on a canvas, all that stands or moves above them in SVG.

import { medians } from "./points.js";

export const EDGE = 4.2; // the plane shows both coordinates from -EDGE to EDGE
const SIZE = 420; // units of the SVG on a side, whatever its width on the screen
const UNIT = SIZE / (2 * EDGE);
const LENS = 56; // pixels of the digit under the pointer, on the screen
const GAP = 14; // between the two

// The ten colors of vaelib/plotting.py (Paul Tol's "muted" and black).
export const COLORS = [
  ...["#332288", "#88CCEE", "#44AA99", "#117733", "#999933"],
  ...["#DDCC77", "#CC6677", "#882255", "#AA4499", "#000000"],
];

const toSvg = ([z1, z2]) => [SIZE / 2 + UNIT * z1, SIZE / 2 - UNIT * z2]; // z2 grows upwards

function draw(parent, name, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

// Moves names that would cover each other apart, a little at a time.
function spread(places, apart) {
  const moved = places.map((place) => [...place]);
  for (let round = 0; round < 100; round++) {
    for (const one of moved) {
      for (const other of moved) {
        const [dx, dy] = [other[0] - one[0], other[1] - one[1]];
        const distance = Math.hypot(dx, dy);
        if (one === other || distance >= apart) continue;
        const push = (apart - distance) / (4 * distance);
        one[0] -= push * dx;
        one[1] -= push * dy;
        other[0] += push * dx;
        other[1] += push * dy;
      }
    }
  }
  return moved;
}

export class Plane {
  constructor(element, points) {
    this.element = element;
    this.points = points;
    this.highlighted = null; // a class, or null
    this.canvas = element.querySelector("canvas.points");
    this.svg = element.querySelector("svg");
    this.svg.setAttribute("viewBox", `0 0 ${SIZE} ${SIZE}`);
    this.#drawPrior();
    this.straight = draw(this.svg, "g", { class: "straight" });
    this.path = draw(this.svg, "g", { class: "path" });
    this.names = draw(this.svg, "g", {});
    this.#drawNames();
    this.side = element.clientWidth; // kept: asking for it in every frame would lay out the page each time
    new ResizeObserver(() => {
      this.side = element.clientWidth;
      this.drawPoints();
      if (this.pointer) this.movePointer(...this.pointer);
    }).observe(element);
  }

  // The prior is round: circles of radius 1, 2 and 3, and what share of its draws each holds.
  #drawPrior() {
    for (const value of [-4, -2, 0, 2, 4]) {
      const [x, y] = toSvg([value, value]);
      const label = String(value).replace("-", "−");
      if (value < 4) draw(this.svg, "text", { class: "tick", x, y: SIZE - 5 }, label);
      if (value > -4) draw(this.svg, "text", { class: "tick left", x: 5, y: y + 4 }, label);
    }
    draw(this.svg, "text", { class: "tick", x: SIZE - 12, y: SIZE - 5 }, "z₁");
    draw(this.svg, "text", { class: "tick", x: 30, y: toSvg([0, 4])[1] + 4 }, "z₂");
    for (const radius of [1, 2, 3]) {
      draw(this.svg, "circle", { class: "sigma", cx: SIZE / 2, cy: SIZE / 2, r: radius * UNIT });
      const inside = `${radius}σ: ${Math.round(100 * (1 - Math.exp(-(radius ** 2) / 2)))}%`;
      const [x, y] = toSvg([-0.26 * radius, -0.97 * radius]);
      draw(this.svg, "text", { class: "sigma", x, y: y + 13 }, inside);
    }
  }

  // Each class's name stands at its median, or as near to it as the other names allow.
  #drawNames() {
    const at = medians(this.points).map(toSvg);
    spread(at, 26).forEach(([x, y], label) => {
      const name = draw(this.names, "g", { class: "name", "data-label": label });
      draw(name, "line", { x1: at[label][0], y1: at[label][1], x2: x, y2: y, stroke: COLORS[label] });
      draw(name, "circle", { cx: x, cy: y, r: 11, stroke: COLORS[label] });
      draw(name, "text", { x, y: y + 5 }, label);
    });
  }

  drawPoints() {
    if (this.side === 0) return; // not on the page yet
    this.canvas.width = this.canvas.height = Math.round(this.side * devicePixelRatio);
    const context = this.canvas.getContext("2d");
    const scale = this.canvas.width / SIZE;
    context.scale(scale, scale);
    const order = COLORS.map((_, label) => label).sort((a, b) => (a === this.highlighted) - (b === this.highlighted));
    for (const label of order) {
      const faint = this.highlighted !== null && label !== this.highlighted;
      context.fillStyle = faint ? "#bbb" : COLORS[label];
      context.globalAlpha = faint ? 0.4 : 0.65;
      context.beginPath();
      const radius = label === this.highlighted ? 2.4 : 1.7;
      for (let index = 0; index < this.points.count; index++) {
        if (this.points.labels[index] !== label) continue;
        const [x, y] = toSvg(this.points.z.subarray(2 * index, 2 * index + 2));
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 2 * Math.PI);
      }
      context.fill();
    }
  }

  highlight(label) {
    this.highlighted = label;
    for (const name of this.names.children) {
      name.classList.toggle("faint", label !== null && Number(name.dataset.label) !== label);
    }
    this.drawPoints();
  }

  // A line through `corners`, with marks at `steps`: round on the reader's path, square on the straight one.
  drawLine(group, corners, steps) {
    group.replaceChildren();
    const line = corners.map((z) => toSvg(z).map((value) => value.toFixed(1)).join()).join(" ");
    for (const part of ["halo", "line"]) draw(group, "polyline", { class: part, points: line });
    for (const z of steps) {
      const [x, y] = toSvg(z);
      if (group === this.path) draw(group, "circle", { cx: x, cy: y, r: 3.5 });
      else draw(group, "rect", { x: x - 3, y: y - 3, width: 6, height: 6 });
    }
  }

  // The pointer; above it, or below where there is no room above, the digit under it; a ring around its
  // nearest neighbor. HTML moved by CSS, which costs neither layout nor paint.
  movePointer(z, neighbor) {
    this.pointer = [z, neighbor];
    const move = (selector, x, y) => {
      const node = this.element.querySelector(selector);
      node.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      return node;
    };
    const [x, y] = this.pixelsOf(z);
    move(".pointer", x, y);
    const left = Math.max(2, Math.min(this.side - LENS - 2, x - LENS / 2));
    move(".lens", left, y - GAP - LENS < 2 ? y + GAP : y - GAP - LENS);
    const ring = move(".neighbor", ...this.pixelsOf(this.points.z.subarray(2 * neighbor, 2 * neighbor + 2)));
    ring.style.borderColor = COLORS[this.points.labels[neighbor]];
  }

  // From a mouse or touch event to z, and from z to pixels from the plane's upper left corner.
  zOf(event) {
    const box = this.element.getBoundingClientRect();
    const inside = (value) => Math.max(-EDGE, Math.min(EDGE, value));
    return [
      inside((2 * EDGE * (event.clientX - box.left)) / box.width - EDGE),
      inside(EDGE - (2 * EDGE * (event.clientY - box.top)) / box.height),
    ];
  }

  pixelsOf(z) {
    return toSvg(z).map((value) => (value * this.side) / SIZE);
  }
}
