"""Variational autoencoders that find and repair anomalies; the package behind the book.

Importing it imports TensorFlow, quietly. Figures are in :mod:`vaelib.plotting`, which needs matplotlib.
"""

import contextlib
import os


@contextlib.contextmanager
def _silenced():
    """TensorFlow greets on file descriptor 2, below Python, whatever its log level says."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


with _silenced():
    import keras
    import tensorflow  # noqa: F401

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"vaelib expects Keras with the TensorFlow backend; it runs on {keras.backend.backend()!r}. "
        "Set the environment variable KERAS_BACKEND=tensorflow before Python starts."
    )

from vaelib import gaussian  # noqa: E402
from vaelib.autoencoder import Autoencoder  # noqa: E402
from vaelib.corruption import corrupt  # noqa: E402
from vaelib.data import Images, Table, load_images, load_table  # noqa: E402
from vaelib.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian  # noqa: E402
from vaelib.linear_gaussian import LinearGaussian  # noqa: E402
from vaelib.vae import VAE, Elbo, conv_vae, mlp_vae  # noqa: E402

__all__ = [
    "VAE",
    "Autoencoder",
    "Bernoulli",
    "ContinuousBernoulli",
    "Elbo",
    "Gaussian",
    "Images",
    "LinearGaussian",
    "Table",
    "conv_vae",
    "corrupt",
    "gaussian",
    "load_images",
    "load_table",
    "mlp_vae",
]
