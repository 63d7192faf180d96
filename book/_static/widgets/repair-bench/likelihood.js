// What the decoder's output says about the pixels: p(x given z), its gradient, its mean and variance.
//
// Mirrors ZeroOneInflated and Contaminated in vaelib/likelihoods.py; equations are named as in chapter 8.
// `params` holds three numbers for each pixel: the log odds that it is black (0, the empty paper) and that it
// is white (1, ink), both against gray, and the logit of gray's mean. `likelihood` holds the constants and
// what was learned, from settings.json.

import { sigmoid } from "../common/network.js";

function softplus(value) {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
}

function logSumExp(a, b, c) {
  const top = Math.max(a, b, c);
  return top + Math.log(Math.exp(a - top) + Math.exp(b - top) + Math.exp(c - top));
}

// Log density of a normal variable (gaussian.log_density_per_cell; no variance here comes near its bounds).
function bell(x, mean, logVar) {
  return -0.5 * (Math.log(2 * Math.PI) + logVar + (x - mean) ** 2 * Math.exp(-logVar));
}

// ZeroOneInflated.components for one pixel: the logs of w0, w1 and w2, and gray's mean and log variance.
function describe(params, pixel, likelihood) {
  const [black, white, gray] = [params[3 * pixel], params[3 * pixel + 1], params[3 * pixel + 2]];
  const logTotal = logSumExp(black, white, 0);
  const { gray_intercept: a, gray_slope: b, least_gray_log_var: least } = likelihood;
  const logVar = a - b * (softplus(-gray) + softplus(gray)); // a + b log(m (1 - m))
  return {
    black: black - logTotal,
    white: white - logTotal,
    gray: -logTotal,
    mean: sigmoid(gray),
    logVar: Math.max(logVar, least),
    isNarrowest: logVar < least,
  };
}

function whiteBell({ white, white_log_var, least_gray_log_var }) {
  return { mean: Math.min(white, 1), logVar: Math.max(white_log_var, least_gray_log_var) };
}

// The logs of the three terms of eq. "ac-levels" for one pixel with the value `x`.
function terms(x, cell, likelihood) {
  const white = whiteBell(likelihood);
  const logWidth = Math.log(likelihood.level_width);
  return {
    black: cell.black + (x < 0.5 * likelihood.level_width ? 0 : -1e4),
    white: cell.white + bell(x, white.mean, white.logVar) + logWidth - likelihood.log_white_mass,
    gray: cell.gray + bell(x, cell.mean, cell.logVar) + logWidth,
  };
}

// ZeroOneInflated.log_prob of every pixel: the base of the mixture.
export function logProb(x, params, likelihood) {
  return Float64Array.from(x, (value, pixel) => {
    const { black, white, gray } = terms(value, describe(params, pixel, likelihood), likelihood);
    return logSumExp(black, white, gray);
  });
}

// The gradient in `params` of the sum over pixels of pull · log p_base(x given z).
export function logProbGradient(x, params, likelihood, pull) {
  const gradient = new Float32Array(params.length);
  for (let pixel = 0; pixel < x.length; pixel++) {
    const cell = describe(params, pixel, likelihood);
    const { black, white, gray } = terms(x[pixel], cell, likelihood);
    const total = logSumExp(black, white, gray);
    // Which of the three it was, given x, less what was expected: the score of a softmax.
    gradient[3 * pixel] = pull[pixel] * (Math.exp(black - total) - Math.exp(cell.black));
    gradient[3 * pixel + 1] = pull[pixel] * (Math.exp(white - total) - Math.exp(cell.white));
    // Gray's bell depends on its logit through its mean and through its log variance.
    const precision = Math.exp(-cell.logVar);
    const distance = x[pixel] - cell.mean;
    const inMean = distance * precision * cell.mean * (1 - cell.mean);
    const slope = cell.isNarrowest ? 0 : -likelihood.gray_slope * (2 * cell.mean - 1);
    const inLogVar = 0.5 * (distance ** 2 * precision - 1) * slope;
    gradient[3 * pixel + 2] = pull[pixel] * Math.exp(gray - total) * (inMean + inLogVar);
  }
  return gradient;
}

// ZeroOneInflated.mean and .var of every pixel.
export function moments(params, likelihood) {
  const size = params.length / 3;
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  const white = whiteBell(likelihood);
  for (let pixel = 0; pixel < size; pixel++) {
    const cell = describe(params, pixel, likelihood);
    const [w0, w1, w2] = [Math.exp(cell.black), Math.exp(cell.white), Math.exp(cell.gray)];
    const expected = w1 * white.mean + w2 * cell.mean;
    const within = w1 * Math.exp(white.logVar) + w2 * Math.exp(cell.logVar); // black has no variance
    const between =
      w0 * expected ** 2 + w1 * (white.mean - expected) ** 2 + w2 * (cell.mean - expected) ** 2;
    mean[pixel] = expected;
    variance[pixel] = within + between;
  }
  return { mean, variance };
}

// Contaminated.components: the logs of the two terms of eq. "ac-likelihood", for every pixel.
export function components(x, params, logOdds, likelihood) {
  const { level_width, gray_levels, stuck } = likelihood;
  const clean = logProb(x, params, likelihood).map((value) => value - softplus(logOdds)); // log(1 - π)
  const outlier = Float64Array.from(x, (value) => {
    const isEnd = value < 0.5 * level_width || value > 1 - 0.5 * level_width;
    return Math.log((1 - 2 * stuck) / gray_levels + (isEnd ? stuck : 0)) - softplus(-logOdds); // log(π)
  });
  return { clean, outlier };
}
