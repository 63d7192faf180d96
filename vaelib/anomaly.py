"""How anomalous an example is, and above which score to call it an anomaly.

Every score is larger for what is more anomalous. All examples are scored with the same draws of noise, so
that a score is a property of the example alone: it does not depend on the other rows of the batch, their
number or their order, except that the last digits of float32 may round differently.
"""

import math
from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from vaelib import gaussian
from vaelib.checks import check_name
from vaelib.vae import VAE, log_mean_exp

NUM_SAMPLES = 64
REGRET_NUM_SAMPLES = 16  # which are decoded anew at each of its steps
REGRET_STEPS = 100
REGRET_LEARNING_RATE = 0.1
DECODED_AT_ONCE = 8192  # latent vectors at a time: enough to keep the processor busy


def anomaly_score(vae, x, kind="nll", num_samples=None, seed=0):
    """How anomalous each example is under a VAE that was trained on normal data.

    ================================ ================================================================
    ``"reconstruction"``             squared error of ``vae.reconstruct(x)``, summed over cells
    ``"reconstruction_probability"`` -E_q[log p(x given z)], the part of the ELBO that looks at x
    ``"elbo"``                       -ELBO, which adds how far q lies from the prior
    ``"nll"``                        minus the importance-weighted bound, the nearest to -log p(x)
    ``"likelihood_regret"``          the ELBO of the best q for this example alone, minus the encoder's
    ================================ ================================================================

    The last four are in nats. A NaN cell is missing and adds nothing. The regret takes 100 gradient steps
    and so costs some hundred times what the others do.

    Args:
        vae: a :class:`~vaelib.vae.VAE`.
        x: examples, shape ``(batch, *data_shape)``.
        kind: one of the five above.
        num_samples: samples of z for each example; None means 64, and 16 for the regret.
            ``"reconstruction"`` takes the posterior mean and needs none.
        seed: an int: the same seed gives the same noise.

    Returns:
        Scores, shape (batch,), float32, a NumPy array. Memory does not grow with the batch.

    Raises:
        TypeError: if ``vae`` is not a VAE or ``x`` is not numeric.
        ValueError: for an unknown kind, ``num_samples`` below 1, or data that the VAE cannot explain.

    Source: An & Cho (2015) for the reconstruction probability; Burda, Grosse & Salakhutdinov (2016) for the
    bound; Xiao, Yan & Amit (2020) for the likelihood regret.
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"anomaly_score expects a VAE; got {vae!r}. An autoencoder has no posterior.")
    check_name(kind, SCORES, "kind")
    if num_samples is None:
        num_samples = REGRET_NUM_SAMPLES if kind == "likelihood_regret" else NUM_SAMPLES
    if num_samples < 1:
        raise ValueError(f"num_samples expects an integer of at least 1; got {num_samples!r}.")
    x = vae.check(np.asarray(x))
    score = SCORES[kind](vae, shared_noise(num_samples, vae.latent_dim, seed))
    rows = rows_at_once(num_samples)
    parts = [score(x[start : start + rows]) for start in range(0, len(x), rows)]
    return np.concatenate(parts).astype("float32")


def rows_at_once(num_samples):
    """How many examples are scored at a time when each takes so many samples.

    Args:
        num_samples: samples of z for each example.

    Returns:
        An int, at least 1.
    """
    return max(1, DECODED_AT_ONCE // num_samples)


def shared_noise(num_samples, latent_dim, seed=0):
    """Standard normal draws that cover the space more evenly than independent ones.

    Each draw alone is exactly standard normal, so that an average over them is unbiased, but their averages
    vary less: the points come from a scrambled Sobol sequence.

    Args:
        num_samples: how many.
        latent_dim: dimensions of z.
        seed: an int.

    Returns:
        Noise, shape (num_samples, latent_dim), float32.

    Source: Buchholz, Wenzel & Mandt (2018).
    """
    from scipy.stats import qmc

    engine = qmc.MultivariateNormalQMC(np.zeros(latent_dim), rng=np.random.default_rng(seed))
    balanced = 2 ** math.ceil(math.log2(num_samples))  # Sobol points come in powers of two
    return engine.random(balanced)[:num_samples].astype("float32")


def conformal_threshold(normal_scores, false_positive_rate):
    """Score above which to call an example an anomaly, so that normal ones rarely are.

    A fresh normal example scores above the threshold with at most the probability asked for, whatever the
    model and however few the scores: with n of them it is the k-th smallest, k = ceil((1 - rate)(n + 1)).
    The one more is the fresh example itself, which ranks among them as any other does. Where n is below
    1 / rate - 1, no finite threshold can promise so much, and it is infinite: nothing is called an anomaly.

    The promise is kept on average over draws of the normal examples, and only if these were not used for
    training or for choosing the model.

    Args:
        normal_scores: scores of held-out normal examples, shape (n,); larger is more anomalous.
        false_positive_rate: share of normal examples that may be called anomalies, between 0 and 1.

    Returns:
        The threshold, a float. An anomaly is what scores above it, not at it.

    Raises:
        ValueError: if the scores are not a row of finite numbers, or the rate is not between 0 and 1.

    Source: Bates et al. (2023), section 2; Vovk, Gammerman & Shafer (2005).
    """
    scores = np.asarray(normal_scores, "float64")
    if scores.ndim != 1 or not scores.size:
        raise ValueError(
            f"normal_scores expects shape (n,), one score for each example; got {scores.shape}. "
            "anomaly_score gives them."
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(
            f"normal_scores expects finite numbers; got {bad} NaN or infinite. Look at these examples first."
        )
    if not 0 < false_positive_rate < 1:
        raise ValueError(
            f"false_positive_rate expects a share between 0 and 1; got {false_positive_rate!r}. "
            "5 per cent is 0.05."
        )
    rank = math.ceil(round((1 - false_positive_rate) * (len(scores) + 1), 9))  # 0.7 · 10 is 7, not above
    return math.inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


# Each score: given the VAE and the noise, a function from examples to scores. The first three formulas are of
# log p(x given z) and log q(z given x) - log p(z), both (samples, batch), and of the KL, (batch,).


def _minus_reconstruction(log_likelihood, log_density_ratio, kl):
    return -log_likelihood.mean(axis=0)


def _minus_elbo(log_likelihood, log_density_ratio, kl):
    return kl - log_likelihood.mean(axis=0)


def _minus_bound(log_likelihood, log_density_ratio, kl):
    return -np.asarray(log_mean_exp(log_likelihood - log_density_ratio))


def _reconstruction(vae, noise):
    return lambda x: np.nansum(np.square(x - vae._reconstruct(x)), axis=tuple(range(1, x.ndim)))


def _from_samples(formula, vae, noise):
    def score(x):
        mean, log_var = vae._posterior(x)
        log_likelihood, log_density_ratio = [], []
        for start in range(0, len(noise), DECODED_AT_ONCE):
            z = gaussian.reparameterize(mean, log_var, noise[start : start + DECODED_AT_ONCE, None])
            log_q = gaussian.log_density(z, mean, log_var)
            log_density_ratio.append(log_q - gaussian.log_density(z, 0.0, 0.0))
            log_likelihood.append(vae.log_prob_per_example(x, z))
        kl = np.asarray(gaussian.kl_to_standard_normal(mean, log_var))
        return formula(np.concatenate(log_likelihood), np.concatenate(log_density_ratio), kl)

    return score


def _likelihood_regret(vae, noise):
    def elbo(x, mean, log_var):
        z = gaussian.reparameterize(mean, log_var, noise[:, None])  # (samples, batch, latent_dim)
        log_likelihood = vae.log_prob_per_example(x, z)
        return ops.mean(log_likelihood, axis=0) - gaussian.kl_to_standard_normal(mean, log_var)

    @tf.function
    def regret(x, mean, log_var):
        q = tf.stack([mean, log_var])  # (2, batch, latent_dim)
        velocity, scale = tf.zeros_like(q), tf.zeros_like(q)
        encoders = best = elbo(x, mean, log_var)
        for step in tf.range(1, REGRET_STEPS + 1):  # Adam, its steps shrinking to nothing
            with tf.GradientTape() as tape:
                tape.watch(q)
                bound = elbo(x, q[0], q[1])
            best = tf.maximum(best, bound)
            gradient = tape.gradient(bound, q)
            velocity = 0.9 * velocity + 0.1 * gradient
            scale = 0.99 * scale + 0.01 * tf.square(gradient)
            time = tf.cast(step, "float32")
            unbiased = velocity / (1 - 0.9**time), scale / (1 - 0.99**time)
            rate = REGRET_LEARNING_RATE * tf.cos(0.5 * math.pi * time / REGRET_STEPS)
            q += rate * unbiased[0] / (tf.sqrt(unbiased[1]) + 1e-8)
        return tf.maximum(best, elbo(x, q[0], q[1])) - encoders

    examples, moments = ((None, *shape) for shape in (vae.data_shape, (vae.latent_dim,)))
    regret = regret.get_concrete_function(*map(tf.TensorSpec, (examples, moments, moments)))  # traced once
    return lambda x: np.asarray(regret(tf.constant(x), *vae._posterior(x)))


SCORES = {
    "reconstruction": _reconstruction,
    "reconstruction_probability": partial(_from_samples, _minus_reconstruction),
    "elbo": partial(_from_samples, _minus_elbo),
    "nll": partial(_from_samples, _minus_bound),
    "likelihood_regret": _likelihood_regret,
}
