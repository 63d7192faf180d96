"""Filling in missing cells: what they are expected to be, and draws of what they may be.

Both come from p(missing given observed), reached through the posterior of z given the observed cells: samples
of the encoder's q, each weighted by how much likelier it is under the model than under q.
"""

import keras
import numpy as np
from keras import ops

from vaelib import gaussian
from vaelib.anomaly import DECODED_AT_ONCE, rows_at_once, shared_noise
from vaelib.vae import VAE


def impute(vae, x, num_samples=1000, draws=None, seed=0):
    """Fill in the missing cells of each example from its observed ones.

    With weights w proportional to p(observed given z) p(z) / q(z given observed), that sum to one over the
    samples of z, a missing cell becomes the weighted mean of what the decoder expects of it. A draw takes
    one of the samples with probability w and draws the missing cells from the likelihood given that z, all
    from the same one, so that they fit each other.

    Args:
        vae: a :class:`~vaelib.vae.VAE`, best trained on data with cells missing in the same way.
        x: examples, shape ``(batch, *data_shape)``, NaN where a cell is missing.
        num_samples: samples of z for each example. The weighted mean is biased by about 1 / num_samples.
        draws: None for the mean, or how many completions to draw, for multiple imputation.
        seed: an int: the same seed gives the same bits.

    Returns:
        ``x`` filled in, float32, shape ``(batch, *data_shape)``, or ``(draws, batch, *data_shape)``.
        Observed cells come back to the bit. Memory does not grow with the batch, apart from the result.

    Raises:
        TypeError: if ``vae`` is not a VAE or ``x`` is not numeric.
        ValueError: if ``num_samples`` or ``draws`` is below 1, or the VAE cannot explain the observed cells.

    Source: Mattei & Frellsen (2019), eq. 12, and their section 3.3 for the draws.
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"impute expects a VAE; got {vae!r}. An autoencoder has no posterior.")
    for name, number in (("num_samples", num_samples), ("draws", 1 if draws is None else draws)):
        if number < 1:
            raise ValueError(f"{name} expects an integer of at least 1; got {number!r}.")
    x = vae.check(np.asarray(x))
    missing = np.isnan(x)
    filled = np.repeat(x[None], draws or 1, axis=0)
    noise = shared_noise(num_samples, vae.latent_dim, seed)
    rng, generator = np.random.default_rng(seed), keras.random.SeedGenerator(seed)
    incomplete = np.flatnonzero(missing.reshape(len(x), -1).any(axis=1))
    rows = rows_at_once(num_samples)
    for start in range(0, len(incomplete), rows):
        part = incomplete[start : start + rows]
        z, weights = posterior_samples(vae, x[part], noise)
        guess = _mean(vae, z, weights) if draws is None else _draw(vae, z, weights, draws, rng, generator)
        filled[:, part] = np.where(missing[part], guess, x[part])
    return filled[0] if draws is None else filled


def posterior_samples(vae, x, noise):
    """Weighted samples of z that stand for its posterior given the observed cells.

    Args:
        vae: a :class:`~vaelib.vae.VAE`.
        x: examples, shape ``(batch, *data_shape)``, NaN where a cell is missing.
        noise: standard normal draws, shape (samples, latent_dim).

    Returns:
        z, shape (samples, batch, latent_dim), and weights that sum to one over the samples,
        (samples, batch).
    """
    mean, log_var = vae._posterior(x)
    z = gaussian.reparameterize(mean, log_var, noise[:, None])
    pieces = [z[start : start + DECODED_AT_ONCE] for start in range(0, len(noise), DECODED_AT_ONCE)]
    log_likelihood = ops.concatenate([vae.log_prob_per_example(x, piece) for piece in pieces])
    log_weight = log_likelihood + gaussian.log_density(z, 0.0, 0.0) - gaussian.log_density(z, mean, log_var)
    return z, ops.softmax(log_weight, axis=0)


def _mean(vae, z, weights):
    total = 0.0
    for start in range(0, len(z), DECODED_AT_ONCE):
        piece = slice(start, start + DECODED_AT_ONCE)
        total += ops.einsum("sb,sb...->b...", weights[piece], vae.likelihood.mean(_decode(vae, z[piece])))
    return np.asarray(total)


def _draw(vae, z, weights, draws, rng, generator):
    below = np.cumsum(np.asarray(weights, "float64"), axis=0)
    uniform = rng.random((draws, 1, z.shape[1])) * below[-1]
    chosen = [(below <= u).sum(axis=0) for u in uniform]  # (batch,) each: inverse CDF
    chosen = np.minimum(chosen, len(z) - 1)
    z = np.take_along_axis(np.asarray(z), chosen[..., None], axis=0)  # (draws, batch, latent_dim)
    return np.asarray(vae.likelihood.sample(_decode(vae, z), generator))


def _decode(vae, z):
    params = vae._params(ops.reshape(z, (-1, vae.latent_dim)))
    return ops.reshape(params, (*z.shape[:-1], *params.shape[1:]))
