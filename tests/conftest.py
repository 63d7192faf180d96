"""What several test files use: probabilistic PCA, whose truth is known, as data and as a VAE."""

import math

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import numpy as np  # isort: skip
import pytest  # isort: skip
from vaelib.model import EncoderDecoder  # isort: skip

pytest_plugins = ["browser"]

LATENT_DIM, FEATURES = 2, 5


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _without_xla(request, monkeypatch):
    """To compile takes XLA seconds, and a test a moment: only what asks for it has it, and the chapters."""
    compile_as_asked = EncoderDecoder.compile

    def compile(self, optimizer="adam", jit_compile="auto", **options):
        compile_as_asked(self, optimizer, False if jit_compile == "auto" else jit_compile, **options)

    if not request.node.get_closest_marker("xla_by_default"):
        monkeypatch.setattr(EncoderDecoder, "compile", compile)


@pytest.fixture(scope="session")
def ppca():
    """A model with orthogonal axes, so that its exact posterior is a diagonal Gaussian."""
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.normal(size=(FEATURES, LATENT_DIM)))[0]
    return vaelib.LinearGaussian(axes * [1.5, 0.8], rng.normal(size=FEATURES), noise_variance=0.3)


@pytest.fixture(scope="session")
def ppca_data(ppca):
    return ppca.sample(400, seed=2)[0].astype("float32")


@pytest.fixture
def exact_vae(ppca):
    """A VAE that is that model: linear networks holding the exact posterior and the true weights."""
    x = keras.Input((FEATURES,))
    heads = [keras.layers.Dense(LATENT_DIM, name=name)(x) for name in ("mean", "log_var")]
    z = keras.Input((LATENT_DIM,))
    encoder, decoder = keras.Model(x, heads), keras.Model(z, keras.layers.Dense(FEATURES)(z))
    gain = ppca.weights @ ppca.posterior_covariance / ppca.noise_variance
    encoder.get_layer("mean").set_weights([gain, -ppca.mean @ gain])
    log_var = np.log(np.diag(ppca.posterior_covariance))
    encoder.get_layer("log_var").set_weights([np.zeros((FEATURES, LATENT_DIM)), log_var])
    decoder.layers[-1].set_weights([ppca.weights.T, ppca.mean])
    return vaelib.VAE(encoder, decoder, vaelib.Gaussian(variance=ppca.noise_variance))


@pytest.fixture
def moved_vae(exact_vae):
    """The same decoder with a wrong posterior: moved, and too wide, so that its weights have light tails."""
    head = exact_vae.encoder.get_layer("mean")
    head.bias.assign(head.bias + [0.4, -0.3])
    head = exact_vae.encoder.get_layer("log_var")
    head.bias.assign(head.bias + [math.log(1.6), math.log(1.3)])
    return exact_vae


@pytest.fixture(scope="session")
def digits():
    return vaelib.load_images("digits")
