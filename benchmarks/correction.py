"""How well does vaelib repair images, beside what people would otherwise do?

MNIST test images are damaged in five ways that no model was told of, and repaired by vaelib.correct with a
VAE trained on clean images; by blind baselines; and by a denoising autoencoder that was trained on the second
kind of damage. Prints the root mean squared error over the whole image, with its spread over the seeds, and
writes it to results/correction.json.

    VAELIB_DATA=... python benchmarks/correction.py [--seeds 3] [--epochs 30] [--images 3000]
"""

import argparse
import time

import vaelib  # first: it keeps TensorFlow quiet
from vaelib import networks

import keras  # isort: skip
import numpy as np  # isort: skip
import report  # isort: skip
from scipy.ndimage import median_filter  # isort: skip
from sklearn.decomposition import PCA  # isort: skip
from sklearn.metrics import average_precision_score  # isort: skip
from sklearn.neighbors import NearestNeighbors  # isort: skip

LATENT_DIM, ENCODER, DECODER = 32, (512, 256), (256, 256)
DENOISER_CODE, DENOISER_EPOCHS = 128, 15  # it has no prior to pay, so its code may be wide
BATCH_SIZE = 128
NEIGHBORS = 5
BLIND = ("reconstruction", "median 3x3", "PCA 50", "5 nearest neighbors")


def white_lines(x, seed):
    """Two full white lines, each a row or a column."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(x.shape, bool)
    for image in mask:
        for line in rng.integers(0, 28, 2):
            if rng.random() < 0.5:
                image[line] = True
            else:
                image[:, line] = True
    return np.where(mask, np.float32(1), x), mask


def damages(x, seed):
    return {
        "uniform 10 %": vaelib.corrupt(x, "uniform", 0.1, seed),
        "uniform 30 %": vaelib.corrupt(x, "uniform", 0.3, seed),
        "8x8 block": vaelib.corrupt(x, "block", 64 / 784, seed),
        "two white lines": white_lines(x, seed),
        "salt and pepper 20 %": vaelib.corrupt(x, "salt_and_pepper", 0.2, seed),
        "none": (x, np.zeros(x.shape, bool)),
    }


def optimizer(x, epochs):
    steps = epochs * -(-len(x) // BATCH_SIZE)
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1.5e-3, steps))


def train_vae(x, epochs):
    likelihood = vaelib.ZeroOneInflated()
    encoder = networks.mlp_encoder(x.shape[1:], LATENT_DIM, ENCODER)
    decoder = networks.mlp_decoder(x.shape[1:], LATENT_DIM, DECODER, likelihood.params_per_cell)
    vae = vaelib.VAE(encoder, decoder, likelihood)
    vae.compile(optimizer(x, epochs))
    vae.fit(x, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    return vae


def train_denoiser(x, seed):
    """An autoencoder from noisy images, freshly damaged in each epoch, to the clean ones."""
    encoder = networks.mlp_encoder(x.shape[1:], DENOISER_CODE, ENCODER, outputs=("code",))
    decoder = networks.mlp_decoder(x.shape[1:], DENOISER_CODE, ENCODER[::-1])
    denoiser = vaelib.Autoencoder(encoder, decoder)
    denoiser.compile(optimizer(x, DENOISER_EPOCHS))
    for epoch in range(DENOISER_EPOCHS):
        noisy, _ = vaelib.corrupt(x, "uniform", 0.3, seed=1000 * (seed + 1) + epoch)
        denoiser.fit(noisy, x, batch_size=BATCH_SIZE, verbose=0)
    return denoiser


def rmse(repair, truth):
    return float(np.sqrt(np.mean(np.square(repair - truth))))


def one_seed(images, count, epochs, seed):
    keras.utils.set_random_seed(seed)
    x_train, x_test = images.x_train, images.x_test[:count]
    flat = x_train.reshape(len(x_train), -1)
    vae, denoiser = train_vae(x_train, epochs), train_denoiser(x_train, seed)
    pca = PCA(50, random_state=seed).fit(flat)
    neighbors = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute").fit(flat)
    vaelib.correct(vae, x_test[:500])  # compiling is not correcting
    rows = {}
    for kind, (damaged, mask) in damages(x_test, 100 + seed).items():
        start = time.perf_counter()
        result = vaelib.correct(vae, damaged)
        seconds = time.perf_counter() - start
        rows[kind] = {
            "damaged": rmse(damaged, x_test),
            "vaelib.correct": rmse(result.x, x_test),
            "reconstruction": rmse(vae.reconstruct(damaged), x_test),
            "median 3x3": rmse(median_filter(damaged, (1, 3, 3, 1)), x_test),
            "PCA 50": rmse(
                pca.inverse_transform(pca.transform(damaged.reshape(len(damaged), -1))).reshape(x_test.shape),
                x_test,
            ),
            "5 nearest neighbors": rmse(
                flat[neighbors.kneighbors(damaged.reshape(len(damaged), -1), return_distance=False)]
                .mean(axis=1)
                .reshape(x_test.shape),
                x_test,
            ),
            "denoising autoencoder": rmse(denoiser.reconstruct(damaged), x_test),
            "seconds": seconds,
        }
        if mask.any():
            covered = abs(result.mean - x_test) <= 1.645 * result.std
            scores = average_precision_score(mask.ravel(), result.outlier_probability.ravel())
            rows[kind] |= {"cell average precision": float(scores), "coverage": float(covered[mask].mean())}
        print(f"seed {seed}, {kind}: {rows[kind]}", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--images", type=int, default=3_000, help="test images")
    options = parser.parse_args()
    images = vaelib.load_images("mnist")
    runs = [one_seed(images, options.images, options.epochs, seed) for seed in range(options.seeds)]
    results = {
        kind: {
            name: {
                "mean": float(np.mean([r[kind][name] for r in runs])),
                "spread": float(np.std([r[kind][name] for r in runs], ddof=len(runs) > 1)),
            }
            for name in runs[0][kind]
        }
        for kind in runs[0]
    }
    columns = ("damaged", "vaelib.correct", *BLIND, "denoising autoencoder")
    print(f"\n{'damage':22}" + "".join(f"{name:>22}" for name in columns))
    for kind, row in results.items():
        cells = (f"{row[name]['mean']:.4f} ± {row[name]['spread']:.4f}" for name in columns)
        print(f"{kind:22}" + "".join(f"{cell:>22}" for cell in cells))
    for name in ("cell average precision", "coverage", "seconds"):
        print(name, {kind: round(row[name]["mean"], 3) for kind, row in results.items() if name in row})
    report.write("correction", results, **vars(options))


if __name__ == "__main__":
    main()
