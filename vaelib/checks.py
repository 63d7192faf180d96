"""Looking at what a user gives, once, at the public door.

Every message says what was expected, what came, and how to mend it.
"""

import difflib

import numpy as np


def check_name(name, known, what):
    """Raise a clear error unless ``name`` is one of the known ones.

    Args:
        name: what a user gave.
        known: the names there are.
        what: what they name, for the message.

    Raises:
        ValueError: naming the nearest known one.
    """
    if name not in known:
        nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0)[0]
        names = ", ".join(map(repr, known))
        raise ValueError(f"{what} expects one of {names}; got {name!r}. Did you mean {nearest!r}?")


def check_examples(x, shape, support=(-np.inf, np.inf), name="x", may_be_missing=False):
    """Raise a clear error unless ``x`` is a batch of finite examples of that shape and range.

    Args:
        x: what a user gave.
        shape: the shape of one example.
        support: smallest and largest value allowed.
        name: what to call it in the message.
        may_be_missing: whether NaN is allowed, as the sign of a missing cell.

    Returns:
        ``x`` as a float32 NumPy array.

    Raises:
        TypeError: if ``x`` is not numeric.
        ValueError: if it is empty, has another shape, holds infinity, NaN that does not mean missing, or
            values outside ``support``.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} expects numbers; got dtype {x.dtype}. Encode text and categories as numbers first."
        )
    if x.shape[1:] != tuple(shape):
        mend = f"Reshape it to (batch, {', '.join(map(str, shape))})."
        if x.shape == tuple(shape):
            mend = f"A single example is {name}[None]."
        elif (*x.shape[1:], 1) == tuple(shape):
            mend = f"Add the axis of channels: {name}[..., None]."
        raise ValueError(f"{name} expects shape (batch, {', '.join(map(str, shape))}); got {x.shape}. {mend}")
    if not len(x):
        raise ValueError(
            f"{name} expects at least one example; got shape {x.shape}. Check the filter or split before."
        )
    x = x.astype("float32", copy=False)
    low, high = x.min(), x.max()
    if may_be_missing and np.isnan(low):
        observed = x[~np.isnan(x)]
        if not observed.size:
            raise ValueError(
                f"{name} expects some observed cells; got {x.size} NaN, which mean missing, and no other. "
                "Look at how it was read or scaled."
            )
        low, high = observed.min(), observed.max()
    if np.isnan(low) or np.isinf(low) or np.isinf(high):
        bad = int(np.isinf(x).sum() if may_be_missing else (~np.isfinite(x)).sum())
        what = "infinite" if may_be_missing else "NaN or infinite"
        raise ValueError(f"{name} expects finite numbers; got {bad} {what} cells. Drop or fill them first.")
    if low < support[0] or high > support[1]:
        mend = "Scale the data, or choose likelihood='gaussian'."
        if low >= 0 and 1 < high <= 255:
            mend = f"Gray levels 0 to 255 become {name} / 255."
        raise ValueError(
            f"{name} expects values in [{support[0]:g}, {support[1]:g}], which the likelihood explains; "
            f"got {low:g} to {high:g}. {mend}"
        )
    return x
