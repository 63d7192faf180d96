"""Writes dense networks for book/_static/widgets/common/network.js, and reads them back."""

import json

import keras
import numpy as np


def write_network(folder, name, layers):
    """Write ``name.json``, the layers' shapes, and ``name.bin``, their weights in 8 bits each.

    The binary file holds for each layer two 32-bit floats per unit, its steps and its biases, and behind all
    of these each layer's matrix as 8-bit integers: a weight is its integer times its unit's step, which is
    1/127 of the unit's largest weight.

    Args:
        folder: a ``pathlib.Path``.
        name: of the two files.
        layers: Keras's Dense layers in the order of the calculation.
    """
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
    floats, integers = [], []
    for kernel, bias in (layer.get_weights() for layer in layers):
        step = np.maximum(np.abs(kernel).max(axis=0), 1e-12) / 127
        floats += [step, bias]
        integers.append(np.round(kernel / step))
    arrays = [*(array.astype("<f4") for array in floats), *(array.astype("i1") for array in integers)]
    (folder / f"{name}.bin").write_bytes(b"".join(array.tobytes() for array in arrays))


def read_network(folder, name):
    """The network that ``write_network`` wrote, as a Keras model: what the page computes, in Keras.

    Args:
        folder: a ``pathlib.Path``.
        name: of the two files.

    Returns:
        A ``keras.Sequential``.
    """
    shapes = json.loads((folder / f"{name}.json").read_text())
    data = (folder / f"{name}.bin").read_bytes()
    units = [shape["columns"] for shape in shapes]
    floats = np.split(np.frombuffer(data, "<f4", 2 * sum(units)), np.cumsum(np.repeat(units, 2))[:-1])
    sizes = [shape["rows"] * shape["columns"] for shape in shapes]
    integers = np.split(np.frombuffer(data, "i1", offset=8 * sum(units)), np.cumsum(sizes)[:-1])
    network = keras.Sequential([keras.Input((shapes[0]["rows"],))])
    for shape, step, bias, kernel in zip(shapes, floats[::2], floats[1::2], integers, strict=True):
        layer = keras.layers.Dense(shape["columns"], activation=shape["activation"])
        network.add(layer)
        layer.set_weights([kernel.reshape(shape["rows"], -1) * step, bias])
    return network
