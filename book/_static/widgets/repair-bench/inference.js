// Robust inference of z: gradient steps on the ELBO of one damaged image, eq. "ac-bound" of the chapter.
//
// Mirrors _infer, _sample and _log_odds in vaelib/correction.py.

import { sigmoid } from "../common/network.js";
import { backward, decode, encode } from "./decoder.js";
import { components, logProbGradient } from "./likelihood.js";

// The exponential of a multiple of a log variance that is kept within its bounds, as gaussian.bounded does.
function expBounded(factor, logVar, limit) {
  return Math.exp(factor * Math.min(Math.max(logVar, -limit), limit));
}

// The reparameterization trick: z = mean + std · noise.
export function sample({ mean, logVar }, noise, limit) {
  return mean.map((value, unit) => value + expBounded(0.5, logVar[unit], limit) * noise[unit]);
}

// The gradient in q of weight · log p(x given z) - KL(q ‖ p), and every pixel's outlier probability r.
export function ascent(model, x, q, logOdds, weight, noise) {
  const { likelihood, inference } = model.settings;
  const outputs = decode(model, sample(q, noise, inference.log_var_limit));
  const params = outputs.at(-1);
  const { clean, outlier } = components(x, params, logOdds, likelihood);
  const r = clean.map((value, pixel) => sigmoid(outlier[pixel] - value)); // eq. "ac-responsibility"
  const pull = r.map((value) => weight * (1 - value)); // eq. "ac-influence": an outlier stops pulling
  const inZ = backward(model, outputs, logProbGradient(x, params, likelihood, pull));
  const mean = inZ.map((value, unit) => value - q.mean[unit]);
  const logVar = inZ.map((value, unit) => {
    const std = expBounded(0.5, q.logVar[unit], inference.log_var_limit);
    const inKl = 0.5 * (expBounded(1, q.logVar[unit], inference.log_var_limit) - 1);
    return value * noise[unit] * 0.5 * std - inKl;
  });
  return { mean, logVar, r };
}

// Log odds of damage: the expected share of outliers, drawn to the likelihood's own by imaginary pixels.
export function updatedLogOdds(r, { likelihood, inference }) {
  const prior = inference.prior_cells * sigmoid(likelihood.outlier_log_odds);
  const outliers = r.reduce((sum, value) => sum + value, prior);
  return Math.log(outliers) - Math.log(inference.prior_cells + r.length - outliers);
}

// Adam, its steps shrinking to nothing along a quarter of a cosine wave.
class Ascender {
  constructor(values, learningRate, steps) {
    Object.assign(this, { values, learningRate, steps });
    this.velocity = new Float32Array(values.length);
    this.scale = new Float32Array(values.length);
  }

  step(gradient, time) {
    const rate = this.learningRate * Math.cos((0.5 * Math.PI * time) / this.steps);
    for (let unit = 0; unit < gradient.length; unit++) {
      this.velocity[unit] = 0.9 * this.velocity[unit] + 0.1 * gradient[unit];
      this.scale[unit] = 0.99 * this.scale[unit] + 0.01 * gradient[unit] ** 2;
      const velocity = this.velocity[unit] / (1 - 0.9 ** time);
      const scale = this.scale[unit] / (1 - 0.99 ** time);
      this.values[unit] += (rate * velocity) / (Math.sqrt(scale) + 1e-8);
    }
  }
}

// Yields q and the log odds of damage before the first step and after each. They change from step to step
// in place: use them before you ask for the next.
export function* infer(model, x) {
  const { steps, learning_rate, first_weight } = model.settings.inference;
  const q = encode(model, x); // the encoder is the start, not the judge
  const ascenders = {
    mean: new Ascender(q.mean, learning_rate, steps),
    logVar: new Ascender(q.logVar, learning_rate, steps),
  };
  let logOdds = updatedLogOdds(new Float64Array(x.length), model.settings);
  yield { step: 0, q, logOdds };
  for (let time = 1; time <= steps; time++) {
    const weight = first_weight ** Math.max(1 - (2 * time) / steps, 0);
    const found = ascent(model, x, q, logOdds, weight, model.settings.step_noise[time - 1]);
    logOdds = updatedLogOdds(found.r, model.settings);
    ascenders.mean.step(found.mean, time);
    ascenders.logVar.step(found.logVar, time);
    yield { step: time, q, logOdds };
  }
}
