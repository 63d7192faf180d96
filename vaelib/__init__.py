"""Variational autoencoders that find and repair anomalies; the package behind the book.

Importing it imports TensorFlow, quietly. Figures are in :mod:`vaelib.plotting`, which needs matplotlib; the
estimators import scikit-learn when they are first asked for.
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
from vaelib.anomaly import anomaly_score, conformal_threshold  # noqa: E402
from vaelib.autoencoder import Autoencoder  # noqa: E402
from vaelib.correction import Correction, correct  # noqa: E402
from vaelib.corruption import corrupt  # noqa: E402
from vaelib.data import Images, Table, load_images, load_table  # noqa: E402
from vaelib.diagnosis import diagnose  # noqa: E402
from vaelib.expected import compare_with_expected  # noqa: E402
from vaelib.imputation import impute  # noqa: E402
from vaelib.likelihoods import (  # noqa: E402
    Bernoulli,
    Contaminated,
    ContinuousBernoulli,
    Gaussian,
    StudentT,
    ZeroOneInflated,
)
from vaelib.linear_gaussian import LinearGaussian  # noqa: E402
from vaelib.vae import VAE, Elbo, conv_vae, mlp_vae  # noqa: E402
from vaelib.variants import AdversarialAutoencoder, ConditionalVAE  # noqa: E402

__all__ = [
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "Bernoulli",
    "ConditionalVAE",
    "Contaminated",
    "ContinuousBernoulli",
    "Correction",
    "Elbo",
    "Gaussian",
    "Images",
    "LinearGaussian",
    "StudentT",
    "Table",
    "VAEImputer",
    "VAEOutlierDetector",
    "ZeroOneInflated",
    "anomaly_score",
    "compare_with_expected",
    "conformal_threshold",
    "conv_vae",
    "correct",
    "corrupt",
    "diagnose",
    "gaussian",
    "impute",
    "load_images",
    "load_table",
    "mlp_vae",
]


def __getattr__(name):
    if name in ("VAEImputer", "VAEOutlierDetector"):
        from vaelib import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
