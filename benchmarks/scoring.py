"""How many images a second do the anomaly scores and correct take, and how much memory?

A dense 784-512-256-10 VAE scores MNIST images with 64 samples of z each; correct repairs them with the VAE of
correction.py, 784-512-256-32-256-256-784. Both after one epoch: how well they are trained is nothing to the
clock. Beside them the naive loop, which calls the same function for one image at a time.

Memory is the peak of a process of its own for each number of images, above what the process held when the
images were there, and without the answer. correct has images of 7 x 7 pixels for it, lest 100,000 of them
take a quarter of an hour.

Prints the rates and the peaks and writes them to results/scoring.json.

    VAELIB_DATA=... python benchmarks/scoring.py
"""

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import numpy as np  # isort: skip
from tqdm import tqdm  # isort: skip
import report  # isort: skip
from correction import train_vae  # isort: skip

NUM_SAMPLES = 64
SCORES = ("reconstruction", "reconstruction_probability", "elbo", "nll", "likelihood_regret")
IMAGES, NAIVE_IMAGES, REGRET_IMAGES = 10_000, 50, 2_000
MEMORY_COUNTS = (1_000, 10_000, 100_000)
MEBIBYTE = 2**20


def trained(x):
    vae = vaelib.mlp_vae(x.shape[1:], 10)
    vae.compile("adam")
    vae.fit(x, batch_size=128, verbose=0)
    return vae


def calls(scoring, correcting):
    """The work by name: a function of images, and how many of them it is given."""
    by_name = {}
    for kind in SCORES:
        images = REGRET_IMAGES if kind == "likelihood_regret" else IMAGES
        by_name[kind] = lambda x, kind=kind: vaelib.anomaly_score(scoring, x, kind, NUM_SAMPLES), images
    by_name["log_likelihood"] = lambda x: scoring.log_likelihood(x, NUM_SAMPLES), IMAGES
    by_name["correct"] = lambda x: vaelib.correct(correcting, x), IMAGES
    return by_name


def rate(work, x):
    start = time.perf_counter()
    work(x)
    return len(x) / (time.perf_counter() - start)


def naive_rate(work, x):
    start = time.perf_counter()
    for image in x:
        work(image[None])
    return len(x) / (time.perf_counter() - start)


def speed():
    images = vaelib.load_images("mnist")
    rows = {}
    for name, (work, count) in tqdm(
        calls(trained(images.x_train), train_vae(images.x_train, epochs=1)).items(), leave=False
    ):
        work(images.x_test[:500])  # tracing and compiling are not scoring
        work(images.x_test[:1])
        rows[name] = {
            "images": count,
            "rate": rate(work, images.x_test[:count]),
            "naive_rate": naive_rate(work, images.x_test[:NAIVE_IMAGES]),
        }
    return rows


def peak_mebibytes(name, count):
    """In this process, which must be new: not every kernel forgets an older peak, which would hide ours."""
    rng = np.random.default_rng(0)
    side = 7 if name == "correct" else 28
    x = rng.random((count, side, side, 1), dtype="float32")
    model = train_vae(x[:1000], epochs=1) if name == "correct" else trained(x[:1000])
    work = calls(model, model)[name][0]
    work(x[:1000])  # the first thousand make the graphs
    before = forget_the_peak()
    answer = work(x)
    held = sum(np.asarray(part).nbytes for part in keras.tree.flatten(answer))
    return (peak() - before - held) / MEBIBYTE


def forget_the_peak():
    """Start a new peak, on Linux, and return how many bytes are held now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak():
    """The most bytes held since the peak was forgotten, or since the process began."""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def memory():
    peaks = {}
    for name in ("nll", "correct"):
        for count in tqdm(MEMORY_COUNTS, desc=f"memory of {name}", leave=False):
            command = [sys.executable, __file__, "--peak", name, str(count)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            peaks.setdefault(name, {})[str(count)] = json.loads(out)
    return peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peak", nargs=2, metavar=("NAME", "COUNT"), help="one measurement of memory")
    if peak := parser.parse_args().peak:
        print(peak_mebibytes(peak[0], int(peak[1])))
        return
    results = {"num_samples": NUM_SAMPLES, "speed": speed(), "memory": memory()}
    print(f"{'images a second':28}{'vaelib':>9}{'one by one':>12}{'ratio':>8}")
    for name, row in results["speed"].items():
        ratio = row["rate"] / row["naive_rate"]
        print(f"{name:28}{row['rate']:9.0f}{row['naive_rate']:12.1f}{ratio:8.0f}")
    print(f"\n{'MiB above the start':28}" + "".join(f"{count:>10,}" for count in MEMORY_COUNTS))
    for name, peaks in results["memory"].items():
        print(f"{name:28}" + "".join(f"{peaks[str(count)]:10.0f}" for count in MEMORY_COUNTS))
    report.write("scoring", results)


if __name__ == "__main__":
    main()
