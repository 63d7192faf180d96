"""What a user can get wrong, and the one clear message each gets: expected, got, the mend."""

import os
import re
import tempfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest

import vaelib
from vaelib import networks

IMAGES = np.zeros((4, 8, 8, 1), "float32")
VAE = vaelib.mlp_vae((8, 8, 1), 2, (8,))
GAUSSIAN_VAE = vaelib.mlp_vae(3, 2, (8,), "gaussian")
AUTOENCODER = vaelib.Autoencoder(
    networks.mlp_encoder((8, 8, 1), 2, (8,), outputs=("code",)), networks.mlp_decoder((8, 8, 1), 2, (8,))
)
CONDITIONAL = vaelib.ConditionalVAE(
    networks.mlp_encoder((64 + 10,), 2, (8,)), networks.mlp_decoder((8, 8, 1), 2 + 10, (8,))
)
for model in (VAE, AUTOENCODER, CONDITIONAL):
    model.compile("adam")
ROWS = np.ones((4, 3))
with_nan = np.full_like(IMAGES, np.nan)


def encoder(outputs=("mean", "log_var"), latent_dim=2):
    return networks.mlp_encoder((8, 8, 1), latent_dim, (8,), outputs=outputs)


def decoder(params_per_cell=1):
    return networks.mlp_decoder((8, 8, 1), 2, (8,), params_per_cell)


def adversarial(**options):
    critic = networks.mlp_encoder((2,), 1, (8,), outputs=("logit",))
    model = vaelib.AdversarialAutoencoder(encoder(("code",)), decoder(), critic, **options)
    model.compile("adam")
    return model


def load_mnist_from_a_folder_with(write):
    """Load MNIST where there is no network, from a folder in which ``write`` put the file, if any."""
    no_network = mock.patch("keras.datasets.mnist.load_data", side_effect=OSError)
    with tempfile.TemporaryDirectory() as folder, no_network:
        write(Path(folder) / "mnist.npz")
        with mock.patch.dict(os.environ, VAELIB_DATA=folder):
            vaelib.load_images("mnist")


