"""Repair by robust posterior inference: which cells are damaged, and what they should have been.

The encoder cannot be trusted with damaged data: it has never seen any, and the damage leaks into its z. So
z is inferred anew for each example, by gradient steps on the ELBO of the contaminated likelihood, under which
a cell that nothing explains is an outlier and stops pulling.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from vaelib import gaussian
from vaelib.likelihoods import Contaminated
from vaelib.model import split_missing
from vaelib.vae import VAE

ROWS_AT_ONCE = 500
STEPS = 100
LEARNING_RATE = 0.3
FIRST_WEIGHT = 0.05  # of the likelihood against the prior: the search begins on a smoother surface
NUM_SAMPLES = 16  # of z, of which the answer is the average
NEIGHBORS = np.exp(-2.0 * np.array([[2.0, 1.0, 2.0], [1.0, np.inf, 1.0], [2.0, 1.0, 2.0]]))  # their weights
NEIGHBOR_VARIANCE = 0.003  # of residuals, in squared units of the data, that neighbors do not share
NEIGHBOR_SHARE = 0.15  # of a cell's variance, explained where all neighbors are healthy
PRIOR_CELLS = 10.0  # how many cells the likelihood's own outlier probability counts for


class Correction(NamedTuple):
    """What :func:`correct` finds; each field has the shape of the data, float32."""

    x: np.ndarray
    outlier_probability: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def correct(vae, x, known=None, seed=0, leave_one_out=False):
    """Repair damaged cells and fill missing ones.

    For each example the posterior of z, a diagonal Gaussian, and the share of damaged cells are inferred
    together. A cell's repair is what was observed and what the decoder expects, weighted by the probability
    that the cell is an outlier. In an image the healthy neighbors have a say, too: where the decoder missed
    them it will have missed the cell by as much, measured in standard deviations.

    Args:
        vae: a :class:`~vaelib.vae.VAE`. Unless its likelihood is a
            :class:`~vaelib.likelihoods.Contaminated`, that is put around it with its defaults.
        x: examples, shape ``(batch, *data_shape)``; NaN cells are missing and are filled.
        known: None: every observed cell is under suspicion. Or bool, shape of ``x``: cells with True are
            trusted and come back to the bit, those with False count as missing.
        seed: an int: the same seed gives the same repair, whatever the other examples of the batch.
        leave_one_out: infer z anew for each cell from the others, so that a damaged cell cannot vouch for
            itself. Better, and as many times slower as an example has cells: for tables.

    Returns:
        :class:`Correction`: ``x``, the repaired data; ``outlier_probability`` of each observed cell, 0 where
        it is trusted or missing; and ``mean`` and ``std``, what the model expects the undamaged cell
        to have been and how far off it expects to be. Memory does not grow with the batch, apart from these.

    Raises:
        TypeError: if ``vae`` is not a VAE, or ``x`` or ``known`` is of the wrong kind.
        ValueError: if ``known`` has another shape or calls a NaN known, or the VAE cannot explain ``x``.
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"correct expects a VAE; got {vae!r}. An autoencoder has no posterior.")
    x = vae.check(np.asarray(x))
    trusted = _checked_known(known, x)
    if known is not None:
        x = np.where(trusted, x, np.float32(np.nan))
    rng = np.random.default_rng(seed)
    step_noise, sample_noise = (_balanced_noise(n, vae.latent_dim, rng) for n in (STEPS, NUM_SAMPLES))
    infer, summarize = _compiled(vae)
    rows = min(len(x), ROWS_AT_ONCE)
    repair, outlier_probability, mean, std = (np.empty_like(x) for _ in Correction._fields)
    for start in range(0, len(x), rows):
        part = np.arange(start, start + rows) % len(x)  # filled up: one shape to compile
        cells = tf.constant(x[part]), tf.constant(trusted[part])
        if leave_one_out:
            answer = _leave_one_out(infer, summarize, *cells, step_noise, sample_noise)
        else:
            answer = summarize(*cells, *infer(*cells, step_noise), sample_noise)
        here = slice(start, start + rows)
        for field, found in zip((outlier_probability, mean, std), answer, strict=True):
            field[here] = np.asarray(found)[: len(x) - start]
        blend = outlier_probability[here] * mean[here] + (1 - outlier_probability[here]) * x[here]
        blend = np.where(np.isnan(x[here]), mean[here], blend)
        repair[here] = np.where(trusted[here], x[here], blend)
    return Correction(repair, outlier_probability, mean, std)


