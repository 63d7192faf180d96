"""How much faster is vaelib's choice in ``compile`` than Keras's defaults, on this machine?

The same networks on the same data, side by side in one run, taking turns: a dense 784-512-2 VAE and a small
convolutional one. Prints seconds an epoch and their ratio, and writes them to results/compile_choice.json.

    VAELIB_DATA=... python benchmarks/compile_choice.py [--repeats 5]
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import tensorflow as tf  # isort: skip


def dense():
    return vaelib.mlp_vae((28, 28, 1), 2, hidden_units=(512,))


def convolutional():
    return vaelib.conv_vae((28, 28, 1), 2)


def seconds_of_an_epoch(model, x):
    start = time.perf_counter()
    model.fit(x, epochs=1, batch_size=128, verbose=0)
    return time.perf_counter() - start


def compare(build, x, repeats):
    """Median seconds of an epoch under each choice, and the median of their paired ratios."""
    ours, defaults = build(), build()
    ours.compile("adam")
    keras.Model.compile(defaults, "adam")  # what Keras does when nobody chooses
    for model in (ours, defaults):
        seconds_of_an_epoch(model, x[: 1280 + len(x) % 128])  # tracing and compiling are not training
    pairs = [(seconds_of_an_epoch(ours, x), seconds_of_an_epoch(defaults, x)) for _ in range(repeats)]
    return {
        "xla": ours.jit_compile,
        "vaelib_seconds": statistics.median(pair[0] for pair in pairs),
        "keras_seconds": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(pair[1] / pair[0] for pair in pairs),
        "pairs": pairs,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each, taking turns")
    repeats = parser.parse_args().repeats
    x = vaelib.load_images("mnist").x_train
    results = {
        "dense 784-512-2": compare(dense, x, repeats),
        "convolutional, first 12,800 images": compare(convolutional, x[:12_800], repeats),
    }
    print(f"{'network':36} {'XLA':5} {'vaelib':>8} {'Keras':>8} {'ratio':>6}")
    for name, row in results.items():
        times = f"{row['vaelib_seconds']:7.2f}s {row['keras_seconds']:7.2f}s {row['ratio']:6.2f}"
        print(f"{name:36} {row['xla']!s:5} {times}")
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "machine": platform.processor()}
    path = Path(__file__).parent / "results" / "compile_choice.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**versions, "date": time.strftime("%Y-%m-%d"), "results": results}, indent=1))


if __name__ == "__main__":
    main()
