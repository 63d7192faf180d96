// Names beside their curves, where no other curve and no other name is in the way.

import { svg } from "./svg.js";

const SAMPLE = 22; // length of the piece of line in front of a name
const LINE_HEIGHT = 17;
const textWidth = (text) => 7 * text.length;

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// How bad a place is: on top of another name, crossed by lines, far from the curve's own peak.
function cost(box, anchor, peak, lines, taken, width) {
  if (box.left < 2 || box.right > width - 2 || box.top < 2) return Infinity;
  let total = 0;
  for (const other of taken) if (overlap(box, other)) total += 10000;
  for (const line of lines) {
    for (const [x, y] of line) {
      if (x > box.left - 3 && x < box.right + 3 && y > box.top - 2 && y < box.bottom + 2) total += 60;
    }
  }
  return total + Math.hypot(anchor[0] - peak[0], anchor[1] - peak[1]);
}

// `lines` maps a curve's name to its points; `names` what to write; `dot` is q's peak, which keeps its own name.
export function placeLabels(lines, names, dot, width) {
  const taken = [{ left: dot.x - 24, right: dot.x + 24, top: dot.y - 28, bottom: dot.y + 12 }];
  return Object.entries(names).map(([curve, text]) => {
    const line = lines[curve];
    const size = SAMPLE + 6 + textWidth(text);
    const peak = line.reduce((best, point) => (point[1] < best[1] ? point : best));
    let best = { cost: Infinity };
    for (let i = 0; i < line.length; i += 4) {
      const [x, y] = line[i];
      if (y > line[0][1] - 6 && peak[1] < y - 20) continue; // where a curve lies on the axis, a name says little
      const [beside, above] = [y - LINE_HEIGHT / 2 - 4, y - LINE_HEIGHT - 8];
      for (const [left, top] of [
        [x + 8, beside],
        [x - 8 - size, beside],
        [x + 4, above],
        [x - 4 - size, above],
        [x - size / 2, above],
      ]) {
        const box = { left, right: left + size, top, bottom: top + LINE_HEIGHT };
        const price = cost(box, [x, y], peak, Object.values(lines), taken, width);
        if (price < best.cost) best = { cost: price, box };
      }
    }
    if (!best.box) return svg("g");
    taken.push(best.box);
    const middle = (best.box.top + best.box.bottom) / 2;
    return svg(
      "g",
      {},
      svg("path", { class: `curve ${curve}`, d: `M${best.box.left} ${middle}h${SAMPLE}` }),
      svg("text", { class: "label", x: best.box.left + SAMPLE + 6, y: middle + 4.5 }, text),
    );
  });
}
