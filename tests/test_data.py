import re

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

import vaelib


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("keras.datasets.mnist.load_data", fail)
    monkeypatch.setattr("sklearn.datasets.fetch_kddcup99", fail)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    monkeypatch.delenv("VAELIB_IMAGES", raising=False)


def tiny_mnist():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 28, 28), dtype="uint8"),
        "y_train": np.arange(6, dtype="uint8"),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype="uint8"),
        "y_test": np.arange(3, dtype="uint8"),
    }


def test_digits_are_scikit_learns_scaled_to_one_and_split_for_good():
    images = vaelib.load_images("digits")
    assert images.x_train.shape == (1437, 8, 8, 1)
    assert images.x_test.shape == (360, 8, 8, 1)
    together = np.concatenate([images.x_train, images.x_test])[..., 0]
    expected = load_digits().images / 16
    assert together.dtype == np.float32
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(expected.astype("float32"), axis=0))
    np.testing.assert_array_equal(images.x_test, vaelib.load_images("digits").x_test)


def test_labels_stay_with_their_images():
    images, digits = vaelib.load_images("digits"), load_digits()
    label_of = {
        image.astype("float32").tobytes(): y
        for image, y in zip(digits.images / 16, digits.target, strict=True)
    }
    for x, y in zip(images.x_test, images.y_test, strict=True):
        assert label_of[x[..., 0].tobytes()] == y


def test_a_file_in_the_data_folder_comes_first(folder):
    np.savez(folder / "mnist.npz", **tiny_mnist())
    images = vaelib.load_images("mnist")
    np.testing.assert_allclose(images.x_train[..., 0] * 255, tiny_mnist()["x_train"], rtol=1e-6)
    np.testing.assert_array_equal(images.y_test, [0, 1, 2])
    assert images.x_train.dtype == np.float32


def test_auto_is_mnist_where_it_can_be_had(folder, monkeypatch):
    monkeypatch.delenv("VAELIB_IMAGES", raising=False)
    np.savez(folder / "mnist.npz", **tiny_mnist())
    assert vaelib.load_images().name == "mnist"
    monkeypatch.setenv("VAELIB_IMAGES", "digits")
    assert vaelib.load_images().name == "digits"


def test_auto_without_mnist_says_in_one_line_that_it_uses_the_digits(folder, no_network, capfd):
    assert vaelib.load_images().name == "digits"
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    assert "embedded digits" in out
    assert not err


@pytest.mark.parametrize("name", ["mnist", "kdd_http", "wine_quality"])
def test_asking_by_name_for_what_cannot_be_had_says_what_to_do(folder, no_network, name):
    load = vaelib.load_images if name == "mnist" else vaelib.load_table
    with pytest.raises(FileNotFoundError) as error:
        load(name)
    message = str(error.value)
    assert f"looked for {name}.npz in VAELIB_DATA={folder}" in message
    assert f"Put {name}.npz in a folder" in message
    assert "'digits' needs neither" in message or "'wdbc' needs neither" in message


def foreign_files():
    good = tiny_mnist()
    yield "not an archive", b"plain text", "it cannot be read"
    yield "half a file", "truncate", "it cannot be read"
    yield "a wrong byte", "flip", "it cannot be read"
    yield (
        "other keys",
        {"images": good["x_train"]},
        "expects the arrays x_train, y_train, x_test, y_test; got images",
    )
    yield "floats", {**good, "x_train": good["x_train"] / 255}, "uint8 from 0 to 255"
    yield "flat", {**good, "x_test": good["x_test"].reshape(3, -1)}, "x_test of shape (n, height, width)"
    yield "labels missing", {**good, "y_train": good["y_train"][:4]}, "y_train of shape (n,); got (6, 28, 28)"
    yield "no rows", {**good, "x_test": good["x_test"][:0], "y_test": good["y_test"][:0]}, "(0, 28, 28)"
    yield (
        "objects",
        {**good, "x_train": np.array([{}], dtype=object)},
        "Python objects, which are never loaded",
    )


@pytest.mark.parametrize(
    ("content", "message"), [c[1:] for c in foreign_files()], ids=[c[0] for c in foreign_files()]
)
def test_a_damaged_or_foreign_file_gets_one_clear_error(folder, content, message):
    path = folder / "mnist.npz"
    if isinstance(content, dict):
        np.savez(path, **content)
    elif content == "truncate":
        np.savez(path, **tiny_mnist())
        path.write_bytes(path.read_bytes()[:2000])
    elif content == "flip":
        np.savez_compressed(path, **tiny_mnist())
        archive = bytearray(path.read_bytes())
        archive[80] ^= 255  # in the compressed data, which no longer can be unpacked
        path.write_bytes(archive)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        vaelib.load_images("mnist")
    assert "mnist.npz" in str(error.value)


def test_a_table_with_nan_is_refused(folder):
    np.savez(
        folder / "wine_quality.npz", X=np.full((8, 12), np.nan), feature_names=[str(i) for i in range(12)]
    )
    with pytest.raises(ValueError, match="wine_quality expects finite numbers"):
        vaelib.load_table("wine_quality")


def test_a_table_trains_on_half_of_the_normal_rows_and_tests_on_the_rest():
    table, source = vaelib.load_table("wdbc"), load_breast_cancer()
    benign, malignant = np.bincount(1 - source.target)
    assert table.x_train.shape == (benign // 2, 30)
    assert table.y_test.sum() == malignant
    assert len(table.x_test) == benign - benign // 2 + malignant
    malignant_rows = {row.tobytes() for row in source.data[source.target == 0].astype("float32")}
    assert not any(row.tobytes() in malignant_rows for row in table.x_train)
    for row, y in zip(table.x_test, table.y_test, strict=True):
        assert (row.tobytes() in malignant_rows) == bool(y)
    assert table.feature_names[0] == "mean radius"


def test_tables_from_the_data_folder_keep_every_row_once(folder):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)).astype("float32"), (np.arange(40) < 5).astype("int8")
    np.savez(folder / "kdd_http.npz", X=x, y=y)
    np.savez(folder / "wine_quality.npz", X=x, feature_names=["a", "b", "c"])
    http, wine = vaelib.load_table("kdd_http"), vaelib.load_table("wine_quality")
    assert http.y_test.sum() == 5
    assert wine.y_test.sum() == 0
    for table in (http, wine):
        rows = np.concatenate([table.x_train, table.x_test])
        np.testing.assert_array_equal(rows[np.argsort(rows[:, 0])], x[np.argsort(x[:, 0])])


def test_the_download_of_mnist_is_asked_of_keras_and_checked(folder, monkeypatch):
    arrays = tiny_mnist()
    monkeypatch.setattr(
        "keras.datasets.mnist.load_data",
        lambda: ((arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])),
    )
    np.testing.assert_array_equal(vaelib.load_images("mnist").y_train, np.arange(6))
