// Names beside their curves, where no other curve and no other name is in the way.

import { svg } from "./svg.js";

const SAMPLE = 22; // length of the piece of line in front of a name
const LINE_HEIGHT = 17;
const textWidth = (text) => 7 * text.length;

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// How many points of a line, whose points are equally far apart from left to right, lie in a box.
function pointsInside(box, line) {
  const gap = line[1][0] - line[0][0];
  const first = Math.max(0, Math.ceil((box.left - 3 - line[0][0]) / gap));
  const last = Math.min(line.length - 1, Math.floor((box.right + 3 - line[0][0]) / gap));
  let count = 0;
  for (let i = first; i <= last; i++) if (line[i][1] > box.top - 2 && line[i][1] < box.bottom + 2) count++;
  return count;
}

// The boxes in which a name can stand by a point of its curve.
function placesBy([x, y], size) {
  const [beside, above] = [y - LINE_HEIGHT / 2 - 4, y - LINE_HEIGHT - 8];
  const corners = [
    [x + 8, beside],
    [x - 8 - size, beside],
    [x + 4, above],
    [x - 4 - size, above],
    [x - size / 2, above],
  ];
  return corners.map(([left, top]) => ({ left, top, right: left + size, bottom: top + LINE_HEIGHT }));
}

// The cheapest place: near the curve's own peak, not crossed by lines, above all not on another name.
function bestPlace(line, size, lines, taken, width) {
  const peak = line.reduce((best, point) => (point[1] < best[1] ? point : best));
  const onTheAxis = line[0][1] - 6;
  let best = { cost: Infinity };
  for (let i = 0; i < line.length; i += 4) {
    const distance = Math.hypot(line[i][0] - peak[0], line[i][1] - peak[1]);
    if (line[i][1] > onTheAxis || distance >= best.cost) continue;
    for (const box of placesBy(line[i], size)) {
      if (box.left < 2 || box.right > width - 2 || box.top < 2) continue;
      const crossings = lines.reduce((sum, other) => sum + pointsInside(box, other), 0);
      const covered = taken.filter((other) => overlap(box, other)).length;
      const cost = distance + 60 * crossings + 10000 * covered;
      if (cost < best.cost) best = { cost, box };
    }
  }
  return best.box;
}

// `lines` maps a curve's name to its points; `names` what to write; `dot` is q's peak, which keeps its own name.
export function placeLabels(lines, names, dot, width) {
  const taken = [{ left: dot.x - 24, right: dot.x + 24, top: dot.y - 28, bottom: dot.y + 12 }];
  return Object.entries(names).flatMap(([curve, text]) => {
    const size = SAMPLE + 6 + textWidth(text);
    const box = bestPlace(lines[curve], size, Object.values(lines), taken, width);
    if (!box) return [];
    taken.push(box);
    const middle = (box.top + box.bottom) / 2;
    return [
      svg("path", { class: `curve ${curve}`, d: `M${box.left} ${middle}h${SAMPLE}` }),
      svg("text", { class: "label", x: box.left + SAMPLE + 6, y: middle + 4.5 }, text),
    ];
  });
}
