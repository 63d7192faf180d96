"""How long does it take to score 10,000 MNIST images with 64 samples of z each, and to correct them?

Scoring: a dense 784-512-256-10 VAE. Correcting: the VAE of correction.py, 784-512-256-32-256-256-784. Both
after one epoch: how well they are trained is nothing to the clock. Prints the seconds of each score that is
made of samples and of correct, wall clock and processor, and writes them to results/scoring.json.

    VAELIB_DATA=... python benchmarks/scoring.py
"""

import json
import platform
import time
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import tensorflow as tf  # isort: skip
from correction import train_vae  # isort: skip

NUM_SAMPLES = 64


def timed(function):
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - processor}


def main():
    images = vaelib.load_images("mnist")
    vae = vaelib.mlp_vae((28, 28, 1), 10)
    vae.compile("adam")
    vae.fit(images.x_train, batch_size=128, verbose=0)
    calls = {
        kind: lambda kind=kind: vaelib.anomaly_score(vae, images.x_test, kind, NUM_SAMPLES)
        for kind in ("reconstruction_probability", "elbo", "nll")
    }
    calls["VAE.log_likelihood"] = lambda: vae.log_likelihood(images.x_test, NUM_SAMPLES)
    results = {name: timed(call) for name, call in calls.items()}
    vae = train_vae(images.x_train, epochs=1)
    vaelib.correct(vae, images.x_test[:500])  # compiling is not correcting
    results["correct"] = timed(lambda: vaelib.correct(vae, images.x_test))
    print(f"{len(images.x_test):,} images, {NUM_SAMPLES} samples {'wall clock':>16} {'processor':>10}")
    for name, row in results.items():
        print(f"{name:42} {row['wall_seconds']:8.1f}s {row['cpu_seconds']:9.1f}s")
    versions = {"tensorflow": tf.__version__, "machine": platform.processor()}
    path = Path(__file__).parent / "results" / "scoring.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**versions, "date": time.strftime("%Y-%m-%d"), "results": results}, indent=1))


if __name__ == "__main__":
    main()
