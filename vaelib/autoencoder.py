"""The plain autoencoder: a code for each example, and no distribution over codes."""

import keras
from keras import ops

from vaelib.model import EncoderDecoder, in_batches


@keras.saving.register_keras_serializable(package="vaelib")
class Autoencoder(EncoderDecoder):
    """Encoder and decoder trained to give back what went in.

    ``fit(x)`` trains on x itself; ``fit(damaged, clean)`` trains a denoising autoencoder. The loss is
    -log p(target given code) under the likelihood, in nats per example.

    Args:
        encoder: network from ``(batch, *data_shape)`` to codes (batch, latent_dim).
        decoder: network from codes to the likelihood's parameters.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.

    Raises:
        ValueError: if the networks do not fit each other or the likelihood.
    """

    takes_targets = True

    def call(self, x, training=False):
        """Parameters of the likelihood that the decoder gives for the code of x.

        Args:
            x: examples, shape ``(batch, *data_shape)``.
            training: whether layers such as dropout act as in training; Keras passes it on to them.

        Returns:
            The decoder's output, shape (batch, ...).
        """
        return self._params(self.encoder(x))

    def example_losses(self, target, params):
        log_prob = self.likelihood.log_prob(ops.cast(target, "float32"), params)
        return -ops.sum(log_prob, axis=tuple(range(1, len(log_prob.shape))))

    def encode(self, x):
        """Code of each example.

        Args:
            x: examples, shape ``(batch, *data_shape)``.

        Returns:
            Codes, shape (batch, latent_dim), a NumPy array.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`.
        """
        return in_batches(self.encoder, self.check(x))

    def _reconstruct(self, x):
        return self.likelihood.mean(self._params(self.encoder(x)))
