// The upper drawing: prior, likelihood, posterior and q as curves over z, and a dot on q's peak to drag.

import { integrate } from "./integrate.js";
import { placeLabels } from "./labels.js";
import { logLikelihood, logNormal } from "./model.js";
import { pathThrough, scale, svg } from "./svg.js";

const Z_RANGE = [-4.2, 4.2];
const HEIGHT = 250;
const MARGIN = { left: 8, right: 8, top: 30, bottom: 34 };
const SAMPLES = Array.from({ length: 337 }, (_, i) => Z_RANGE[0] + i / 40);
const NAMES = { prior: "prior p(z)", likelihood: "likelihood p(x | z)", posterior: "posterior p(z | x)" };
const SHORT_NAMES = { prior: "prior", likelihood: "likelihood", posterior: "posterior" };

// The curves that do not depend on q, as functions of z, each with area one. The likelihood is no density in z
// and has to be scaled for that.
export function fixedCurves(model, x, posterior) {
  const likelihood = (z) => Math.exp(logLikelihood(model, x, z));
  const area = integrate.trapezoid(likelihood, -40, 40, 4000);
  return {
    prior: SAMPLES.map((z) => Math.exp(logNormal(z, 0, 1))),
    likelihood: SAMPLES.map((z) => likelihood(z) / area),
    posterior: SAMPLES.map((z) => Math.exp(posterior.logDensity(z))),
  };
}

function peakOf({ logVar }) {
  return 1 / Math.sqrt(2 * Math.PI * Math.exp(logVar));
}

// Calls onDrag({mean, logVar}) while the dot is dragged: across moves the mean; up makes q narrow, for its area is 1.
export function createCurves(onDrag) {
  const handle = svg("g", { class: "handle" }, svg("circle", { r: 22, class: "grip" }), svg("circle", { r: 8 }));
  const picture = svg("g", {}); // drawn anew each time; the handle stays, or it would lose the pointer
  const drawing = svg("svg", { role: "img", class: "curves", height: HEIGHT }, picture, handle);
  let toX, toY;
  let highest; // of the vertical axis; it stands still during a drag, so that the dot stays under the pointer
  let dragging = false;

  // A finger on the dot drags it; beside it, the finger scrolls the page. CSS's touch-action cannot say so: it is
  // read of a drawing as a whole, not of its parts.
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    dragging = true;
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    const box = drawing.getBoundingClientRect();
    const peak = Math.max(toY.invert(Math.max(event.clientY - box.top, MARGIN.top)), 1e-3);
    onDrag({ mean: toX.invert(event.clientX - box.left), logVar: -Math.log(2 * Math.PI * peak ** 2) });
  });
  for (const type of ["pointerup", "pointercancel"]) {
    handle.addEventListener(type, () => {
      dragging = false;
      onDrag(null); // draw once more, with an axis that fits
    });
  }

  function draw(width, fixed, q, path) {
    const variance = Math.exp(q.logVar);
    const curves = { ...fixed, q: SAMPLES.map((z) => Math.exp(logNormal(z, q.mean, variance))) };
    if (!dragging) highest = Math.max(0.9, 1.08 * Math.max(peakOf(q), ...Object.values(fixed).flat()));
    toX = scale(Z_RANGE, [MARGIN.left, width - MARGIN.right]);
    toY = scale([0, highest], [HEIGHT - MARGIN.bottom, MARGIN.top]);
    const baseline = toY(0);
    const lines = {};
    for (const [name, values] of Object.entries(curves)) {
      lines[name] = values.map((value, i) => [toX(SAMPLES[i]), toY(value)]);
    }
    const dot = { x: toX(q.mean), y: toY(peakOf(q)) };
    handle.setAttribute("transform", `translate(${dot.x} ${dot.y})`);

    drawing.setAttribute("width", width);
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.replaceChildren(
      svg("path", { class: "axis", d: `M${MARGIN.left} ${baseline}H${width - MARGIN.right}` }),
      ...[-4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((z) => [
        svg("path", { class: "axis", d: `M${toX(z)} ${baseline}v5` }),
        svg("text", { x: toX(z), y: baseline + 19, "text-anchor": "middle" }, String(z).replace("-", "−")),
      ]),
      svg("text", { x: toX(0.5), y: baseline + 19, "text-anchor": "middle", class: "italic" }, "z"),
      svg("path", { class: "area", d: `${pathThrough(lines.posterior)}V${baseline}H${MARGIN.left}Z` }),
      ...Object.entries(lines).map(([name, line]) => svg("path", { class: `curve ${name}`, d: pathThrough(line) })),
      ...path.map((step) => svg("circle", { class: "step", cx: toX(step.mean), cy: toY(peakOf(step)), r: 1.7 })),
      ...placeLabels(lines, width < 480 ? SHORT_NAMES : NAMES, dot, width),
      svg("text", { x: dot.x, y: dot.y - 14, "text-anchor": "middle", class: "label" }, "q(z)"),
    );
  }

  return { element: drawing, draw };
}
