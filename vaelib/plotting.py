"""Every figure that more than one chapter draws.

The functions draw with matplotlib and return what they drew on; a chapter ends the cell with ``plt.show()``.
"""

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

# Paul Tol's "muted" colours and black: ten classes that stay apart for colour-blind readers.
CLASS_COLORS = [
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933"),
    *("#DDCC77", "#CC6677", "#882255", "#AA4499", "#000000"),
]


def use_style():
    """Draw all figures from here on in the style of the book."""
    plt.style.use(files("vaelib") / "vaelib.mplstyle")


def show_images(rows, limits=(0, 1), scale=0.7):
    """Rows of small images, each row with its name on the left.

    Args:
        rows: a dict from a row's name to its images, each (n, height, width) or (n, height, width, 1).
        limits: the values drawn white and black.
        scale: inches for each image.

    Returns:
        The figure.
    """
    columns = max(len(images) for images in rows.values())
    longest = max(len(line) for name in rows for line in name.split("\n"))
    size = (scale * columns + 0.085 * longest, scale * len(rows) + 0.05)
    figure, grid = plt.subplots(len(rows), columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        for ax in axes:
            ax.set_axis_off()
        for ax, image in zip(axes, images, strict=False):
            ax.imshow(np.squeeze(image), vmin=limits[0], vmax=limits[1])
        height = np.shape(images)[1]
        axes[0].text(-0.12 * height, (height - 1) / 2, name, ha="right", va="center", fontsize="small")
    return figure


def mosaic(images, columns, ax=None, limits=(0, 1)):
    """One picture made of many images without gaps.

    Args:
        images: shape (n, height, width) or (n, height, width, 1), n divisible by ``columns``.
        columns: images in a row.
        ax: where to draw; a new square figure if None.
        limits: the values drawn white and black.

    Returns:
        The axes.
    """
    images = np.asarray(images)
    height, width = images.shape[1:3]
    tiles = images.reshape(-1, columns, height, width).swapaxes(1, 2)  # rows, height, columns, width
    if ax is None:
        _, ax = plt.subplots(figsize=(5, 5 * len(tiles) * height / (columns * width)))
    ax.imshow(tiles.reshape(-1, columns * width), vmin=limits[0], vmax=limits[1])
    ax.set_axis_off()
    return ax


def training_curves(history, names=("elbo", "reconstruction", "kl")):
    """One panel for each quantity: training as a line, validation dashed.

    Args:
        history: the ``history`` dict that Keras's ``fit`` returns in its History.
        names: quantities to draw, each in nats per example.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(1, len(names), figsize=(2.5 * len(names), 2.6), squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        epochs = np.arange(1, len(history[name]) + 1)
        ax.plot(epochs, history[name], "C0-", label="training")
        if f"val_{name}" in history:
            ax.plot(epochs, history[f"val_{name}"], "C1--", label="validation")
        ax.set(title=name, xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("nats per example")
    axes[0, 0].legend(fontsize="small")
    return figure


def latent_plane(z, labels, ax=None):
    """Latent vectors as points colored by class, each class named at its median.

    Args:
        z: latent vectors, shape (n, 2).
        labels: integers below 10, shape (n,).
        ax: where to draw; a new square figure if None.

    Returns:
        The axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(5, 5))
    labels = np.asarray(labels)
    size = np.clip(20_000 / len(labels), 2, 14)
    for label in np.unique(labels):
        points = z[labels == label]
        ax.scatter(*points.T, s=size, color=CLASS_COLORS[label], alpha=0.5, linewidths=0, rasterized=True)
    for label in np.unique(labels):
        ax.text(
            *np.median(z[labels == label], axis=0), str(label), ha="center", va="center", weight="bold",
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": CLASS_COLORS[label]},
        )  # fmt: skip
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def manifold(vae, n=15, ax=None):
    """Decode an n x n grid that cuts the prior's plane into cells of equal probability.

    Args:
        vae: a model with two latent dimensions.
        n: images on a side.
        ax: where to draw; a new square figure if None.

    Returns:
        The axes.
    """
    values = norm.ppf((np.arange(n) + 0.5) / n)
    z = np.stack(np.meshgrid(values, values[::-1]), axis=-1).reshape(-1, 2)  # z_2 grows upwards
    return mosaic(vae.decode(z), n, ax)
