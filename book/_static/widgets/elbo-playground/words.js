// What to notice, in words.

import { number } from "./svg.js";

const nats = (value) => `${number(value, 2)} nats`;

// One or two sentences about q and the gap; `steps` is how many the last climb took, or null.
export function describe(name, posterior, q, parts, steps) {
  const arrived = steps === null ? "" : `Stopped after ${steps} steps, where the ELBO has no slope left. `;
  return arrived + (name === "straight" ? aboutGaussian : aboutBent)(posterior, q, parts, steps !== null);
}

function aboutGaussian(posterior, q, parts) {
  if (parts.klToPosterior < 5e-4) {
    return "q is the exact posterior. The gap is closed: the ELBO is log p(x).";
  }
  const offset = q.mean - posterior.mean;
  const ratio = Math.exp(q.logVar) / posterior.variance;
  const offCenter = offset ** 2 / (2 * posterior.variance);
  const wrongWidth = 0.5 * (ratio - 1 - Math.log(ratio)); // the two add up to the gap
  const side = offset > 0 ? "right" : "left";
  const center = `q stands too far to the ${side}`;
  const width = `q is ${number(Math.sqrt(ratio), 2)} times as wide as the posterior`;
  const [main, cost] = offCenter > wrongWidth ? [center, offCenter] : [width, wrongWidth];
  return `${main}. That is ${nats(cost)} of the gap of ${nats(parts.klToPosterior)}.${lazy(parts)}`;
}

function aboutBent(posterior, q, parts, onSummit) {
  const gap = nats(parts.klToPosterior);
  if (posterior.peaks.length < 2) {
    const fit = parts.klToPosterior < 0.1 ? "and q nearly fits it" : "and q is not on it yet";
    return `This x leaves the posterior with one peak, ${fit}: a gap of ${gap}.${lazy(parts)}`;
  }
  if (parts.klToPosterior > 5) {
    return `q has mass where the posterior has next to none, and pays for it with a gap of ${gap}.`;
  }
  const share = massRightOf(posterior.valley, q);
  if (share > 0.05 && share < 0.95) {
    const verdict = onSummit
      ? "Covering both is the best it can do from here, since the valley between them is shallow"
      : "It pays for the valley between them, where it has mass and the posterior has little";
    return `q covers both peaks. ${verdict}. The gap is ${gap}.${lazy(parts)}`;
  }
  const right = share >= 0.95;
  const weight = right ? posterior.shareOnTheRight : 1 - posterior.shareOnTheRight;
  const percent = Math.round(100 * weight);
  const floor = `A perfect copy of that peak alone would leave −log ${number(weight, 2)} = ${nats(-Math.log(weight))}`;
  const place = `${right ? "right" : "left"} peak, which holds ${percent}% of the posterior`;
  const blind = onSummit ? "The other peak lies across a valley that no small step can cross. " : "";
  return `q stands by the ${place}. ${blind}The gap is ${gap}. ${floor}.`;
}

function lazy(parts) {
  return parts.klToPrior < 5e-4 ? " It is the prior: it ignores x, so its KL to the prior is zero." : "";
}

// The mass of q to the right of a point: one half of the complementary error function, by a sum over its curve.
function massRightOf(point, { mean, logVar }) {
  const t = (point - mean) / Math.exp(logVar / 2);
  let mass = 0;
  for (let u = -6; u < 6; u += 0.01) if (u > t) mass += 0.01 * Math.exp(-0.5 * u * u);
  return mass / Math.sqrt(2 * Math.PI);
}
