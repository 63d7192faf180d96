// From the inferred z to the repaired image. Mirrors _summarize, _with_neighbors and correct in
// vaelib/correction.py.

import { decode } from "./decoder.js";
import { infer, sample } from "./inference.js";
import { components, moments } from "./likelihood.js";

// Outlier probability, mean and standard deviation of every pixel, averaged over samples of z.
function summarize(model, x, q, logOdds) {
  const { settings } = model;
  const draws = settings.sample_noise;
  const [density, mean, square] = [0, 0, 0].map(() => new Float64Array(x.length));
  for (const noise of draws) {
    const params = decode(model, sample(q, noise, settings.inference.log_var_limit)).at(-1);
    const { clean, outlier } = components(x, params, logOdds, settings.likelihood);
    const expected = moments(params, settings.likelihood);
    for (let pixel = 0; pixel < x.length; pixel++) {
      density[pixel] += Math.exp(clean[pixel] - outlier[pixel]) / draws.length;
      mean[pixel] += expected.mean[pixel] / draws.length;
      square[pixel] += (expected.variance[pixel] + expected.mean[pixel] ** 2) / draws.length;
    }
  }
  const outlierProbability = density.map((value) => 1 / (1 + value));
  const std = square.map((value, pixel) => Math.sqrt(Math.max(value - mean[pixel] ** 2, 0))); // "ac-variance"
  return { outlierProbability, ...withNeighbors(x, outlierProbability, mean, std, settings.inference) };
}

// Both given also how the decoder missed the healthy pixels around: eq. "ac-neighbors".
function withNeighbors(x, outlierProbability, mean, std, { neighbors, neighbor_variance, neighbor_share }) {
  const side = Math.sqrt(x.length);
  const total = neighbors.flat().reduce((sum, weight) => sum + weight, 0);
  const near = (valueOf) =>
    Float64Array.from(x, (_, pixel) => {
      const [row, column] = [Math.floor(pixel / side), pixel % side];
      let sum = 0;
      for (let down = -1; down <= 1; down++) {
        for (let right = -1; right <= 1; right++) {
          const inside =
            row + down >= 0 && row + down < side && column + right >= 0 && column + right < side;
          if (inside) sum += (neighbors[down + 1][right + 1] / total) * valueOf(pixel + down * side + right);
        }
      }
      return sum;
    });
  const healthy = (pixel) => 1 - outlierProbability[pixel];
  const variance = near((pixel) => healthy(pixel) * std[pixel] ** 2);
  const missed = near((pixel) => healthy(pixel) * std[pixel] * (x[pixel] - mean[pixel]));
  const reliable = variance.map((value) => 1 / (value + neighbor_variance));
  return {
    mean: mean.map((value, pixel) => {
      const moved = value + missed[pixel] * reliable[pixel] * std[pixel];
      return Math.min(Math.max(moved, 0), 1);
    }),
    std: std.map((value, pixel) => {
      return value * Math.sqrt(1 - neighbor_share * variance[pixel] * reliable[pixel]);
    }),
  };
}

// What `correct` returns for the q and the log odds that were inferred.
export function answer(model, x, { q, logOdds }) {
  const summary = summarize(model, x, q, logOdds);
  const repaired = summary.mean.map((value, pixel) => {
    const r = summary.outlierProbability[pixel];
    return r * value + (1 - r) * x[pixel]; // eq. "ac-repair"
  });
  return { ...summary, repaired };
}

// The answer that `correct` would give if it stopped after each step; the last one is its answer.
export function* repair(model, x) {
  for (const state of infer(model, x)) yield { step: state.step, ...answer(model, x, state) };
}
