"""How does the cost of training grow with the data, with the size of an image, and with the latent vector?

A dense VAE, n-512-256-d, in batches of 128: an epoch of 1,000 to 60,000 MNIST images; an epoch of 10,000
images made larger or smaller, 8 x 8 to 64 x 64; an epoch of 10,000 images with 2 to 256 latent dimensions.
Start-up (building, tracing and compiling, until the first eight steps are done) is timed apart. Each epoch is
the fastest of three: the least disturbed. Prints seconds and fitted exponents, the slope of log seconds
against log size, of all sizes and of the upper half; writes them to results/scaling.json.

    VAELIB_DATA=... python benchmarks/scaling.py
"""

import argparse
import time

import vaelib  # first: it keeps TensorFlow quiet

import numpy as np  # isort: skip
from scipy.ndimage import zoom  # isort: skip
from tqdm import tqdm  # isort: skip
import report  # isort: skip

BATCH_SIZE, EPOCHS = 128, 3
IMAGES = (1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000)
SIDES = (8, 12, 16, 24, 32, 48, 64)
LATENT_DIMS = (2, 4, 8, 16, 32, 64, 128, 256)
FEW = 10_000


def measure(x, latent_dim):
    """Seconds of start-up and of an epoch."""
    start = time.perf_counter()
    vae = vaelib.mlp_vae(x.shape[1:], latent_dim)
    vae.compile("adam")
    vae.fit(x[: 8 * BATCH_SIZE], batch_size=BATCH_SIZE, verbose=0)
    start_up = time.perf_counter() - start
    if len(x) % BATCH_SIZE:
        vae.fit(x[: 7 * BATCH_SIZE + len(x) % BATCH_SIZE], batch_size=BATCH_SIZE, verbose=0)  # the last batch
    epochs = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        vae.fit(x, batch_size=BATCH_SIZE, verbose=0)
        epochs.append(time.perf_counter() - start)
    return {"start_up": start_up, "epoch": min(epochs)}


def resized(x, side):
    scale = side / x.shape[1]
    return np.clip(zoom(x, (1, scale, scale, 1), order=1), 0, 1)


def slope(rows):
    sizes, seconds = np.log([[row["size"], row["epoch"]] for row in rows]).T
    return float(np.polyfit(sizes, seconds, 1)[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.parse_args()
    x = vaelib.load_images("mnist").x_train
    work = {
        "images": [(n, x[:n], 10) for n in IMAGES],
        "pixels": [(side**2, resized(x[:FEW], side), 10) for side in SIDES],
        "latent dimensions": [(d, x[:FEW], d) for d in LATENT_DIMS],
    }
    results = {}
    for name, cases in work.items():
        rows = [
            {"size": size, **measure(images, latent_dim)}
            for size, images, latent_dim in tqdm(cases, desc=name, leave=False)
        ]
        exponents = {"all": slope(rows), "upper half": slope(rows[len(rows) // 2 :])}
        results[name] = {"rows": rows, "exponents": exponents}
        print(f"\n{name:>18}{'start-up':>10}{'an epoch':>10}   seconds")
        for row in rows:
            print(f"{row['size']:18,}{row['start_up']:10.1f}{row['epoch']:10.2f}")
        print(f"exponent {exponents['all']:.2f}, of the upper half {exponents['upper half']:.2f}")
    report.write("scaling", results)


if __name__ == "__main__":
    main()
