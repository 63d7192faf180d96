"""The variational autoencoder and the bounds that it trains.

All bounds are in nats per example, summed over cells and latent dimensions.
"""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vaelib import gaussian, likelihoods, networks
from vaelib.model import EncoderDecoder, in_batches, split_missing

SAMPLES_AT_ONCE = 20_000  # decoded at a time when many samples are asked of each example


class Elbo(NamedTuple):
    """The two terms of the evidence lower bound, each of shape (batch,), in nats."""

    reconstruction: np.ndarray
    kl: np.ndarray

    @property
    def total(self):
        """The bound itself, reconstruction - KL, shape (batch,)."""
        return self.reconstruction - self.kl


@keras.saving.register_keras_serializable(package="vaelib")
class VAE(EncoderDecoder):
    """Variational autoencoder with a diagonal-Gaussian posterior and a standard-normal prior.

    A NaN cell is missing: the encoder is fed 0 in its place, and its term is left out of log p(x given z),
    so that every bound is one on the density of the observed cells.

    It reports, the same in training and evaluation, in nats per example: ``loss``, what is minimized;
    ``elbo``; and the ELBO's two terms, ``reconstruction`` and ``kl``.

    Args:
        encoder: network from ``(batch, *data_shape)`` to [mean, log_var], each (batch, latent_dim).
        decoder: network from (batch, latent_dim) to the likelihood's parameters.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.
        beta: weight of the KL in the loss; 1 is the ELBO. It is a variable: a callback may
            ``assign`` it.
        num_importance_samples: samples of z for each example in training. With more than one the loss
            is minus the importance-weighted bound.
        seed: of the training noise; ``None`` takes it from ``keras.utils.set_random_seed``. Under a
            distribution strategy the replicas share one seed, and each takes its own rows of the noise of
            the whole batch: how many replicas there are changes nothing, as long as they share it evenly.

    Raises:
        ValueError: if the networks do not fit each other or the likelihood, or a number is out of range.

    Source: Kingma & Welling (2014); the importance-weighted bound: Burda, Grosse & Salakhutdinov (2016);
    beta: Higgins et al. (2017); missing cells: Mattei & Frellsen (2019).
    """

    encoder_outputs = 2
    may_be_missing = True
    reported = ("elbo", "reconstruction", "kl")

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        beta=1.0,
        num_importance_samples=1,
        seed=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood, **kwargs)
        if not 0 <= beta < math.inf:
            raise ValueError(f"beta expects a finite number of at least 0; got {beta!r}. 1 is the ELBO.")
        if not isinstance(num_importance_samples, int) or num_importance_samples < 1:
            raise ValueError(
                f"num_importance_samples expects an integer of at least 1; got {num_importance_samples!r}. "
                "1 is the ELBO."
            )
        self.beta = self.add_weight(
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(beta),
            trainable=False,
            autocast=False,
            name="beta",
        )
        self.num_importance_samples = num_importance_samples
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        """The bound and its terms on a batch, differentiable.

        Args:
            x: examples, shape ``(batch, *data_shape)``.
            training: whether layers such as dropout act as in training; Keras passes it on to them.

        Returns:
            A dict of ``loss``, ``elbo``, ``reconstruction`` and ``kl``, each of shape (batch,), in nats.
        """
        mean, log_var = self._posterior(x)
        z = self._sample_posterior(mean, log_var, self.num_importance_samples, self.noise)
        log_likelihood = self.log_prob_per_example(x, z)  # (samples, batch)
        kl = gaussian.kl_to_standard_normal(mean, log_var)
        reconstruction = ops.mean(log_likelihood, axis=0)
        if self.num_importance_samples == 1:
            loss = -(reconstruction - self.beta * kl)
        else:
            log_weight = log_likelihood - self.beta * self._log_density_ratio(z, mean, log_var)
            loss = -log_mean_exp(log_weight)
        return {
            "loss": loss,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }

    def example_losses(self, target, terms):
        return terms["loss"]

    def encode(self, x):
        """Posterior q(z given x) of each example.

        Args:
            x: examples, shape ``(batch, *data_shape)``.

        Returns:
            Mean and log variance, each of shape (batch, latent_dim), NumPy arrays.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`.
        """
        return in_batches(self._posterior, self.check(x))

    def generate(self, n, seed=0):
        """New examples: decode draws from the prior.

        Args:
            n: how many.
            seed: an int.

        Returns:
            Means of p(x given z), shape ``(n, *data_shape)``, a NumPy array.
        """
        return self.decode(keras.random.normal((n, self.latent_dim), seed=seed))

    def elbo(self, x, seed=0):
        """The two terms of the ELBO, from one posterior sample for each example.

        Args:
            x: examples, shape ``(batch, *data_shape)``.
            seed: an int: the same seed gives the same samples.

        Returns:
            :class:`Elbo` of reconstruction = log p(x given z) and KL(q(z given x) ‖ p(z)), each of
            shape (batch,), in nats, NumPy arrays. beta plays no part.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`.

        Source: Kingma & Welling (2014), eq. 10.
        """
        noise = keras.random.SeedGenerator(seed)

        def terms(x):
            mean, log_var = self._posterior(x)
            z = gaussian.sample(mean, log_var, noise)
            return self.log_prob_per_example(x, z), gaussian.kl_to_standard_normal(mean, log_var)

        return Elbo(*in_batches(terms, self.check(x)))

    def log_likelihood(self, x, num_samples=100, seed=0):
        """Importance-weighted lower bound on log p(x), which tightens as samples are added.

        Args:
            x: examples, shape ``(batch, *data_shape)``.
            num_samples: samples of z for each example.
            seed: an int: the same seed gives the same samples.

        Returns:
            Bounds in nats, shape (batch,), a NumPy array.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`, or if ``num_samples`` is not
                positive.

        Source: Burda, Grosse & Salakhutdinov (2016), eq. 8.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples expects an integer of at least 1; got {num_samples!r}.")
        x = self.check(x)
        noise = keras.random.SeedGenerator(seed)
        rows = max(1, SAMPLES_AT_ONCE // num_samples)
        bounds = []
        for start in range(0, len(x), rows):
            part = x[start : start + rows]
            mean, log_var = self._posterior(part)
            total = np.full(len(part), -np.inf)
            for first in range(0, num_samples, SAMPLES_AT_ONCE):
                z = self._sample_posterior(mean, log_var, min(SAMPLES_AT_ONCE, num_samples - first), noise)
                log_weight = self.log_prob_per_example(part, z) - self._log_density_ratio(z, mean, log_var)
                total = np.logaddexp(total, ops.logsumexp(log_weight, axis=0))
            bounds.append(total - math.log(num_samples))
        return np.concatenate(bounds).astype("float32")

    def get_config(self):
        return {
            **super().get_config(),
            "beta": float(self.beta.numpy()),  # a mirrored variable has no float() of its own
            "num_importance_samples": self.num_importance_samples,
            "seed": self.seed,
        }

    def _posterior(self, x):
        mean, log_var = self.encoder(split_missing(x)[1])
        return ops.cast(mean, "float32"), ops.cast(log_var, "float32")

    @staticmethod
    def _sample_posterior(mean, log_var, num_samples, seed):
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            shape = (num_samples, *ops.shape(mean))
            return gaussian.sample(ops.broadcast_to(mean, shape), ops.broadcast_to(log_var, shape), seed)
        # The seed is the same on every replica: draw for the whole batch, and keep the rows that are here.
        rows = ops.shape(mean)[0]
        whole = (num_samples, replica.num_replicas_in_sync * rows, mean.shape[-1])
        start = replica.replica_id_in_sync_group * rows
        noise = gaussian.sample(ops.zeros(whole), ops.zeros(whole), seed)[:, start : start + rows]
        return gaussian.reparameterize(mean, log_var, noise)

    @staticmethod
    def _log_density_ratio(z, mean, log_var):
        """log q(z given x) - log p(z), shape of ``z`` without its last axis."""
        return gaussian.log_density(z, mean, log_var) - gaussian.log_density(z, 0.0, 0.0)

    def _reconstruct(self, x):
        return self.likelihood.mean(self._params(self._posterior(x)[0]))


def log_mean_exp(log_weight):
    """Logarithm of the mean over the first axis, without overflow.

    Args:
        log_weight: shape (samples, ...).

    Returns:
        Shape (...,).
    """
    return ops.logsumexp(log_weight, axis=0) - math.log(log_weight.shape[0])


def mlp_vae(data_shape, latent_dim, hidden_units=(512, 256), likelihood="bernoulli", **vae_options):
    """VAE with dense networks.

    Args:
        data_shape: shape of one example, such as (28, 28, 1), or the number of features of a table.
        latent_dim: dimensions of z.
        hidden_units: widths of the encoder's hidden layers; the decoder has them in reverse.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.
        **vae_options: further arguments of :class:`VAE`.

    Returns:
        A :class:`VAE`, not compiled.
    """
    data_shape = (data_shape,) if isinstance(data_shape, int) else tuple(data_shape)
    likelihood = likelihoods.get(likelihood)
    encoder = networks.mlp_encoder(data_shape, latent_dim, hidden_units)
    decoder = networks.mlp_decoder(data_shape, latent_dim, hidden_units[::-1], likelihood.params_per_cell)
    return VAE(encoder, decoder, likelihood, **vae_options)


def conv_vae(data_shape, latent_dim, filters=(32, 64), likelihood="bernoulli", **vae_options):
    """VAE with convolutional networks.

    Args:
        data_shape: (height, width, channels), sides divisible by 2 once for each entry of ``filters``.
        latent_dim: dimensions of z.
        filters: channels of the encoder's convolutions; the decoder has them in reverse.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.
        **vae_options: further arguments of :class:`VAE`.

    Returns:
        A :class:`VAE`, not compiled.

    Raises:
        ValueError: if ``data_shape`` is not an image that can be halved that often.
    """
    likelihood = likelihoods.get(likelihood)
    encoder = networks.conv_encoder(data_shape, latent_dim, filters)
    decoder = networks.conv_decoder(data_shape, latent_dim, filters[::-1], likelihood.params_per_cell)
    return VAE(encoder, decoder, likelihood, **vae_options)
