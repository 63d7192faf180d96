"""Finding, checking and loading image sets and tables.

A file ``<name>.npz`` in the folder that the environment variable ``VAELIB_DATA`` names comes first, then
the copy or download of Keras or scikit-learn. Files are opened without pickle and checked.
"""

import contextlib
import io
import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from vaelib.checks import check_name

IMAGES = ("mnist", "fashion_mnist", "digits")
TABLES = ("wdbc", "kdd_http", "wine_quality")
SPLIT_SEED = 0  # one fixed split of each set that comes without one


class Images(NamedTuple):
    """Images as float32 in [0, 1], shape (batch, height, width, channels), and labels as integers."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class Table(NamedTuple):
    """A table as float32, shape (batch, features): normal rows to train on, and a labelled test set."""

    name: str
    x_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple


def load_images(name="auto"):
    """Load an image set.

    Args:
        name: ``"mnist"``, ``"fashion_mnist"``, ``"digits"`` (8 x 8, embedded in scikit-learn), or
            ``"auto"``: MNIST, or the digits, with a line that says so, where MNIST cannot be had. The
            environment variable ``VAELIB_IMAGES`` says what ``"auto"`` means.

    Returns:
        :class:`Images`.

    Raises:
        ValueError: for an unknown name or a damaged or foreign file.
        FileNotFoundError: if the set is neither on this machine nor to be downloaded.
    """
    if name == "auto":
        name = os.environ.get("VAELIB_IMAGES", "auto")
    if name == "auto":
        try:
            return load_images("mnist")
        except FileNotFoundError:
            print("MNIST cannot be had here: using scikit-learn's embedded digits, 8 x 8, instead.")
            return load_images("digits")
    check_name(name, (*IMAGES, "auto"), "load_images")
    if name == "digits":
        return _digits()
    arrays = _read(name, ("x_train", "y_train", "x_test", "y_test"))
    if arrays is None:
        arrays = _download_images(name)
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim != 3 or x.dtype != np.uint8 or y.shape != x.shape[:1] or not len(x):
            raise ValueError(
                f"{name}.npz expects x_{part} of shape (n, height, width), uint8 from 0 to 255, and "
                f"y_{part} of shape (n,); got {x.shape} {x.dtype} and {y.shape}. Put the original file back."
            )
    scaled = {f"x_{part}": (arrays[f"x_{part}"][..., None] / np.float32(255)) for part in ("train", "test")}
    labels = {f"y_{part}": arrays[f"y_{part}"].astype("int64") for part in ("train", "test")}
    return Images(name=name, **scaled, **labels)


def load_table(name):
    """Load a table whose training rows are all normal.

    Half of the normal rows, chosen once and for all, are for training; the other half and every anomaly
    are for testing. Nothing is scaled.

    Args:
        name: ``"wdbc"`` (tumours, embedded in scikit-learn), ``"kdd_http"`` (network connections) or
            ``"wine_quality"``, which has no anomalies.

    Returns:
        :class:`Table`; ``y_test`` is 1 for an anomaly.

    Raises:
        ValueError: for an unknown name or a damaged or foreign file.
        FileNotFoundError: if the table is neither on this machine nor to be downloaded.
    """
    check_name(name, TABLES, "load_table")
    x, y, feature_names = {"wdbc": _wdbc, "kdd_http": _kdd_http, "wine_quality": _wine_quality}[name]()
    if x.ndim != 2 or y.shape != x.shape[:1] or len(feature_names) != x.shape[1] or not len(x):
        raise ValueError(
            f"{name} expects X of shape (rows, {len(feature_names)}) and one label for each row; got "
            f"{x.shape} and {y.shape}. Put the original file back."
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{name} expects finite numbers; the file holds NaN or infinite cells. Put the original back."
        )
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    x, y = x[order].astype("float32"), y[order].astype("int64")
    normal = np.flatnonzero(y == 0)
    train = normal[: len(normal) // 2]
    test = np.setdiff1d(np.arange(len(x)), train)
    return Table(name, x[train], x[test], y[test], tuple(feature_names))


def _read(name, keys):
    """Arrays of ``<name>.npz`` in the data folder, or None if there is no such file."""
    folder = os.environ.get("VAELIB_DATA")
    if not folder or not (path := Path(folder) / f"{name}.npz").exists():
        return None
    try:
        with zipfile.ZipFile(path):  # np.load would take anything else for a pickle
            file = np.load(path, allow_pickle=False)
        with file:
            missing = [key for key in keys if key not in file]
            arrays = {key: file[key] for key in keys if key in file}
            found = ", ".join(file) or "none"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(
            f"{path} expects a NumPy .npz archive; it cannot be read ({error}). Copy it again."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{path} expects plain arrays; it holds Python objects, which are never loaded. "
            "Put the original file back."
        ) from error
    if missing:
        raise ValueError(
            f"{path} expects the arrays {', '.join(keys)}; got {found}. Put the original file back."
        )
    return arrays


def _cannot_be_had(name, tried, alternative):
    folder = os.environ.get("VAELIB_DATA")
    looked = f"looked for {name}.npz in VAELIB_DATA={folder}" if folder else "VAELIB_DATA is not set"
    return FileNotFoundError(
        f"{name} cannot be had: {looked}, and {tried} failed. Put {name}.npz in a folder and "
        f"set VAELIB_DATA to it, or connect to the network once. {alternative!r} needs neither."
    )


def _download_images(name):
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its progress bar
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise _cannot_be_had(name, f"the download by keras.datasets.{name}", "digits") from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x = (digits.images[..., None] / 16).astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(
        x, digits.target, test_size=360, random_state=SPLIT_SEED, stratify=digits.target
    )
    return Images("digits", x_train, y_train, x_test, y_test)


def _wdbc():
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    return table.data, 1 - table.target, table.feature_names.tolist()  # there 0 is malignant


def _kdd_http():
    from sklearn.datasets import fetch_kddcup99

    arrays = _read("kdd_http", ("X", "y"))
    if arrays is None:
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of each new attempt
                table = fetch_kddcup99(subset="http", percent10=False)
        except OSError as error:
            raise _cannot_be_had("kdd_http", "the download by scikit-learn", "wdbc") from error
        arrays = {"X": table.data.astype("float64"), "y": table.target != b"normal."}
    return arrays["X"], arrays["y"], ["duration", "src_bytes", "dst_bytes"]


def _wine_quality():
    from sklearn.datasets import fetch_openml

    arrays = _read("wine_quality", ("X", "feature_names"))
    if arrays is None:
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):
                table = fetch_openml("wine-quality", version=1, as_frame=False, parser="liac-arff")
        except OSError as error:
            raise _cannot_be_had(
                "wine_quality", "the download by scikit-learn from OpenML", "wdbc"
            ) from error
        x = np.column_stack([table.data, table.target]).astype("float64")
        arrays = {"X": x, "feature_names": [*table.feature_names, "quality"]}
    return arrays["X"], np.zeros(len(arrays["X"])), [str(name) for name in arrays["feature_names"]]
