"""Execute chapters in place: every one, or those whose file names begin with what is given.

The page of benchmarks, which reads what the benchmarks have written, counts only when it is named.

A chapter whose execution fails, or writes to stderr, is left as it was.
"""

import argparse
import base64
import io
import re
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image
from tqdm import tqdm

from chapters import ROOT, chapter_paths, code_sha256

BENCHMARKS = ROOT / "book" / "benchmarks.ipynb"
SECONDS_PER_CELL = 600
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class WroteToStderr(Exception):
    pass


def images_used():
    """The name of the data set that "auto" means on this machine."""
    import vaelib

    return vaelib.load_images().name


def smaller_png(encoded):
    """The same picture with at most 256 colours, where that takes fewer bytes."""
    original = base64.b64decode(encoded)
    image = Image.open(io.BytesIO(original)).convert("RGBA")
    if image.getextrema()[3] != (255, 255):  # transparency does not survive a palette
        return encoded
    buffer = io.BytesIO()
    palette = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    palette.save(buffer, "PNG", optimize=True)
    if buffer.tell() >= len(original):
        return encoded
    return base64.b64encode(buffer.getvalue()).decode()


def client_for(notebook):
    """What runs a notebook's cells, in the folder book/."""
    return NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": ROOT / "book"}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # what a cell prints is one output, however it was flushed
        extra_arguments=["--IPKernelApp.log_level=40"],  # no warning about TCP on localhost
    )


def execute(notebook, name):
    """Run every cell from a clean kernel, showing progress."""
    client = client_for(notebook)
    with client.setup_kernel():
        cells = tqdm(notebook.cells, desc=name, unit="cell", leave=False)
        for index, cell in enumerate(cells):
            client.execute_cell(cell, index)
            for output in cell.get("outputs", []):
                if output.get("name") == "stderr":
                    raise WroteToStderr(f"{cell.source}\n---- stderr ----\n{output.text}")
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = smaller_png(output.data["image/png"])


def run_chapter(path, images):
    """Execute one chapter and write it back; returns an error message or None."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    try:
        execute(notebook, path.stem)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, WroteToStderr) as error:
        return ANSI_COLOUR.sub("", str(error))
    seconds = round(time.perf_counter() - start, 1)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["vaelib"] = {
        "code_sha256": code_sha256(notebook),
        "images": images,
        "seconds": seconds,
    }
    nbformat.write(notebook, path)
    print(f"{path.stem}: {seconds} s")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="CHAPTER", help="as in 01 or 05, or benchmarks")
    numbers = tuple(parser.parse_args().numbers)
    pages = [*chapter_paths(), BENCHMARKS] if numbers else chapter_paths()
    paths = [path for path in pages if path.name.startswith(numbers or "")]
    if not paths:
        sys.exit(f"no chapter begins with {' or '.join(numbers)}: see the folder book/")
    images = images_used()
    print(f"{len(paths)} chapter(s), images: {images}")
    failed = []
    for path in paths:
        error = run_chapter(path, images)
        if error:
            failed.append(path.stem)
            print(f"{path.stem}: FAILED, left as it was\n{error}\n", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
