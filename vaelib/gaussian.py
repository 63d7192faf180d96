"""Mathematics of the diagonal Gaussian, in nats, summed over the last axis.

Every Gaussian is given by its ``mean`` and ``log_var``, the logarithm of its variance. Where a log
variance is exponentiated it is kept within ``±LOG_VAR_LIMIT``, so that no finite input overflows.
"""

import math

import keras
import tensorflow as tf
from keras import ops

LOG_VAR_LIMIT = 20.0  # standard deviations from 4.5e-5 to 2.2e4


def bounded(log_var):
    """Log variance kept within ±20; the gradient passes as if it had not been.

    Cutting the gradient too would leave a unit that once went too far with no way back.

    Args:
        log_var: log variances, any shape.

    Returns:
        Log variances, same shape.
    """
    log_var = ops.convert_to_tensor(log_var)
    clipped = ops.clip(log_var, -LOG_VAR_LIMIT, LOG_VAR_LIMIT)
    return ops.stop_gradient(clipped) + (log_var - ops.stop_gradient(log_var))


def log_density_per_cell(z, mean, log_var):
    """Log density of each component under its own univariate Gaussian.

    Args:
        z: points, shape (..., latent_dim).
        mean: means, broadcastable to ``z``.
        log_var: log variances, broadcastable to ``z``.

    Returns:
        Log densities in nats, shape of ``z``.
    """
    z, mean, log_var = _of_one_type(z, mean, bounded(log_var))
    return -0.5 * (math.log(2 * math.pi) + log_var + ops.square(z - mean) * ops.exp(-log_var))


def log_density(z, mean, log_var):
    """Log density of a diagonal Gaussian.

    Args:
        z: points, shape (..., latent_dim).
        mean: means, broadcastable to ``z``.
        log_var: log variances, broadcastable to ``z``.

    Returns:
        Log density in nats, shape (...,).
    """
    return ops.sum(log_density_per_cell(z, mean, log_var), axis=-1)


def kl_to_standard_normal_per_unit(mean, log_var):
    """KL divergence from each component of a diagonal Gaussian to N(0, 1).

    Args:
        mean: means, shape (..., latent_dim).
        log_var: log variances, same shape.

    Returns:
        Divergences in nats, same shape.
    """
    mean, log_var = _of_one_type(mean, bounded(log_var))
    return 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)


def kl_to_standard_normal(mean, log_var):
    """KL divergence from a diagonal Gaussian to the standard normal.

    Args:
        mean: means, shape (..., latent_dim).
        log_var: log variances, same shape.

    Returns:
        Divergence in nats, shape (...,).

    Source: Kingma & Welling (2014), appendix B.
    """
    return ops.sum(kl_to_standard_normal_per_unit(mean, log_var), axis=-1)


def kl(mean_q, log_var_q, mean_p, log_var_p):
    """KL divergence KL(q ‖ p) between two diagonal Gaussians.

    Args:
        mean_q: means of q, shape (..., latent_dim).
        log_var_q: log variances of q, same shape.
        mean_p: means of p, broadcastable to ``mean_q``.
        log_var_p: log variances of p, broadcastable to ``mean_q``.

    Returns:
        Divergence in nats, shape (...,).
    """
    log_vars = bounded(log_var_q), bounded(log_var_p)
    mean_q, mean_p, log_var_q, log_var_p = _of_one_type(mean_q, mean_p, *log_vars)
    squared_distance = ops.square(mean_q - mean_p) + ops.exp(log_var_q)
    per_unit = log_var_p - log_var_q + squared_distance * ops.exp(-log_var_p) - 1.0
    return 0.5 * ops.sum(per_unit, axis=-1)


def sample(mean, log_var, seed=None):
    """Draw from a diagonal Gaussian by the reparameterization z = mean + std · noise.

    Args:
        mean: means, shape (..., latent_dim).
        log_var: log variances, same shape.
        seed: an int, for the same draw each time, or a ``keras.random.SeedGenerator``.

    Returns:
        One draw of each component, same shape, differentiable in ``mean`` and ``log_var``.

    Source: Kingma & Welling (2014), section 2.4.
    """
    mean = ops.convert_to_tensor(mean)
    noise = standard_normal(ops.shape(mean), seed, keras.backend.standardize_dtype(mean.dtype))
    return reparameterize(mean, log_var, noise)


def standard_normal(shape, seed=None, dtype="float32"):
    """Standard normal numbers: those of ``keras.random.normal``, but sooner under XLA.

    Keras leaves the choice of the algorithm to TensorFlow. Under XLA on a CPU the same numbers then take
    several times as long as from Philox by name (TensorFlow 2.21; ``benchmarks/step.py`` measures both).

    Args:
        shape: of the answer.
        seed: an int, for the same numbers each time, or a ``keras.random.SeedGenerator``.
        dtype: a floating-point type.

    Returns:
        A tensor of that shape and type. Under XLA the numbers are others than outside it, as with Keras.
    """
    if not isinstance(seed, keras.random.SeedGenerator):
        return keras.random.normal(shape, seed=seed, dtype=dtype)
    state = ops.cast(seed.next() % (tf.int32.max - 1), "int32")  # as in Keras: XLA takes no other type
    return tf.random.stateless_normal(shape, state, dtype=dtype, alg="philox")


def reparameterize(mean, log_var, noise):
    """Where a diagonal Gaussian takes draws of a standard normal: z = mean + std · noise.

    Args:
        mean: means, shape (..., latent_dim).
        log_var: log variances, same shape.
        noise: standard normal numbers, broadcastable with ``mean``.

    Returns:
        Draws, of the shape that ``mean`` and ``noise`` have together, differentiable in all three.
    """
    mean, log_var, noise = _of_one_type(mean, bounded(log_var), noise)
    return mean + ops.exp(0.5 * log_var) * noise


def _of_one_type(*parts):
    """Tensors of the type that they have together: NumPy's draws are float64, a network's output is not."""
    parts = [ops.convert_to_tensor(part) for part in parts]
    dtype = keras.backend.result_type(*(part.dtype for part in parts))
    return [ops.cast(part, dtype) for part in parts]
