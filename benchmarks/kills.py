"""What does a kill cost? scripts/train.py, killed five times at random moments, beside a run left in peace.

Each kill is SIGKILL, which no program can catch. Prints the steps lost to each, at most one checkpoint
interval, and the largest difference of a weight at the end; writes them to results/kills.json.

    python benchmarks/kills.py [--kills 5] [--data digits]
"""

import argparse
import os
import pty
import random
import re
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import numpy as np

import report

ROOT = Path(__file__).resolve().parent.parent
STEPS, INTERVAL = 20_000, 500


def run(out, data, seconds=None):
    """Start the command on a terminal of its own; kill it so many seconds after its first step, if told.

    Returns:
        The step it began with, the last one that its progress bar showed, and its exit code.
    """
    command = [sys.executable, ROOT / "scripts" / "train.py", f"--out={out}", f"--data={data}"]
    command += [f"--steps={STEPS}", f"--checkpoint-every={INTERVAL}", "--widths", "64", "--latent-dim=8"]
    master, terminal = pty.openpty()  # so that the bar is drawn as for a person
    termios.tcsetwinsize(terminal, (24, 100))
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal)
    os.close(terminal)
    text, deadline = "", None
    while True:
        try:
            text += os.read(master, 4096).decode(errors="replace")
        except OSError:  # the terminal is closed: it has ended
            break
        shown = [int(step) for step in re.findall(rf"(\d+)/{STEPS} \[", text)]
        began = re.search(r"steps (\d+) to", text)
        if seconds is not None and deadline is None and began and shown and shown[-1] > int(began[1]):
            deadline = time.monotonic() + seconds
        if deadline and time.monotonic() > deadline:
            process.kill()
            deadline = None
    os.close(master)
    if not began or not shown:
        sys.exit(f"{' '.join(map(str, command))} did not begin:\n{text}")
    return int(began[1]), shown[-1], process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--data", default="digits")
    flags = parser.parse_args()
    rng = random.Random(0)
    killed_at, began_at = [], []
    with tempfile.TemporaryDirectory() as folder:
        peace, disturbed = Path(folder) / "peace", Path(folder) / "disturbed"
        assert run(peace, flags.data)[2] == 0
        for kill in range(flags.kills):
            began, last, code = run(disturbed, flags.data, seconds=rng.uniform(0.5, 4))
            if code == 0:
                sys.exit("It had finished before it was killed: choose more STEPS.")
            began_at.append(began)
            killed_at.append(last)
            print(f"kill {kill + 1}: began at step {began}, killed at step {last} or just after", flush=True)
        began, _, code = run(disturbed, flags.data)
        assert code == 0
        began_at.append(began)

        import vaelib  # noqa: F401  so that Keras knows the classes

        import keras  # isort: skip

        weights = [keras.models.load_model(out / "model.keras").get_weights() for out in (peace, disturbed)]
    lost = [at - resumed for at, resumed in zip(killed_at, began_at[1:], strict=True)]
    difference = max(float(np.max(np.abs(a - b))) for a, b in zip(*weights, strict=True))
    print(f"steps lost: {lost}, of at most {INTERVAL}; largest difference of a weight: {difference}")
    results = {
        "data": flags.data,
        "steps": STEPS,
        "checkpoint_every": INTERVAL,
        "killed_at": killed_at,
        "resumed_at": began_at[1:],
        "steps_lost": lost,
        "largest_difference_of_a_weight": difference,
    }
    report.write("kills", results)
    if max(lost) > INTERVAL or difference > 1e-6:
        sys.exit("A kill cost more than it may.")


if __name__ == "__main__":
    main()
