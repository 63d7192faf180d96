// The bound and its parts, for q = N(mean, exp(logVar)), in nats.

import { integrate } from "./integrate.js";
import { logNormal } from "./model.js";

// E_q[log p(x | z)], the first term of equation (elbo-two-terms): with a feature's mean a and variance b under q,
// its expected squared error is (x − a)² + b. Like LinearGaussian.reconstruction, for a bent decoder too.
export function reconstruction(model, x, { mean, logVar }) {
  const moments = model.moments(mean, Math.exp(logVar));
  const squaredError = x.reduce((sum, value, i) => sum + (value - moments[i].a) ** 2 + moments[i].b, 0);
  const logNormalizer = x.length * Math.log(2 * Math.PI * model.noiseVariance);
  return -0.5 * (squaredError / model.noiseVariance + logNormalizer);
}

// Its second term, KL(q ‖ prior): vaelib.gaussian.kl_to_standard_normal.
export function klToPrior({ mean, logVar }) {
  return 0.5 * (mean ** 2 + Math.exp(logVar) - 1 - logVar);
}

export function elbo(model, x, q) {
  return reconstruction(model, x, q) - klToPrior(q);
}

// The slope of the ELBO in the mean and in the log variance, by the chain rule.
export function elboGradient(model, x, { mean, logVar }) {
  const variance = Math.exp(logVar);
  let byMean = -mean;
  let byVariance = -0.5 + 0.5 / variance;
  model.moments(mean, variance).forEach((feature, i) => {
    const error = x[i] - feature.a;
    byMean += (2 * error * feature.aByMean - feature.bByMean) / (2 * model.noiseVariance);
    byVariance += (2 * error * feature.aByVariance - feature.bByVariance) / (2 * model.noiseVariance);
  });
  return { mean: byMean, logVar: variance * byVariance };
}

// KL(q ‖ posterior), the gap of equation (elbo-identity), by its definition: the integral of q · log(q / posterior).
// It is not computed as a difference of the other bars; that they add up is a result.
export function klToPosterior(posterior, { mean, logVar }) {
  const std = Math.exp(logVar / 2);
  const integrand = (z) => {
    const logQ = logNormal(z, mean, std ** 2);
    return Math.exp(logQ) * (logQ - posterior.logDensity(z));
  };
  return integrate.trapezoid(integrand, mean - 10 * std, mean + 10 * std, 400);
}

// Everything that the bars show.
export function measure(model, x, posterior, q) {
  const parts = {
    reconstruction: reconstruction(model, x, q),
    klToPrior: klToPrior(q),
    elbo: elbo(model, x, q),
    klToPosterior: klToPosterior(posterior, q),
    logEvidence: model.logEvidence(model, x),
  };
  return { ...parts, residual: parts.elbo + parts.klToPosterior - parts.logEvidence };
}
