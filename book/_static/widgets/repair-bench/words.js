// What the bench says in its status line.

import { rmse } from "./pictures.js";

const HALF_A_LEVEL = 0.5 / 255; // a pixel that changed by less is not damaged

function maskOf(truth, damaged) {
  return damaged.map((value, pixel) => Math.abs(value - truth[pixel]) > HALF_A_LEVEL);
}

function inWords(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

export function damageInWords(truth, damaged) {
  const count = maskOf(truth, damaged).reduce((sum, isDamaged) => sum + isDamaged, 0);
  return count === 0 ? "Nothing is damaged." : `${inWords(count, "pixel")} damaged.`;
}

// The end of a repair: what was found, and the errors over the whole image.
export function verdictInWords({ truth, damaged, rebuilt, player }) {
  const { outlierProbability, repaired } = player.frames.at(-1);
  const mask = maskOf(truth, damaged);
  const count = (test) => outlierProbability.reduce((sum, r, pixel) => sum + test(r > 0.5, mask[pixel]), 0);
  const all = count((_, isDamaged) => isDamaged);
  const found = count((isFound, isDamaged) => isFound && isDamaged);
  const mistaken = count((isFound, isDamaged) => isFound && !isDamaged);
  const start = all ? `Found ${found} of the ${inWords(all, "damaged pixel")}` : "Nothing was damaged";
  const wrong = `${mistaken || "no"} healthy ${mistaken === 1 ? "one was" : "ones were"} taken for damage`;
  const error = (pixels) => rmse(pixels, truth).toFixed(3);
  return `${start}; ${wrong}. Error before ${error(damaged)}, after ${error(repaired)}; plain reconstruction
    ${error(rebuilt)}.`;
}
