// The two models. Each draws z ~ N(0, 1), and then an observation of two features,
//   x₁ ~ N(f(z), σ²)  and  x₂ ~ N(z / 2, σ²).
// "straight" has f(z) = z and σ² = 0.5: it is `line`, vaelib.LinearGaussian([[1], [0.5]], [0, 0], 0.5), of the
// section "How the bound moves". "bent" has f(z) = z² / 2 and σ² = 0.2: z and −z look almost alike to it.
//
// `decode` gives what the features are expected to be for one z. `moments` gives the same when z ~ N(mean,
// variance): each feature's mean a and variance b, with the slopes of both in the mean and the variance of z.

import { integrate } from "./integrate.js";

const LOG_TWO_PI = Math.log(2 * Math.PI);

export function logNormal(z, mean, variance) {
  return -0.5 * ((z - mean) ** 2 / variance + Math.log(variance) + LOG_TWO_PI);
}

function secondFeature(mean, variance) {
  return { a: mean / 2, b: variance / 4, aByMean: 1 / 2, aByVariance: 0, bByMean: 0, bByVariance: 1 / 4 };
}

export const MODELS = {
  straight: {
    noiseVariance: 0.5,
    decode: (z) => [z, z / 2],
    moments: (mean, variance) => [
      { a: mean, b: variance, aByMean: 1, aByVariance: 0, bByMean: 0, bByVariance: 1 },
      secondFeature(mean, variance),
    ],
    logEvidence: gaussianLogEvidence,
    posterior: gaussianPosterior,
  },
  bent: {
    noiseVariance: 0.2,
    decode: (z) => [z ** 2 / 2, z / 2],
    moments: (mean, variance) => [
      {
        a: (mean ** 2 + variance) / 2, // E[z²] = mean² + variance
        b: mean ** 2 * variance + variance ** 2 / 2, // Var[z²] = 4 mean² variance + 2 variance²
        aByMean: mean,
        aByVariance: 1 / 2,
        bByMean: 2 * mean * variance,
        bByVariance: mean ** 2 + variance,
      },
      secondFeature(mean, variance),
    ],
    logEvidence: integratedLogEvidence,
    posterior: tabulatedPosterior,
  },
};

export function logLikelihood(model, x, z) {
  const expected = model.decode(z);
  return x.reduce((sum, value, i) => sum + logNormal(value, expected[i], model.noiseVariance), 0);
}

export function logJoint(model, x, z) {
  return logLikelihood(model, x, z) + logNormal(z, 0, 1);
}

// LinearGaussian.log_evidence: without z, x is Gaussian with covariance W Wᵀ + σ² I, here 2 × 2.
function gaussianLogEvidence(model, [x1, x2]) {
  const [w1, w2] = model.decode(1);
  const s11 = w1 * w1 + model.noiseVariance;
  const s12 = w1 * w2;
  const s22 = w2 * w2 + model.noiseVariance;
  const determinant = s11 * s22 - s12 * s12;
  const distance = (s22 * x1 * x1 - 2 * s12 * x1 * x2 + s11 * x2 * x2) / determinant;
  return -0.5 * (distance + Math.log(determinant)) - LOG_TWO_PI;
}

// LinearGaussian.posterior: a Gaussian with precision 1 + |W|² / σ².
function gaussianPosterior(model, [x1, x2]) {
  const [w1, w2] = model.decode(1);
  const variance = 1 / (1 + (w1 * w1 + w2 * w2) / model.noiseVariance);
  const mean = (variance * (w1 * x1 + w2 * x2)) / model.noiseVariance;
  return { mean, variance, peaks: [mean], logDensity: (z) => logNormal(z, mean, variance) };
}

// The evidence as chapter 2 does it for one cause: likelihood times prior on a fine grid, added up.
function integratedLogEvidence(model, x) {
  return Math.log(integrate.simpson((z) => Math.exp(logJoint(model, x, z)), -8, 8, 2000));
}

// The posterior as a table: the joint divided by its own sum. It does not ask integratedLogEvidence for p(x),
// and uses another rule and another grid, so that the identity of the bars stays a check of both.
function tabulatedPosterior(model, x) {
  const density = (z) => Math.exp(logJoint(model, x, z));
  const logNormalizer = Math.log(integrate.trapezoid(density, -7, 7, 900));
  const logDensity = (z) => logJoint(model, x, z) - logNormalizer;
  const peaks = [];
  for (let z = -3; z < 3; z += 0.01) {
    const here = logDensity(z);
    if (here > logDensity(z - 0.01) && here >= logDensity(z + 0.01)) peaks.push(z);
  }
  const posterior = { logDensity, peaks };
  if (peaks.length === 2) {
    posterior.valley = lowest(logDensity, ...peaks);
    posterior.shareOnTheRight = integrate.trapezoid((z) => Math.exp(logDensity(z)), posterior.valley, 7, 900);
  }
  return posterior;
}

function lowest(f, from, to) {
  let best = from;
  for (let z = from; z < to; z += 0.01) if (f(z) < f(best)) best = z;
  return best;
}
