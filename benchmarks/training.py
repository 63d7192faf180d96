"""How fast does vaelib train, beside what people would use instead?

The same network on the same images in the same batches: a dense 784-512-2-512-784 VAE on 60,000 MNIST images
and a convolutional one on the first 6,400. Each peer has a process of its own; they train in turn, five times
round, so that whatever else the machine does falls on all. A turn is two epochs, of which the second counts:
the first brings back what the machine put aside while the others had their turns. Prints the medians and
their ratios and writes them to results/training.json.

The limit is arithmetic: the operations of a step's matrix products at the rate of this machine's own, which
is measured before each round.

    VAELIB_DATA=... python benchmarks/training.py [--repeats 5]

The peers other than Keras need an environment with benchmarks/requirements.txt; without it they are left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import numpy as np  # isort: skip
from tqdm import tqdm  # isort: skip
import peers  # isort: skip
import report  # isort: skip

IMAGES = {"dense": 60_000, "convolutional": 6_400}
OF_TORCH = ("PyTorch loop", "torch.compile", "pythae", "PyOD")
VERSIONS = "import json, importlib.metadata as m; print(json.dumps({p: m.version(p) for p in %r}))"


class Peer:
    """A process of peers.py, which trains an epoch when asked."""

    def __init__(self, name, network, path, python):
        command = [python, Path(__file__).with_name("peers.py"), name, network, path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, bufsize=1, **pipes)
        self.parameters = self._answer()  # waits until it is warm
        self.answers = []

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"ended before it answered: {' '.join(map(str, self.process.args))}")
        return json.loads(line)

    def take_a_turn(self):
        for _ in range(2):
            self.process.stdin.write("epoch\n")
            answer = self._answer()
        self.answers.append(answer)


def matrix_product_rate(size=2048, repeats=5):
    """Operations a second in this machine's best float32 matrix product."""
    a = np.random.default_rng(0).random((size, size), dtype="float32")
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def operations_of_an_epoch(images):
    """Of the dense net: forwards, and backwards to weights and inputs; nobody wants the image's gradient."""
    first, head = 784 * peers.UNITS, peers.UNITS * 2 * peers.LATENT_DIM
    decoder = peers.LATENT_DIM * peers.UNITS + peers.UNITS * 784
    return 2 * images * (3 * (first + head + decoder) - first)


def compare(network, repeats, torch_python):
    x = vaelib.load_images("mnist").x_train.reshape(-1, 784)[: IMAGES[network]]
    names = [name for name in peers.PEERS if torch_python or name not in OF_TORCH]
    if network != "dense":
        names = [name for name in names if name != "PyOD"]  # it has no convolutional VAE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, x)
        python_of = {name: torch_python if name in OF_TORCH else sys.executable for name in names}
        running = {}
        for name in tqdm(names, desc=f"{network}: warming up", leave=False):
            running[name] = Peer(name, network, path, python_of[name])
        parameters = {name: peer.parameters for name, peer in running.items()}
        assert len(set(parameters.values())) == 1, f"not the same network: {parameters}"
        rates = []
        for _ in tqdm(range(repeats), desc=f"{network}: rounds", leave=False):
            rates.append(matrix_product_rate())
            for peer in running.values():
                peer.take_a_turn()
        for peer in running.values():
            peer.process.kill()
    seconds = {name: [answer["seconds"] for answer in peer.answers] for name, peer in running.items()}
    ours = seconds["vaelib"]
    rows = {
        name: {
            "seconds": statistics.median(theirs),
            "least": min(theirs),
            "most": max(theirs),
            "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
            "loss": running[name].answers[-1].get("loss"),
        }
        for name, theirs in seconds.items()
    }
    result = {"images": len(x), "parameters": parameters["vaelib"], "peers": rows}
    if network == "dense":
        limits = [operations_of_an_epoch(len(x)) / rate for rate in rates]
        result["limit"] = {
            "operations_per_second": statistics.median(rates),
            "seconds": statistics.median(limits),
            "reached": statistics.median(a / b for a, b in zip(limits, ours, strict=True)),
        }
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each, taking turns")
    repeats = parser.parse_args().repeats
    versions = {}
    torch_python = report.PEERS if report.PEERS.exists() else None
    if torch_python:
        command = [torch_python, "-c", VERSIONS % (("torch", "pythae", "pyod"),)]
        versions = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    else:
        print(f"{report.PEERS} is not there: PyTorch, pythae and PyOD are left out (make bench sets them up)")
    results = {network: compare(network, repeats, torch_python) for network in IMAGES}
    for network, result in results.items():
        print(f"\n{network}, {result['images']:,} images, {result['parameters']:,} parameters")
        print(f"{'':14}{'s an epoch':>11}{'least':>7}{'most':>7}{'÷ vaelib':>10}{'loss':>8}")
        for name, row in result["peers"].items():
            loss = f"{row['loss']:8.1f}" if row["loss"] else ""
            times = f"{row['seconds']:11.2f}{row['least']:7.2f}{row['most']:7.2f}"
            print(f"{name:14}{times}{row['ratio']:10.2f}{loss}")
        if limit := result.get("limit"):
            rate = limit["operations_per_second"] / 1e9
            print(
                f"arithmetic at {rate:.0f} GFLOP/s: {limit['seconds']:.2f} s; reached {limit['reached']:.0%}"
            )
    report.write("training", results, **versions)


if __name__ == "__main__":
    main()
