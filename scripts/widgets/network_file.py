"""Writes dense networks for book/_static/widgets/common/network.js, and reads them back."""

import json

import keras
import numpy as np


def write_network(folder, name, layers):
    """Write ``name.json``, the layers' shapes, and ``name.bin``, their weights as 16-bit floats.

    Args:
        folder: a ``pathlib.Path``.
        name: of the two files.
        layers: Keras's Dense layers in the order of the calculation.
    """
    weights = [array for layer in layers for array in layer.get_weights()]
    shapes = [
        {
            "rows": layer.kernel.shape[0],
            "columns": layer.kernel.shape[1],
            "activation": layer.activation.__name__,
        }
        for layer in layers
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(shapes) + "\n")
    (folder / f"{name}.bin").write_bytes(b"".join(array.astype("<f2").tobytes() for array in weights))


def read_network(folder, name):
    """The network that ``write_network`` wrote, as a Keras model: what the page computes, in Keras.

    Args:
        folder: a ``pathlib.Path``.
        name: of the two files.

    Returns:
        A ``keras.Sequential``.
    """
    shapes = json.loads((folder / f"{name}.json").read_text())
    values = np.frombuffer((folder / f"{name}.bin").read_bytes(), "<f2").astype("float32")
    network = keras.Sequential([keras.Input((shapes[0]["rows"],))])
    position = 0
    for shape in shapes:
        rows, columns = shape["rows"], shape["columns"]
        layer = keras.layers.Dense(columns, activation=shape["activation"])
        network.add(layer)
        end = position + rows * columns
        layer.set_weights([values[position:end].reshape(rows, columns), values[end : end + columns]])
        position = end + columns
    return network
