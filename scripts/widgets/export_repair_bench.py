"""Trains the VAE of the repair bench in chapter 8 and writes all that the page loads.

    VAELIB_DATA=... python scripts/widgets/export_repair_bench.py

``encoder`` and ``decoder`` (weights in 8 bits each), ``settings.json`` (the constants of vaelib's
correction, what the likelihood learned, and the noise of seed 0), ``digits.bin`` (test images, a byte for
each pixel), ``still.webp`` and, for the tests, ``cases.npz``: damaged digits and what ``correct`` makes of
them. Prints how much worse than the chapter's network the small one repairs.
"""

import json
import re
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import matplotlib.pyplot as plt  # isort: skip
import numpy as np  # isort: skip
from keras import layers  # isort: skip
from matplotlib.colors import LinearSegmentedColormap  # isort: skip
from vaelib import Contaminated, correct, correction, gaussian, likelihoods, plotting  # isort: skip

from network_file import read_network, write_network

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "book" / "_static" / "widgets" / "repair-bench"
DATA_SHAPE, LATENT_DIM = (28, 28, 1), 32
HIDDEN, EPOCHS = (112, 224), 15  # as wide as a light page allows; the chapter trains 10
LEARNED = ("white", "white_log_var", "gray_intercept", "gray_slope")
DAMAGE = LinearSegmentedColormap.from_list("damage", ["white", "#D55E00"])  # as in the bench
SEED = 0  # of the repair's noise: correct's default