def _checked_known(known, x):
    if known is None:
        return np.zeros(x.shape, bool)
    known = np.asarray(known)
    if known.dtype != bool:
        raise TypeError(f"known expects bool; got dtype {known.dtype}. True marks a cell to be trusted.")
    if known.shape != x.shape:
        raise ValueError(f"known expects the shape of x, {x.shape}; got {known.shape}. One bool for a cell.")
    if np.isnan(x[known]).any():
        raise ValueError(
            f"known expects True only where x holds a number; got {int(np.isnan(x[known]).sum())} NaN cells "
            "marked as known. Use known & ~np.isnan(x)."
        )
    return known


def _balanced_noise(number, latent_dim, rng):
    """Normal draws, each followed by its opposite, so that their mean is 0, and scaled to a variance of 1."""
    half = rng.standard_normal((number // 2, 1, latent_dim), "float32")
    half /= np.sqrt(np.mean(np.square(half), axis=0))
    return tf.constant(np.stack([half, -half], axis=1).reshape(number, 1, latent_dim))


def _compiled(vae):
    """The two functions below for this VAE, kept with it: compiling takes longer than a batch."""
    if "_robust_inference" not in vars(vae):
        robust = isinstance(vae.likelihood, Contaminated)
        likelihood = vae.likelihood if robust else Contaminated(vae.likelihood)
        is_dense = not any(len(weight.shape) > 2 for weight in vae.weights)  # where XLA pays
        compiled = [
            tf.function(partial(function, vae, likelihood), jit_compile=is_dense)
            for function in (_infer, _summarize)
        ]
        object.__setattr__(vae, "_robust_inference", compiled)  # unseen by Keras, which saves what it sees
    return vae._robust_inference


def _leave_one_out(infer, summarize, x, trusted, step_noise, sample_noise):
    """What ``summarize`` says of each cell when z and the share of damage come from the other cells."""
    size = math.prod(x.shape[1:])
    answer = [0.0, 0.0, 0.0]
    for cell in range(size):
        held_out = tf.reshape(tf.one_hot(cell, size, True, False, dtype="bool"), (1, *x.shape[1:]))
        q, log_odds = infer(tf.where(held_out, float("nan"), x), trusted, step_noise)
        found = summarize(x, trusted, q, log_odds, sample_noise)
        answer = [tf.where(held_out, new, old) for new, old in zip(found, answer, strict=True)]
    return answer


def _infer(vae, likelihood, x, trusted, noise):
    """Robust posterior of z, its mean and log variance (2, batch, latent_dim), and the log odds of damage.

    Minus the ELBO under the contaminated likelihood, and the share of damaged cells, by gradient steps and
    re-estimation in turn; the search begins with little weight on the likelihood.
    """
    observed, suspected, filled = _cells(x, trusted)
    q = tf.stack(vae._posterior(x))
    log_odds = _log_odds(likelihood, tf.zeros_like(filled), suspected)
    velocity, scale = tf.zeros_like(q), tf.zeros_like(q)
    for step in tf.range(STEPS):
        time = tf.cast(step + 1, "float32")
        weight = FIRST_WEIGHT ** tf.maximum(1.0 - 2.0 * time / STEPS, 0.0)
        with tf.GradientTape() as tape:
            tape.watch(q)
            params = vae._params(gaussian.reparameterize(q[0], q[1], noise[step]))
            clean, outlier = likelihood.components(filled, params, log_odds)
            log_prob = tf.where(suspected, ops.logaddexp(clean, outlier), clean)
            log_prob = tf.reduce_sum(tf.where(observed, log_prob, 0.0), axis=range(1, len(x.shape)))
            bound = weight * log_prob - gaussian.kl_to_standard_normal(q[0], q[1])
        gradient = tape.gradient(bound, q)
        log_odds = _log_odds(likelihood, tf.sigmoid(outlier - clean), suspected)
        velocity = 0.9 * velocity + 0.1 * gradient  # Adam, its steps shrinking to nothing
        scale = 0.99 * scale + 0.01 * tf.square(gradient)
        unbiased = velocity / (1.0 - 0.9**time), scale / (1.0 - 0.99**time)
        rate = LEARNING_RATE * tf.cos(0.5 * math.pi * time / STEPS)
        q += rate * unbiased[0] / (tf.sqrt(unbiased[1]) + 1e-8)
    return q, log_odds


def _summarize(vae, likelihood, x, trusted, q, log_odds, noise):
    """Outlier probability, mean and standard deviation of each cell, averaged over samples of z."""
    observed, suspected, filled = _cells(x, trusted)
    density, mean, square = tf.zeros_like(filled), tf.zeros_like(filled), tf.zeros_like(filled)
    for step in tf.range(NUM_SAMPLES):
        params = vae._params(gaussian.reparameterize(q[0], q[1], noise[step]))
        clean, outlier = likelihood.components(filled, params, log_odds)
        expected = likelihood.mean(params)
        density += tf.exp(clean - outlier) / NUM_SAMPLES
        mean += expected / NUM_SAMPLES
        square += (likelihood.var(params) + tf.square(expected)) / NUM_SAMPLES
    outlier_probability = tf.where(suspected, 1.0 / (1.0 + density), 0.0)
    std = tf.sqrt(tf.maximum(square - tf.square(mean), 0.0))
    if len(x.shape) == 4:
        healthy = tf.where(observed, 1.0 - outlier_probability, 0.0)
        mean, std = _with_neighbors(filled, healthy, mean, std)
        mean = tf.clip_by_value(mean, *likelihood.support)
    return outlier_probability, mean, std


def _with_neighbors(x, healthy, mean, std):
    """Mean and standard deviation of each pixel, given also how the decoder missed the healthy ones around.

    A residual is taken to be a gain times the pixel's standard deviation. Neighbors share the gain, which
    is found by least squares, each neighbor weighted by how close and how probably healthy it is.
    """
    weights = (NEIGHBORS / NEIGHBORS.sum())[..., None, None].astype("float32")
    kernel = tf.tile(weights, (1, 1, x.shape[-1], 1))  # each channel for itself
    near = partial(tf.nn.depthwise_conv2d, filter=kernel, strides=[1, 1, 1, 1], padding="SAME")
    variance = near(healthy * tf.square(std))
    reliable = 1.0 / (variance + NEIGHBOR_VARIANCE)
    gain = near(healthy * std * (x - mean)) * reliable
    return mean + gain * std, std * tf.sqrt(1.0 - NEIGHBOR_SHARE * variance * reliable)


def _cells(x, trusted):
    """Which cells are observed, which of them are under suspicion, and the data with 0 where missing."""
    observed, filled = split_missing(x)
    return observed, tf.logical_and(observed, tf.logical_not(trusted)), filled


def _log_odds(likelihood, is_outlier, suspected):
    """Log odds of damage in each example: its expected share of outliers, drawn to the likelihood's own."""
    axes = tuple(range(1, len(is_outlier.shape)))
    prior = PRIOR_CELLS * ops.sigmoid(likelihood.log_odds)
    is_outlier, suspected = (ops.cast(cells, "float32") for cells in (is_outlier, suspected))
    outliers = prior + ops.sum(is_outlier * suspected, axis=axes, keepdims=True)
    others = PRIOR_CELLS - prior + ops.sum((1.0 - is_outlier) * suspected, axis=axes, keepdims=True)
    return ops.log(outliers) - ops.log(others)
