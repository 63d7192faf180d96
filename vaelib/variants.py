"""Variants of the models of the book: a VAE that is told the class, an autoencoder with a discriminator."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vaelib import gaussian
from vaelib.autoencoder import Autoencoder
from vaelib.checks import check_examples
from vaelib.model import in_batches
from vaelib.vae import VAE


@keras.saving.register_keras_serializable(package="vaelib")
class ConditionalVAE(VAE):
    """Variational autoencoder of x given its class: both networks are told the class.

    Each gets it as a one-hot vector joined to its other input: the encoder the cells of x, in one row, and
    then the class; the decoder z and then the class. The prior of z is the same for every class. Wherever a
    :class:`~vaelib.vae.VAE` takes ``x``, this model takes the pair ``(x, labels)``, and its bounds are on
    log p(x given class). A data set for ``fit`` gives ``((x, labels),)``.

    Args:
        encoder: network from (batch, cells + num_classes) to [mean, log_var], each (batch, latent_dim).
        decoder: network from (batch, latent_dim + num_classes) to the likelihood's parameters.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.
        **options: ``beta``, ``num_importance_samples`` and ``seed``, as of :class:`~vaelib.vae.VAE`.

    Raises:
        ValueError: if the networks do not fit each other or the likelihood, or a number is out of range.

    Source: Kingma, Mohamed, Rezende & Welling (2014), model M2; Sohn, Lee & Yan (2015).
    """

    @property
    def num_classes(self):
        """Number of classes, the length of the one-hot vector."""
        return self.decoder.input_shape[-1] - self.latent_dim

    def check(self, x, name="x"):
        """Raise a clear error unless ``x`` is a pair of examples and labels that this model can explain.

        Args:
            x: a pair (examples, labels) of arrays, ``(batch, *data_shape)`` and (batch,), the labels
                integers from 0 to ``num_classes`` - 1; a data set passes unseen.
            name: what to call the examples in the message.

        Returns:
            The two joined as the encoder takes them, shape (batch, cells + num_classes), the class one-hot.

        Raises:
            TypeError: if the examples are not numeric, or the labels not integers.
            ValueError: if either has another shape or range, or they differ in length.
        """
        if not isinstance(x, (np.ndarray, tf.Tensor, list, tuple)):
            return x
        if not isinstance(x, (list, tuple)) or len(x) != 2:
            got = f"{len(x)} parts" if isinstance(x, (list, tuple)) else f"one array of shape {np.shape(x)}"
            raise ValueError(
                f"ConditionalVAE expects the pair ({name}, labels); got {got}. For one class alone, "
                "for_class(label) gives an ordinary VAE."
            )
        examples = super().check(np.asarray(x[0]), name)
        return np.asarray(self._joined((examples, self._checked_labels(x[1], len(examples)))))

    def decode(self, z, labels):
        """Expected value of x for each latent vector and class.

        Args:
            z: latent vectors, shape (batch, latent_dim).
            labels: the class of each, integers, shape (batch,).

        Returns:
            Means of p(x given z and class), shape ``(batch, *data_shape)``, a NumPy array.

        Raises:
            TypeError, ValueError: if ``z`` or ``labels`` has another type, shape or range.
        """
        z = check_examples(z, (self.latent_dim,), name="z")
        code = np.concatenate([z, np.eye(self.num_classes)[self._checked_labels(labels, len(z))]], axis=1)
        return in_batches(lambda code: self.likelihood.mean(self._params(code)), code.astype("float32"))

    def generate(self, labels, seed=0):
        """New examples of the classes asked for: decode draws from the prior.

        Args:
            labels: the class of each, integers, shape (n,).
            seed: an int.

        Returns:
            Means of p(x given z and class), shape ``(n, *data_shape)``, a NumPy array.

        Raises:
            TypeError, ValueError: if ``labels`` has another type, shape or range.
        """
        labels = self._checked_labels(labels, np.size(labels))
        return self.decode(keras.random.normal((len(labels), self.latent_dim), seed=seed), labels)

    def for_class(self, label):
        """The VAE of one class, for whatever takes a VAE: ``correct``, ``impute``, ``anomaly_score``.

        Args:
            label: the class, an integer.

        Returns:
            A :class:`~vaelib.vae.VAE` with this model's weights, shared.

        Raises:
            TypeError, ValueError: if there is no such class.
        """
        one_hot = np.eye(self.num_classes, dtype="float32")[self._checked_labels([label], 1)]

        def told(network, shape):
            given = keras.Input(shape)
            row = keras.layers.Reshape((-1,))(given)
            behind = ((0, 0), (row.shape[-1], 0))
            joined = ops.pad(row, ((0, 0), (0, self.num_classes))) + np.pad(one_hot, behind)
            return keras.Model(given, network(joined))

        networks = told(self.encoder, self.data_shape), told(self.decoder, (self.latent_dim,))
        return VAE(*networks, self.likelihood, float(self.beta.numpy()), self.num_importance_samples)

    def log_prob_per_example(self, x, z):
        """Log density of examples given latent vectors and classes, differentiable.

        Args:
            x: a pair (examples, labels), or the two joined as :meth:`check` joins them.
            z: latent vectors, shape (..., batch, latent_dim).

        Returns:
            log p(x given z and class) in nats, shape (..., batch).
        """
        x, one_hot = self._parted(x)
        one_hot = ops.broadcast_to(one_hot, (*ops.shape(z)[:-1], self.num_classes))
        return super().log_prob_per_example(x, ops.concatenate([z, one_hot], axis=-1))

    def _posterior(self, x):
        return super()._posterior(self._joined(x))

    def _reconstruct(self, x):
        code = ops.concatenate([self._posterior(x)[0], self._parted(x)[1]], axis=-1)
        return self.likelihood.mean(self._params(code))

    def _joined(self, x):
        if not isinstance(x, (list, tuple)):
            return x
        row = ops.reshape(ops.cast(x[0], "float32"), (-1, math.prod(self.data_shape)))
        return ops.concatenate([row, ops.one_hot(ops.cast(x[1], "int32"), self.num_classes)], axis=-1)

    def _parted(self, x):
        row, one_hot = ops.split(self._joined(x), [math.prod(self.data_shape)], axis=-1)
        return ops.reshape(row, (-1, *self.data_shape)), one_hot

    def _checked(self, x, y, sample_weight=None, **_):
        if y is not None:
            raise ValueError(
                "ConditionalVAE learns from one input, the pair (x, labels); got targets y as well. "
                "Call fit((x, labels)), with validation_data=((x, labels),)."
            )
        return super()._checked(x, y, sample_weight)

    def _checked_labels(self, labels, count):
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels expects integers; got dtype {labels.dtype}. Classes count from 0.")
        if labels.shape != (count,):
            raise ValueError(
                f"labels expects shape ({count},), one class for each example; got {labels.shape}."
            )
        if not labels.size or labels.min() < 0 or labels.max() >= self.num_classes:
            got = f"{labels.min()} to {labels.max()}" if labels.size else "none"
            raise ValueError(f"labels expects integers from 0 to {self.num_classes - 1}; got {got}.")
        return labels

    def _shapes(self):
        self._check_built()
        heads = [tuple(head.shape) for head in keras.tree.flatten(self.encoder.output)]
        *sides, last = self.decoder.output_shape[1:]
        data_shape, latent_dim = (*sides, last // self.likelihood.params_per_cell), heads[0][-1]
        num_classes = self.encoder.input_shape[-1] - math.prod(data_shape)
        fits = (
            heads == 2 * [(None, latent_dim)]
            and last % self.likelihood.params_per_cell == 0
            and self.encoder.input_shape == (None, math.prod(data_shape) + num_classes)
            and self.decoder.input_shape == (None, latent_dim + num_classes)
            and num_classes > 0
        )
        if not fits:
            raise ValueError(
                "ConditionalVAE expects an encoder from (batch, cells + classes) to mean and log_var, each "
                "(batch, latent_dim), and a decoder from (batch, latent_dim + classes) to "
                f"{self.likelihood.params_per_cell} number(s) for each cell; got an encoder from "
                f"{self.encoder.input_shape} to {heads}, a decoder from {self.decoder.input_shape} to "
                f"{self.decoder.output_shape}. The class goes into both."
            )
        return data_shape, latent_dim


@keras.saving.register_keras_serializable(package="vaelib")
class AdversarialAutoencoder(Autoencoder):
    """Autoencoder whose codes are made to look like draws of the standard normal by a discriminator.

    A third network, the discriminator, learns to tell codes from draws of the prior, while the encoder
    learns to rebuild *and* to be mistaken for the prior. There is no posterior of an example, no KL and no
    bound on log p(x). It reports, in nats per example, ``loss`` = ``adversarial_weight`` *
    ``generator_loss`` - ``reconstruction``, and ``discriminator_loss``, which is 2 log 2 = 1.39 where the
    discriminator can do no better than toss a coin.

    Args:
        encoder: network from ``(batch, *data_shape)`` to codes (batch, latent_dim).
        decoder: network from codes to the likelihood's parameters.
        discriminator: network from codes to one logit each, (batch, 1): the log odds of being the prior's.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.
        adversarial_weight: nats of reconstruction that the encoder gives for one of ``generator_loss``.
        seed: of the prior's draws; ``None`` takes it from ``keras.utils.set_random_seed``.

    Raises:
        ValueError: if the networks do not fit each other or the likelihood, or the weight is out of range.

    Source: Makhzani, Shlens, Jaitly, Goodfellow & Frey (2015).
    """

    takes_targets = False
    reported = ("reconstruction", "generator_loss", "discriminator_loss")

    def __init__(
        self,
        encoder,
        decoder,
        discriminator,
        likelihood="bernoulli",
        adversarial_weight=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood, **kwargs)
        shapes = getattr(discriminator, "input_shape", None), getattr(discriminator, "output_shape", None)
        if shapes != ((None, self.latent_dim), (None, 1)):
            raise ValueError(
                f"AdversarialAutoencoder expects a discriminator from (None, {self.latent_dim}) to "
                f"(None, 1), one logit for each code; got {shapes[0]} to {shapes[1]}."
            )
        if not 0 <= adversarial_weight < math.inf:
            raise ValueError(
                f"adversarial_weight expects a finite number of at least 0; got {adversarial_weight!r}. "
                "0 is a plain autoencoder."
            )
        self.discriminator = discriminator
        self.adversarial_weight = adversarial_weight
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        """What the three networks make of a batch, differentiable.

        Args:
            x: examples, shape ``(batch, *data_shape)``.
            training: whether layers such as dropout act as in training; Keras passes it on to them.

        Returns:
            A dict of ``reconstruction``, ``generator_loss`` and ``discriminator_loss``, each of shape
            (batch,), in nats.
        """
        code = ops.cast(self.encoder(x), "float32")
        prior = gaussian.standard_normal(ops.shape(code), self.noise)
        of_code, of_prior = (ops.cast(self.discriminator(z), "float32")[:, 0] for z in (code, prior))
        return {
            "reconstruction": self.log_prob_per_example(x, code),
            "generator_loss": ops.softplus(-of_code),  # -log D(code)
            "discriminator_loss": ops.softplus(-of_prior) + ops.softplus(of_code),  # -log D, -log(1 - D)
        }

    def example_losses(self, target, terms):
        return self.adversarial_weight * terms["generator_loss"] - terms["reconstruction"]

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape(persistent=True) as tape:
            terms = self(x, training=True)
            loss = self.compute_loss(x, y, terms)
            scaled = self.optimizer.scale_loss(loss)
            discriminator_loss = ops.mean(terms["discriminator_loss"]) / replicas  # as in compute_loss
            discriminator_scaled = self.optimizer.scale_loss(discriminator_loss)
        judges = self.discriminator.trainable_variables
        others = [v for v in self.trainable_variables if not any(v is weight for weight in judges)]
        gradients = tape.gradient(scaled, others) + tape.gradient(discriminator_scaled, judges)
        self.optimizer.apply_gradients(zip(gradients, others + judges, strict=True))
        self.metrics[0].update_state(loss * replicas, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, terms)

    def generate(self, n, seed=0):
        """New examples: decode draws from the prior.

        Args:
            n: how many.
            seed: an int.

        Returns:
            Means of p(x given code), shape ``(n, *data_shape)``, a NumPy array.
        """
        return self.decode(keras.random.normal((n, self.latent_dim), seed=seed))

    def get_config(self):
        return {
            **super().get_config(),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "adversarial_weight": self.adversarial_weight,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        discriminator = keras.saving.deserialize_keras_object(config["discriminator"])
        return super().from_config({**config, "discriminator": discriminator})