def trained_vae(x, hidden, epochs):
    """A VAE trained as in the chapter: Adam, its steps shrinking to nothing along half a cosine wave."""
    keras.utils.set_random_seed(0)
    vae = vaelib.mlp_vae(DATA_SHAPE, LATENT_DIM, hidden, "zero_one_inflated")
    schedule = keras.optimizers.schedules.CosineDecay(1.5e-3, epochs * -(-len(x) // 128))
    vae.compile(keras.optimizers.Adam(schedule))
    vae.fit(x, epochs=epochs, batch_size=128, verbose=0)
    return vae


def dense_layers(network):
    return [layer for layer in network.layers if isinstance(layer, layers.Dense)]


def write_vae(folder, vae):
    """Write the two networks, the encoder's two heads side by side as one layer."""
    *hidden, mean, log_var = dense_layers(vae.encoder)
    heads = layers.Dense(2 * vae.latent_dim)
    heads.build(mean.kernel.shape[:1])
    pairs = zip(mean.get_weights(), log_var.get_weights(), strict=True)
    heads.set_weights([np.concatenate(pair, axis=-1) for pair in pairs])
    write_network(folder, "encoder", [*hidden, heads])
    write_network(folder, "decoder", dense_layers(vae.decoder))


def read_vae(folder=FOLDER):
    """The VAE that the page has, with the weights of the files and the likelihood of the settings."""
    encoder, decoder = (read_network(folder, name).layers for name in ("encoder", "decoder"))
    hidden = [layer.units for layer in encoder[:-1]]
    vae = vaelib.mlp_vae(DATA_SHAPE, LATENT_DIM, hidden, "zero_one_inflated")
    mean, log_var = zip(*(np.split(w, 2, axis=-1) for w in encoder[-1].get_weights()), strict=True)
    weights = [*(layer.get_weights() for layer in encoder[:-1]), mean, log_var]
    for layer, values in zip(dense_layers(vae.encoder), weights, strict=True):
        layer.set_weights(values)
    for layer, stored in zip(dense_layers(vae.decoder), decoder, strict=True):
        layer.set_weights(stored.get_weights())
    learned = json.loads((folder / "settings.json").read_text())["likelihood"]
    for name in LEARNED:
        getattr(vae.likelihood, name).assign(learned[name])
    return vae


def settings(vae):
    """Everything that the page's repair takes from vaelib, as plain data."""
    rng = np.random.default_rng(SEED)
    step_noise, sample_noise = (
        correction._balanced_noise(n, vae.latent_dim, rng).numpy()[:, 0]
        for n in (correction.STEPS, correction.NUM_SAMPLES)
    )
    return {
        "side": DATA_SHAPE[0],
        "inference": {
            "steps": correction.STEPS,
            "learning_rate": correction.LEARNING_RATE,
            "first_weight": correction.FIRST_WEIGHT,
            "neighbors": correction.NEIGHBORS.tolist(),
            "neighbor_variance": correction.NEIGHBOR_VARIANCE,
            "neighbor_share": correction.NEIGHBOR_SHARE,
            "prior_cells": correction.PRIOR_CELLS,
            "log_var_limit": gaussian.LOG_VAR_LIMIT,
        },
        "likelihood": {
            "gray_levels": likelihoods.GRAY_LEVELS,
            "level_width": likelihoods.LEVEL_WIDTH,
            "least_gray_log_var": likelihoods.LEAST_GRAY_LOG_VAR,
            "stuck": likelihoods.STUCK,
            "outlier_log_odds": float(Contaminated(vae.likelihood).log_odds),
            "log_white_mass": float(vae.likelihood._log_white_mass()),
            **{name: float(getattr(vae.likelihood, name)) for name in LEARNED},
        },
        "step_noise": as_numbers(step_noise),
        "sample_noise": as_numbers(sample_noise),
    }


def as_numbers(values):
    """32-bit floats with as many digits as they have."""
    return [[float(str(value)) for value in row] for row in values]


def lines(x, seed):
    """Two full rows of each image become ink."""
    rows = np.random.default_rng(seed).random(x.shape[:2]).argsort(axis=1) < 2
    mask = np.broadcast_to(rows[:, :, None, None], x.shape)
    return np.where(mask, np.float32(1), x), mask


def damaged_ways(x):
    """The damage of the chapter's table."""
    return {
        "clean": x,
        "uniform 10 %": vaelib.corrupt(x, "uniform", 0.1, seed=1)[0],
        "uniform 30 %": vaelib.corrupt(x, "uniform", 0.3, seed=1)[0],
        "salt+pepper 20 %": vaelib.corrupt(x, "salt_and_pepper", 0.2, seed=1)[0],
        "block": vaelib.corrupt(x, "block", 64 / 784, seed=1)[0],
        "lines": lines(x, seed=1)[0],
    }


def rmse(a, b):
    return float(np.sqrt(np.mean(np.square(a - b))))


def chapters_errors(names):
    """Error of the chapter's own VAE for each kind of damage, as its table of baselines prints it."""
    notebook = json.loads((ROOT / "book" / "08_anomaly_correction.ipynb").read_text())
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    text = "\n".join("".join(output.get("text", "")) for output in outputs)
    row = r"^{} +(?:\d\.\d+ +){{6}}(\d\.\d+)$"  # six other methods, and the correction
    return {name: float(re.search(row.format(re.escape(name)), text, re.M)[1]) for name in names}


def compare(stored, trained, x):
    """Print the error of the repairs of the chapter's 200 test images, beside the chapter's own."""
    damages = damaged_ways(x)
    print(f"{'RMSE over the image':20}as it came   rebuilt   before rounding   the page   the chapter")
    for kind, chapters in chapters_errors(damages).items():
        dirty = damages[kind]
        images = dirty, stored.reconstruct(dirty), correct(trained, dirty).x, correct(stored, dirty).x
        values = (*(rmse(image, x) for image in images), chapters)
        print(f"{kind:20}{{:10.3f}}{{:10.3f}}{{:18.3f}}{{:11.3f}}{{:14.3f}}".format(*values))
    bounds = (vae.elbo(x).total.mean() for vae in (trained, stored))
    print(f"{'ELBO, nats':40}{{:18.1f}}{{:11.1f}}".format(*bounds))


def two_of_each_digit(images):
    """Test images, 0 to 9 and once more: shape (20, 28, 28, 1)."""
    places = [np.flatnonzero(images.y_test == digit)[:2] for digit in range(10)]
    return images.x_test[np.transpose(places).ravel()]


def write_cases(path, vae, digits):
    """One digit for each kind of damage, and what ``correct`` makes of it."""
    damaged = np.stack([dirty[place] for place, dirty in enumerate(damaged_ways(digits).values())])
    np.savez_compressed(path, damaged=damaged, **correct(vae, damaged)._asdict())


def write_still(path, vae, x):
    """The bench as a picture: what it shows for two kinds of damage."""
    plotting.use_style()
    figure, grid = plt.subplots(2, 5, figsize=(7, 3.3))
    damages = damaged_ways(x)
    for axes, truth, dirty in zip(grid, x, (damages["uniform 30 %"][0], damages["lines"][1]), strict=True):
        repair, plain = correct(vae, dirty[None]), vae.reconstruct(dirty[None])[0]
        shown = {
            f"damaged, {rmse(dirty, truth):.2f}": dirty,
            f"rebuilt, {rmse(plain, truth):.2f}": plain,
            "outlier probability": repair.outlier_probability[0],
            f"repair, {rmse(repair.x[0], truth):.2f}": repair.x[0],
            "truth": truth,
        }
        for ax, (title, image) in zip(axes, shown.items(), strict=True):
            is_mask = title == "outlier probability"
            ax.imshow(image[..., 0], vmin=0, vmax=1, cmap=DAMAGE if is_mask else None)
            ax.set_title(title, fontsize=9)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
    figure.savefig(path, dpi=150, pil_kwargs={"quality": 60})
    plt.close(figure)


def main():
    images = vaelib.load_images("mnist")
    vae = trained_vae(images.x_train, HIDDEN, EPOCHS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_vae(FOLDER, vae)
    (FOLDER / "settings.json").write_text(json.dumps(settings(vae)) + "\n")
    digits = two_of_each_digit(images)
    (FOLDER / "digits.bin").write_bytes(np.round(255 * digits).astype("uint8").tobytes())
    stored = read_vae()
    write_cases(FOLDER / "cases.npz", stored, digits)
    write_still(FOLDER / "still.webp", stored, digits[[13, 4]])

    print(f"Repair bench: hidden layers {HIDDEN}, {EPOCHS} epochs")
    order = np.random.default_rng(0).permutation(len(images.x_test))[:200]
    compare(stored, vae, images.x_test[order])
    weight = sum(path.stat().st_size for path in FOLDER.iterdir() if path.suffix != ".npz")
    print(f"{weight / 1e3:.0f} kB in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
