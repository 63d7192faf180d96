// The lower drawing: one axis in nats, on which every bar begins where the last one ended.
//   reconstruction − KL(q ‖ prior) = ELBO          equation (elbo-two-terms)
//   ELBO + KL(q ‖ posterior) = log p(x)            equation (elbo-identity)
// A line marks log p(x), which was computed by itself: the last bar has to end on it.

import { number, scale, svg } from "./svg.js";

const ROW = 34;
const BAR = 20;
const TOP = 8;
const AXIS = 26;
const FILLS = { "prior-kl": { fill: "url(#elbo-hatch-prior)" }, gap: { fill: "url(#elbo-hatch-gap)" } };

function rows({ reconstruction, klToPrior, elbo, klToPosterior, logEvidence }) {
  return [
    { name: "reconstruction", key: "reconstruction", from: 0, to: reconstruction, value: reconstruction },
    { name: "− KL(q ‖ prior)", key: "prior-kl", from: reconstruction, to: reconstruction - klToPrior, value: klToPrior },
    { name: "= ELBO", key: "elbo", from: 0, to: elbo, value: elbo },
    { name: "+ KL(q ‖ posterior)", key: "gap", from: elbo, to: elbo + klToPosterior, value: klToPosterior },
    { name: "= log p(x)", key: "evidence", from: 0, to: logEvidence, value: logEvidence },
  ];
}

// Round numbers for the axis, with room for each.
function ticks(lowest, width) {
  const rough = (-lowest * 45) / width;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((candidate) => candidate >= rough);
  const list = [];
  for (let tick = 0; tick >= lowest; tick -= step) list.push(tick);
  return list;
}

export function createBars() {
  const drawing = svg("svg", { role: "img", class: "bars" });

  function draw(width, parts) {
    const list = rows(parts);
    const height = TOP + ROW * list.length + AXIS;
    const left = 142;
    const right = width - 74;
    const lowest = Math.min(-6, 1.06 * Math.min(parts.elbo, parts.reconstruction));
    const toX = scale([lowest, 0], [left, right]);
    const bottom = TOP + ROW * list.length;
    const truth = toX(parts.logEvidence);

    drawing.setAttribute("width", width);
    drawing.setAttribute("height", height);
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.setAttribute(
      "aria-label",
      "Bars in nats. " + list.map(({ name, value }) => `${name.replace(/^[=+−] /, "")} ${number(value)}`).join(", ") + ".",
    );
    drawing.replaceChildren(
      hatch("elbo-hatch-prior", "M0 0L6 6M-1 5L1 7M5 -1L7 1"),
      hatch("elbo-hatch-gap", "M0 6L6 0M-1 1L1 -1M5 7L7 5"),
      ...ticks(lowest, right - left).flatMap((tick) => [
        svg("path", { class: "grid", d: `M${toX(tick)} ${TOP}V${bottom + 4}` }),
        svg("text", { x: toX(tick), y: bottom + 18, "text-anchor": "middle" }, number(tick, 0)),
      ]),
      svg("text", { x: right + 12, y: bottom + 18 }, "nats"),
      ...list.flatMap(({ name, key, from, to, value }, i) => {
        const y = TOP + ROW * i + (ROW - BAR) / 2;
        const [start, end] = [toX(Math.min(from, to)), toX(Math.max(from, to))];
        const connector = i < list.length - 1 ? [svg("path", { class: "connector", d: `M${toX(to)} ${y + BAR}v${ROW - BAR}` })] : [];
        return [
          svg("text", { class: "name", x: 0, y: y + BAR / 2 + 5 }, name),
          svg("rect", { class: `bar ${key}`, x: start, y, width: Math.max(end - start, 0.1), height: BAR, ...FILLS[key] }),
          ...connector,
          svg("text", { class: "value", x: width, y: y + BAR / 2 + 5, "text-anchor": "end" }, number(value)),
        ];
      }),
      svg("path", { class: "truth", d: `M${truth} ${TOP}V${bottom + 4}` }),
    );
  }

  return { element: drawing, draw };
}

function hatch(id, d) {
  const pattern = svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" });
  pattern.append(svg("rect", { width: 6, height: 6, class: "hatch-ground" }), svg("path", { d, class: "hatch-line" }));
  return pattern;
}