BAD_INPUT = {
    "an image without its channel axis": (
        lambda: VAE.elbo(IMAGES[..., 0]),
        ValueError, "x expects shape (batch, 8, 8, 1); got (4, 8, 8). "
        "Add the axis of channels: x[..., None]",
    ),
    "one example instead of a batch": (
        lambda: VAE.reconstruct(IMAGES[0]),
        ValueError, "x expects shape (batch, 8, 8, 1); got (8, 8, 1). A single example is x[None]",
    ),
    "images of another size": (
        lambda: VAE.fit(np.zeros((4, 28, 28, 1))),
        ValueError, "x expects shape (batch, 8, 8, 1); got (4, 28, 28, 1). Reshape it",
    ),
    "latent vectors of another length": (
        lambda: VAE.decode(np.zeros((4, 3))),
        ValueError, "z expects shape (batch, 2); got (4, 3)",
    ),
    "grey levels from 0 to 255": (
        lambda: VAE.fit(np.full((4, 8, 8, 1), 255, "uint8")),
        ValueError, "x expects values in [0, 1], which the likelihood explains; got 255 to 255. Gray levels",
    ),
    "grey levels as an autoencoder's target": (
        lambda: AUTOENCODER.fit(IMAGES, IMAGES + 255),
        ValueError, "y expects values in [0, 1], which the likelihood explains; got 255 to 255. Gray levels",
    ),
    "standardized data under a Bernoulli": (
        lambda: VAE.encode(IMAGES - 1),
        ValueError, "got -1 to -1. Scale the data, or choose likelihood='gaussian'",
    ),
    "NaN": (
        lambda: AUTOENCODER.fit(with_nan, IMAGES),
        ValueError, "x expects finite numbers; got 256 NaN or infinite cells. Drop or fill them first",
    ),
    "NaN in validation data": (
        lambda: VAE.fit(IMAGES, validation_data=(with_nan,), verbose=0),
        ValueError, "x expects some observed cells; got 256 NaN, which mean missing, and no other",
    ),
    "infinity under a Gaussian": (
        lambda: GAUSSIAN_VAE.log_likelihood(np.full((2, 3), np.inf)),
        ValueError, "x expects finite numbers; got 6 infinite cells",
    ),
    "an empty batch": (
        lambda: VAE.evaluate(IMAGES[:0]),
        ValueError, "x expects at least one example; got shape (0, 8, 8, 1)",
    ),
    "text": (
        lambda: VAE.predict(np.full((4, 8, 8, 1), "a")),
        TypeError, "x expects numbers; got dtype <U1",
    ),
    "no importance samples when scoring": (
        lambda: VAE.log_likelihood(IMAGES, num_samples=0),
        ValueError, "num_samples expects an integer of at least 1; got 0",
    ),
    "no importance samples when training": (
        lambda: vaelib.mlp_vae((8, 8, 1), 2, num_importance_samples=0),
        ValueError, "num_importance_samples expects an integer of at least 1; got 0",
    ),
    "a negative beta": (
        lambda: vaelib.mlp_vae((8, 8, 1), 2, beta=-1),
        ValueError, "beta expects a finite number of at least 0; got -1",
    ),
    "an autoencoder asked to correct": (
        lambda: vaelib.correct(AUTOENCODER, IMAGES),
        TypeError, "correct expects a VAE; got <Autoencoder",
    ),
    "known cells as numbers": (
        lambda: vaelib.correct(VAE, IMAGES, known=np.ones_like(IMAGES)),
        TypeError, "known expects bool; got dtype float32. True marks a cell to be trusted",
    ),
    "known cells of another shape": (
        lambda: vaelib.correct(VAE, IMAGES, known=np.ones((4, 8, 8), bool)),
        ValueError, "known expects the shape of x, (4, 8, 8, 1); got (4, 8, 8)",
    ),
    "a known cell without a value": (
        lambda: vaelib.correct(VAE, np.where(np.arange(8) == 3, np.nan, IMAGES[..., 0])[..., None],
                               known=np.ones(IMAGES.shape, bool)),
        ValueError, "got 32 NaN cells marked as known. Use known & ~np.isnan(x)",
    ),
    "an outlier probability in per cent": (
        lambda: vaelib.Contaminated("gaussian", 5),
        ValueError, 'outlier_probability expects a number between 0 and 1, exclusive, or "learned"; got 5',
    ),
    "a contaminated likelihood contaminated again": (
        lambda: vaelib.Contaminated(vaelib.Contaminated("gaussian")),
        ValueError, "expects a base that is not contaminated itself",
    ),
    "outliers in an empty range": (
        lambda: vaelib.Contaminated("gaussian", outlier_range=(1, 0)),
        ValueError, "outlier_range expects (low, high) with low < high; got (1, 0)",
    ),
    "an unknown anomaly score": (
        lambda: vaelib.anomaly_score(VAE, IMAGES, "regret"),
        ValueError, "'nll', 'likelihood_regret'; got 'regret'. Did you mean 'likelihood_regret'?",
    ),
    "an autoencoder's anomaly score": (
        lambda: vaelib.anomaly_score(AUTOENCODER, IMAGES),
        TypeError, "anomaly_score expects a VAE; got <Autoencoder",
    ),
    "no samples for an anomaly score": (
        lambda: vaelib.anomaly_score(VAE, IMAGES, num_samples=0),
        ValueError, "num_samples expects an integer of at least 1; got 0",
    ),
    "images of another size for an anomaly score": (
        lambda: vaelib.anomaly_score(VAE, np.zeros((4, 28, 28, 1))),
        ValueError, "x expects shape (batch, 8, 8, 1); got (4, 28, 28, 1)",
    ),
    "a threshold from scores that are not numbers": (
        lambda: vaelib.conformal_threshold([1.0, np.nan, np.inf], 0.05),
        ValueError, "normal_scores expects finite numbers; got 2 NaN or infinite",
    ),
    "a threshold from no scores": (
        lambda: vaelib.conformal_threshold([], 0.05),
        ValueError, "normal_scores expects shape (n,), one score for each example; got (0,)",
    ),
    "a false-positive rate in per cent": (
        lambda: vaelib.conformal_threshold([1.0, 2.0], 5),
        ValueError, "false_positive_rate expects a share between 0 and 1; got 5. 5 per cent is 0.05",
    ),
    "a detector without a latent space": (
        lambda: vaelib.VAEOutlierDetector(latent_dim=0).fit(ROWS),
        ValueError, "latent_dim expects an integer of at least 1; got 0",
    ),
    "a detector with half a hidden unit": (
        lambda: vaelib.VAEOutlierDetector(hidden_units=(0.5,)).fit(ROWS),
        ValueError, "hidden_units expects an integer of at least 1; got 0.5",
    ),
    "a detector without noise": (
        lambda: vaelib.VAEOutlierDetector(variance=0).fit(ROWS),
        ValueError, 'Gaussian expects variance to be a positive number, "shared" or "per_cell"; got 0',
    ),
    "a detector that unlearns": (
        lambda: vaelib.VAEOutlierDetector(learning_rate=-1e-3).fit(ROWS),
        ValueError, "learning_rate expects a positive number; got -0.001",
    ),
    "a detector's false-positive rate in per cent": (
        lambda: vaelib.VAEOutlierDetector(false_positive_rate=5).fit(ROWS),
        ValueError, "false_positive_rate expects a share between 0 and 1; got 5. 5 per cent is 0.05",
    ),
    "a detector with an unknown score": (
        lambda: vaelib.VAEOutlierDetector(kind="nlll").fit(ROWS),
        ValueError, "kind expects one of 'reconstruction', 'reconstruction_probability', 'elbo', 'nll', "
        "'likelihood_regret'; got 'nlll'. Did you mean 'nll'?",
    ),
    "a table with an empty column": (
        lambda: vaelib.VAEOutlierDetector().fit(ROWS * [1, np.nan, 1]),
        ValueError, "X expects an observed cell in each column, among the 2 rows to train on; "
        "got none in column(s) [1]. Drop them",
    ),
    "a conditional VAE without labels": (
        lambda: CONDITIONAL.elbo(IMAGES),
        ValueError, "ConditionalVAE expects the pair (x, labels); got one array of shape (4, 8, 8, 1). "
        "For one class alone, for_class(label) gives an ordinary VAE",
    ),
    "labels as targets": (
        lambda: CONDITIONAL.fit(IMAGES, np.zeros(4, int)),
        ValueError, "got targets y as well. Call fit((x, labels)), with validation_data=((x, labels),)",
    ),
    "labels as targets of validation": (
        lambda: CONDITIONAL.fit((IMAGES, [0] * 4), validation_data=(IMAGES, np.zeros(4, int)), verbose=0),
        ValueError, "got targets y as well. Call fit((x, labels)), with validation_data=((x, labels),)",
    ),
    "fewer labels than examples": (
        lambda: CONDITIONAL.log_likelihood((IMAGES, [1, 2, 3])),
        ValueError, "labels expects shape (4,), one class for each example; got (3,)",
    ),
    "one-hot labels": (
        lambda: CONDITIONAL.encode((IMAGES, np.eye(10, dtype=int)[:4])),
        ValueError, "labels expects shape (4,), one class for each example; got (4, 10)",
    ),
    "labels as floats": (
        lambda: CONDITIONAL.generate([3.0]),
        TypeError, "labels expects integers; got dtype float64. Classes count from 0",
    ),
    "a class that there is not": (
        lambda: CONDITIONAL.generate([3, 10]),
        ValueError, "labels expects integers from 0 to 9; got 3 to 10",
    ),
    "a VAE for a class that there is not": (
        lambda: CONDITIONAL.for_class(10),
        ValueError, "labels expects integers from 0 to 9; got 10 to 10",
    ),
    "no labels at all": (
        lambda: CONDITIONAL.generate(np.zeros(0, int)),
        ValueError, "labels expects integers from 0 to 9; got none",
    ),
    "gray levels from 0 to 255 with labels": (
        lambda: CONDITIONAL.fit((IMAGES + 255, [0, 1, 2, 3])),
        ValueError, "x expects values in [0, 1], which the likelihood explains; got 255 to 255. Gray levels",
    ),
    "a conditional VAE asked to correct": (
        lambda: vaelib.correct(CONDITIONAL, IMAGES),
        ValueError, "for_class(label) gives an ordinary VAE",
    ),
    "an encoder that is not told the class": (
        lambda: vaelib.ConditionalVAE(networks.mlp_encoder((64,), 2, (8,)),
                                      networks.mlp_decoder((8, 8, 1), 2 + 10, (8,))),
        ValueError, "got an encoder from (None, 64) to [(None, 2), (None, 2)], a decoder from (None, 12) to "
        "(None, 8, 8, 1). The class goes into both",
    ),
    "a decoder that is not told the class": (
        lambda: vaelib.ConditionalVAE(networks.mlp_encoder((64 + 10,), 2, (8,)), decoder()),
        ValueError, "a decoder from (None, 2) to (None, 8, 8, 1). The class goes into both",
    ),
    "a critic of something else": (
        lambda: vaelib.AdversarialAutoencoder(encoder(("code",)), decoder(), decoder()),
        ValueError, "expects a discriminator from (None, 2) to (None, 1), one logit for each code; got",
    ),
    "a negative adversarial weight": (
        lambda: adversarial(adversarial_weight=-1),
        ValueError, "adversarial_weight expects a finite number of at least 0; got -1. 0 is a plain",
    ),
    "an adversarial autoencoder with targets": (
        lambda: adversarial().fit(IMAGES, IMAGES),
        ValueError, "AdversarialAutoencoder learns from x alone; got targets y as well. Call fit(x)",
    ),
    "an unknown likelihood": (
        lambda: vaelib.mlp_vae((8, 8, 1), 2, likelihood="bernuolli"),
        ValueError, "likelihood expects one of 'bernoulli', 'continuous_bernoulli', 'gaussian', "
        "'student_t', 'zero_one_inflated'; got 'bernuolli'. Did you mean 'bernoulli'?",
    ),
    "a likelihood's class": (
        lambda: vaelib.mlp_vae((8, 8, 1), 2, likelihood=vaelib.Gaussian),
        TypeError, "A class needs its parentheses: Gaussian()",
    ),
    "an impossible variance": (
        lambda: vaelib.Gaussian(variance=0),
        ValueError, 'Gaussian expects variance to be a positive number, "shared" or "per_cell"; got 0',
    ),
    "a misspelled inflation": (
        lambda: vaelib.mlp_vae((8, 8, 1), 2, likelihood="zero_inflated"),
        ValueError, "'student_t', 'zero_one_inflated'; got 'zero_inflated'. "
        "Did you mean 'zero_one_inflated'?",
    ),
    "degrees of freedom without a variance": (
        lambda: vaelib.StudentT(dof=2),
        ValueError, "StudentT expects dof to be a number above 2; got 2. Try 4",
    ),
    "degrees of freedom as text": (
        lambda: vaelib.StudentT(dof="4"),
        ValueError, "StudentT expects dof to be a number above 2; got '4'. Try 4",
    ),
    "a decoder without Student's scales": (
        lambda: vaelib.VAE(encoder(), decoder(), "student_t"),
        ValueError, "The decoder expects to give 2 number(s) for each cell of data of shape (8, 8, 1)",
    ),
    "a decoder without black and white": (
        lambda: vaelib.VAE(encoder(), decoder(), "zero_one_inflated"),
        ValueError, "The decoder expects to give 3 number(s) for each cell of data of shape (8, 8, 1)",
    ),
    "an autoencoder's encoder in a VAE": (
        lambda: vaelib.VAE(encoder(("code",)), decoder()),
        ValueError, "VAE expects an encoder with 2 output(s), each of the decoder's input shape (None, 2)",
    ),
    "a VAE's encoder in an autoencoder": (
        lambda: vaelib.Autoencoder(encoder(), decoder()),
        ValueError, "Autoencoder expects an encoder with 1 output(s)",
    ),
    "networks of different latent dimension": (
        lambda: vaelib.VAE(encoder(latent_dim=3), decoder()),
        ValueError, "each of the decoder's input shape (None, 2); got [(None, 3), (None, 3)]",
    ),
    "a decoder with too few parameters for each cell": (
        lambda: vaelib.VAE(encoder(), decoder(), vaelib.Gaussian("per_cell")),
        ValueError, "The decoder expects to give 2 number(s) for each cell of data of shape (8, 8, 1)",
    ),
    "a network that has no input shape yet": (
        lambda: vaelib.VAE(keras.Sequential([keras.layers.Dense(2)]), decoder()),
        ValueError, "VAE expects a built Keras model as its encoder",
    ),
    "an image that cannot be halved": (
        lambda: vaelib.conv_vae((7, 8, 1), 2),
        ValueError, "sides divisible by 4; got (7, 8, 1). Pad the images, give fewer filters",
    ),
    "a table for a convolution": (
        lambda: vaelib.conv_vae((30,), 2),
        ValueError, "expects data_shape (height, width, channels)",
    ),
    "an unknown image set": (
        lambda: vaelib.load_images("mnits"),
        ValueError, "load_images expects one of 'mnist', 'fashion_mnist', 'digits', 'auto'; got 'mnits'. "
        "Did you mean 'mnist'?",
    ),
    "an unknown table": (
        lambda: vaelib.load_table("wine"),
        ValueError, "load_table expects one of 'wdbc', 'kdd_http', 'wine_quality'; got 'wine'. "
        "Did you mean 'wine_quality'?",
    ),
    "a damaged file": (
        lambda: load_mnist_from_a_folder_with(lambda path: path.write_bytes(b"PK half an archive")),
        ValueError, "mnist.npz expects a NumPy .npz archive; it cannot be read",
    ),
    "a foreign file": (
        lambda: load_mnist_from_a_folder_with(lambda path: np.savez(path, images=IMAGES)),
        ValueError, "mnist.npz expects the arrays x_train, y_train, x_test, y_test; got images. Put",
    ),
    "data that are not here, with no network": (
        lambda: load_mnist_from_a_folder_with(lambda path: None),
        FileNotFoundError, "keras.datasets.mnist failed. Put mnist.npz in a folder and set VAELIB_DATA",
    ),
    "an unknown kind of damage": (
        lambda: vaelib.corrupt(IMAGES, "salt", 0.1),
        ValueError, "got 'salt'. Did you mean 'salt_and_pepper'?",
    ),
    "an amount in per cent": (
        lambda: vaelib.corrupt(IMAGES, "uniform", 30),
        ValueError, "amount expects a fraction of the cells, between 0 and 1; got 30. 30 per cent is 0.3",
    ),
    "a block in a table": (
        lambda: vaelib.corrupt(np.zeros((4, 3)), "block", 0.1),
        ValueError, "A block expects images, shape (batch, height, width, channels); got (4, 3)",
    ),
    "nothing to damage": (
        lambda: vaelib.corrupt(IMAGES[:0], "uniform", 0.1),
        ValueError, "x expects at least one example; got shape (0, 8, 8, 1)",
    ),
    "an autoencoder asked to impute": (
        lambda: vaelib.impute(AUTOENCODER, IMAGES),
        TypeError, "impute expects a VAE; got <Autoencoder",
    ),
    "no samples to impute from": (
        lambda: vaelib.impute(VAE, IMAGES, num_samples=0),
        ValueError, "num_samples expects an integer of at least 1; got 0",
    ),
    "no draws": (
        lambda: vaelib.impute(VAE, IMAGES, draws=0),
        ValueError, "draws expects an integer of at least 1; got 0",
    ),
    "nothing but missing cells to impute from": (
        lambda: vaelib.impute(VAE, with_nan),
        ValueError, "x expects some observed cells; got 256 NaN",
    ),
    "a column that is wholly missing": (
        lambda: vaelib.VAEImputer().fit([[1.0, np.nan], [2.0, np.nan]]),
        ValueError, "X expects an observed cell in each column, among the 2 rows to train on; "
        "got none in column(s) [1]. Drop them",
    ),
    "an imputer without epochs": (
        lambda: vaelib.VAEImputer(max_epochs=0).fit([[1.0, 2.0], [3.0, np.nan]]),
        ValueError, "max_epochs expects an integer of at least 1; got 0",
    ),
    "an infinite cell to impute": (
        lambda: vaelib.VAEImputer().fit([[1.0, np.inf], [2.0, np.nan]]),
        ValueError, "infinity",
    ),
    "weights and mean that do not fit": (
        lambda: vaelib.LinearGaussian(np.zeros((5, 2)), np.zeros(4), 1.0),
        ValueError, "LinearGaussian expects weights (features, latent_dim) and mean (features,); got (5, 2)",
    ),
    "noise without variance": (
        lambda: vaelib.LinearGaussian(np.zeros((5, 2)), np.zeros(5), 0.0),
        ValueError, "noise_variance expects a positive number; got 0.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gets_one_clear_error(case):
    call, kind, message = BAD_INPUT[case]
    with pytest.raises(kind, match=re.escape(message)):
        call()
