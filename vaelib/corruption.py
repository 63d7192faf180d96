"""Damaging data on purpose, with a record of what was damaged."""

import numpy as np

from vaelib.checks import check_name

KINDS = ("uniform", "salt_and_pepper", "gaussian", "block", "missing")


def corrupt(x, kind, amount, seed=0, scale=1.0):
    """Damage about a fraction ``amount`` of each example's cells.

    ===================== =====================================================================
    ``"uniform"``         cells become uniform between 0 and 1
    ``"salt_and_pepper"`` cells become 0 or 1
    ``"gaussian"``        cells get noise N(0, scale²) added, and are not clipped
    ``"block"``           one square of an image, placed at random, becomes uniform noise
    ``"missing"``         cells become NaN
    ===================== =====================================================================

    Args:
        x: clean data, shape (batch, ...); for ``"block"`` images (batch, height, width, channels).
        kind: one of the five above.
        amount: for a block, its share of the image's area; else the probability with which each cell
            is damaged, independently; between 0 and 1.
        seed: an int.
        scale: standard deviation of the Gaussian noise, in the units of ``x``.

    Returns:
        The damaged data, float32, and the mask of damaged cells, bool, both of ``x``'s shape.

    Raises:
        ValueError: for an unknown kind, an amount outside [0, 1], an empty ``x``, or a block asked of
            something that is not an image.
    """
    check_name(kind, KINDS, "kind")
    if not 0 <= amount <= 1:
        raise ValueError(
            f"amount expects a fraction of the cells, between 0 and 1; got {amount!r}. "
            "30 per cent is 0.3; an 8 x 8 block of a 28 x 28 image is 64 / 784."
        )
    x = np.asarray(x, "float32")
    if not x.size:
        raise ValueError(
            f"x expects at least one example; got shape {x.shape}. Check the filter or split before."
        )
    rng = np.random.default_rng(seed)
    mask = _blocks(x.shape, amount, rng) if kind == "block" else rng.random(x.shape) < amount
    if kind == "missing":
        damaged = np.float32(np.nan)
    elif kind == "gaussian":
        damaged = x + rng.normal(0, scale, x.shape)
    elif kind == "salt_and_pepper":
        damaged = rng.integers(0, 2, x.shape)
    else:
        damaged = rng.random(x.shape)
    return np.where(mask, damaged, x).astype("float32"), mask


def _blocks(shape, amount, rng):
    if len(shape) != 4:
        raise ValueError(
            f"A block expects images, shape (batch, height, width, channels); got {shape}. "
            "For tables use 'uniform', 'gaussian' or 'missing'."
        )
    batch, height, width, _ = shape
    side = min(round((amount * height * width) ** 0.5), height, width)
    top = rng.integers(0, height - side + 1, (batch, 1))
    left = rng.integers(0, width - side + 1, (batch, 1))
    rows, columns = np.arange(height), np.arange(width)
    in_rows = (rows >= top) & (rows < top + side)  # (batch, height)
    in_columns = (columns >= left) & (columns < left + side)  # (batch, width)
    return np.broadcast_to((in_rows[:, :, None] & in_columns[:, None, :])[..., None], shape).copy()
