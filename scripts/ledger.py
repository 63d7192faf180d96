"""Write the ledger of what numbers to expect, book/expected.json: mean and spread over five seeds.

Each chapter runs from a clean kernel as far as its section "What number should I get?", once for each shift:
a shift is added to every seed that the chapter gives to Keras, NumPy, scikit-learn or vaelib, but not to the
split of a data set into training and test. What it hands to ``vaelib.compare_with_expected`` goes into the
ledger. What is there already is not run again.

A cell whose assertion fails under a shift is passed over and listed: it held by luck.

    VAELIB_DATA=... python scripts/ledger.py [01 05 ...] [--images mnist digits] [--jobs 2] [--again]
"""

import argparse
import json
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
from nbclient.exceptions import CellExecutionError

from chapters import ROOT, chapter_paths
from run import ANSI_COLOUR, client_for

sys.path.append(str(ROOT / "benchmarks"))
import report
from vaelib.expected import mean_and_spread

LEDGER = ROOT / "book" / "expected.json"
SHIFTS = (0, 1000, 2000, 3000, 4000)
MADE = "made"  # the data of a chapter that loads no images
CHECK = "vaelib.compare_with_expected("

SHIFT_SEEDS = f"""\
import sys
sys.path.append({str(ROOT / "scripts")!r})
import shifted_seeds
shifted_seeds.shift_by(%d)
"""


def failing_line(error):
    """The line of the cell that a traceback points at, or its last line if it points at none."""
    lines = ANSI_COLOUR.sub("", str(error)).splitlines()
    return next((line for line in lines if re.match(r"-+> *\d+ ", line)), lines[-1])


def numbers_of(path, images, shift, threads):
    """Run a chapter as far as its check cell with every seed shifted.

    Args:
        path: of the notebook.
        images: "mnist" or "digits", for a chapter that loads any.
        shift: what is added to the seeds.
        threads: how many TensorFlow and NumPy may use.

    Returns:
        A dict of the chapter's numbers, and a line for each cell whose assertion failed.

    Raises:
        RuntimeError: if a cell fails otherwise, with the cell's id.
    """
    notebook = nbformat.read(path, as_version=4)
    last = next(index for index, cell in enumerate(notebook.cells) if CHECK in cell.source)
    notebook.cells = [
        nbformat.v4.new_code_cell(SHIFT_SEEDS % shift),
        *notebook.cells[: last + 1],
    ]
    environment = os.environ | {"VAELIB_IMAGES": images} | dict.fromkeys(
        ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
    )  # fmt: skip
    client, wrong = client_for(notebook), []
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                line = f"cell {cell.id}: {failing_line(error)}"
                if error.ename != "AssertionError":
                    raise RuntimeError(line) from error
                wrong.append(line)
    printed = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    return json.loads(printed.splitlines()[-1]), wrong  # after whatever else that cell prints


class Ledger:
    """The runs so far, as the ledger has them; written after each."""

    def __init__(self):
        self.lock = threading.Lock()
        self.chapters = json.loads(LEDGER.read_text())["chapters"] if LEDGER.exists() else {}

    def lacks(self, chapter, images, shift):
        by_name = self.chapters.get(chapter, {}).get(images, {})
        return not by_name or any(str(shift) not in entry["values"] for entry in by_name.values())

    def add(self, chapter, images, shift, numbers):
        with self.lock:
            before = self.chapters.setdefault(chapter, {}).get(images, {})
            after = {}
            for name, number in numbers.items():
                values = before.get(name, {}).get("values", {}) | {str(shift): float(f"{number:.6g}")}
                after[name] = {"values": dict(sorted(values.items(), key=lambda item: int(item[0])))}
                if len(values) > 1:
                    mean, spread = mean_and_spread(list(values.values()))
                    after[name] = {"mean": mean, "spread": spread, **after[name]}
            self.chapters[chapter][images] = after
            chapters = {chapter: self.chapters[chapter] for chapter in sorted(self.chapters)}
            report.write_json(LEDGER, seeds_shifted_by=SHIFTS, chapters=chapters)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="CHAPTER", help="as in 01 or 05; all if none")
    parser.add_argument("--images", nargs="+", default=["mnist", "digits"])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each with its part of the cores")
    parser.add_argument("--again", action="store_true", help="run also what the ledger has")
    options = parser.parse_args()
    ledger = Ledger()
    paths = [path for path in chapter_paths() if path.name.startswith(tuple(options.numbers) or "")]
    tasks = [
        (path, images, shift)
        for images in [MADE, *options.images]
        for shift in SHIFTS
        for path in paths
        if ("load_images(" in path.read_text()) == (images != MADE)
        if options.again or ledger.lacks(path.stem, images, shift)
    ]
    failed = []

    def run(task):
        (path, images, shift), start = task, time.perf_counter()
        what = f"{path.stem} on {images}, seeds + {shift}"
        try:
            numbers, wrong = numbers_of(path, images, shift, max(1, os.cpu_count() // options.jobs))
            ledger.add(path.stem, images, shift, numbers)
        except Exception as error:  # one run is no reason to lose the others
            failed.append(what)
            wrong = [error]
        print(f"{what}: {time.perf_counter() - start:.0f} s", *wrong, sep="\n    ", flush=True)

    print(f"{len(tasks)} runs")
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(run, tasks))
    if failed:
        sys.exit(f"no numbers from: {', '.join(failed)}")


if __name__ == "__main__":
    main()
