// Gradient ascent on the ELBO, in the mean and the log variance of q at once.

import { elbo, elboGradient } from "./bound.js";

const LONGEST_STEP = 0.2; // short enough to stay on the slope where it started
const FLAT = 1e-6; // the slope at which it has arrived
const MOST_STEPS = 1000;

// Yields every q on the way up, the last one on the summit. A step that does not bring at least half of what
// the slope promised was too long for a curved hill and is halved; after a good one the next may be longer.
export function* climb(model, x, q) {
  let rate = 0.1;
  for (let step = 0; step < MOST_STEPS; step++) {
    const slope = elboGradient(model, x, q);
    const steepness = Math.hypot(slope.mean, slope.logVar);
    if (steepness < FLAT) return;
    rate = Math.min(1.2 * rate, LONGEST_STEP / steepness);
    const floor = elbo(model, x, q) - 1e-13; // rounding
    while (elbo(model, x, stepUp(q, slope, rate)) < floor + 0.5 * rate * steepness ** 2) rate /= 2;
    q = stepUp(q, slope, rate);
    yield q;
  }
}

function stepUp(q, slope, rate) {
  return { mean: q.mean + rate * slope.mean, logVar: q.logVar + rate * slope.logVar };
}
