"""The latent explorer of chapter 5: its model, its points, its digits and its still picture.

Trains the chapter's two-dimensional VAE with the chapter's settings and writes what the page loads into
``book/_static/widgets/latent-explorer/``. About a minute, with MNIST in the folder that VAELIB_DATA names.
"""

import io
import json
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import matplotlib.pyplot as plt  # isort: skip
import numpy as np  # isort: skip
from PIL import Image  # isort: skip
from vaelib import plotting  # isort: skip

from network_file import read_network, write_network

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "book" / "_static" / "widgets" / "latent-explorer"
EVERY = 3  # every third test image is shown
COLUMNS = 58  # digits in a row of the picture that holds them all
POINTS_SCALE = 4096  # a coordinate is stored as a 16-bit integer of 1/4096: to 0.00012
GRAYS = 16  # shades of a stored digit: the eye misses none, and the file is a third smaller
EXAMPLE = [(-1.6, -1.2), (-1.8, 0.2), (-1.3, 1.5), (0.0, 2.0), (1.6, 1.4)]  # the path drawn at first
EDGE = 4.2  # the plane is shown from -EDGE to EDGE
STRIP = 11  # digits in a strip


def train():
    """The chapter's two-dimensional VAE, and the images."""
    images = vaelib.load_images("mnist")
    keras.utils.set_random_seed(0)
    vae = vaelib.mlp_vae(images.x_train.shape[1:], latent_dim=2, hidden_units=(256, 128))
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(images.x_train, validation_data=(images.x_test,), batch_size=100, epochs=8, verbose=0)
    return vae, images


def write_decoder(folder, vae):
    dense = [layer for layer in vae.decoder.layers if isinstance(layer, keras.layers.Dense)]
    write_network(folder, "decoder", dense)


def write_points(folder, vae, x, y):
    """``points.bin``, the posterior means as 16-bit integers and the labels as bytes; ``points.json``."""
    means = np.round(vae.encode(x)[0] * POINTS_SCALE).astype("<i2")
    (folder / "points.bin").write_bytes(means.tobytes() + y.astype("u1").tobytes())
    about = {"count": len(x), "every": EVERY, "scale": POINTS_SCALE, "columns": COLUMNS, "example": EXAMPLE}
    (folder / "points.json").write_text(json.dumps(about) + "\n")


def read_points(folder):
    """What ``write_points`` wrote: z, shape (n, 2), and the labels, shape (n,)."""
    about = json.loads((folder / "points.json").read_text())
    data = (folder / "points.bin").read_bytes()
    z = np.frombuffer(data, "<i2", 2 * about["count"]).reshape(-1, 2) / about["scale"]
    return z, np.frombuffer(data, "u1", offset=4 * about["count"])


def write_digits(folder, x):
    """``digits.webp``: the digits in the order of the points, row by row, black on white."""
    height, width = x.shape[1:3]
    rows = -(-len(x) // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, height, width))
    sheet[: len(x)] = np.round(x[..., 0] * (GRAYS - 1)) / (GRAYS - 1)
    sheet = sheet.reshape(rows, COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, -1)
    picture = Image.fromarray(np.round(255 * (1 - sheet)).astype("u1")).convert("RGB")
    picture.save(folder / "digits.webp", lossless=True, quality=100, method=6)


def read_digits(folder, side=28):
    """What ``write_digits`` wrote: ink from 0 to 1, shape (n, side, side)."""
    sheet = 1 - np.asarray(Image.open(folder / "digits.webp").convert("L")) / 255
    tiles = sheet.reshape(-1, side, sheet.shape[1] // side, side).swapaxes(1, 2).reshape(-1, side, side)
    return tiles[: json.loads((folder / "points.json").read_text())["count"]]


def along(path, count=STRIP):
    """Points spaced evenly along a broken line, by its length."""
    path = np.asarray(path, "float64")
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, coordinate) for coordinate in path.T], axis=-1)


def write_still(folder, z, y):
    """The plane, a path, a straight line and both strips: what the page shows before it is alive."""
    decoder = read_network(folder, "decoder")
    paths = {"A path": EXAMPLE, "The straight line between its ends": [EXAMPLE[0], EXAMPLE[-1]]}
    plotting.use_style()
    figure, (plane, *strips) = plt.subplots(3, 1, figsize=(6, 7.4), height_ratios=[6, 0.62, 0.62])
    plotting.latent_plane(z, y, plane)
    for sigmas in (1, 2, 3):
        plane.add_patch(plt.Circle((0, 0), sigmas, fill=False, linestyle="--"))
        plane.text(0, sigmas, f"{sigmas}σ", ha="center", va="bottom")
    plane.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    styles = (
        {"linestyle": "-", "marker": "o", "color": "C1"},
        {"linestyle": "--", "marker": "s", "color": "C0"},
    )
    for ax, (name, path), style in zip(strips, paths.items(), styles, strict=True):
        steps = along(path)
        plane.plot(*steps.T, markersize=5, markeredgecolor="white", **style)
        ink = 1 / (1 + np.exp(-np.array(decoder(steps))))
        plotting.mosaic(ink.reshape(-1, 28, 28), STRIP, ax)
        ax.set_title(name, loc="left", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130)
    plt.close(figure)
    Image.open(buffer).convert("RGB").save(folder / "still.webp", quality=60, method=6)


def main():
    vae, images = train()
    x, y = images.x_test[::EVERY], images.y_test[::EVERY]
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_decoder(FOLDER, vae)
    write_points(FOLDER, vae, x, y)
    write_digits(FOLDER, x)
    z, labels = read_points(FOLDER)
    write_still(FOLDER, z, labels)

    means, pixels = vae.encode(x)[0], vae.reconstruct(x).reshape(len(x), -1)
    shown = 1 / (1 + np.exp(-np.array(read_network(FOLDER, "decoder")(means))))
    moved = np.abs(shown - pixels)
    weight = sum(file.stat().st_size for file in FOLDER.iterdir())
    print(f"test ELBO {vae.elbo(images.x_test).total.mean():.2f} nats per example")
    print(f"{len(z)} points to {np.abs(z - means).max():.5f}; farthest coordinate {np.abs(z).max():.2f}")
    print(f"8-bit weights move a pixel by {moved.mean():.4f} on average, by {moved.max():.4f} at most")
    print(f"{weight / 1e3:.0f} kB in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
