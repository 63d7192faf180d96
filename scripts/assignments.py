"""Write every assignment's student notebook, autograder and key into assignments/_build.

otter-grader does the work. Added here: the student's notebook is a single file that carries its own checks,
because Colab opens a notebook without the folder around it; and the key is executed, so every point is known
to be reachable.
"""

import argparse
import base64
import contextlib
import json
import logging
import shutil
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from chapters import ROOT

BUILD = ROOT / "assignments" / "_build"
SECONDS_PER_CELL = 180

# Otter looks for tests in a folder, on Colab only there; while grading it looks in a folder of its own.
CHECKS_CELL = """\
# @title Feedback: run this cell once, and leave it as it is. {{ display-mode: "form" }}
import base64, json, pathlib, tempfile, zlib
import otter

_checks = pathlib.Path(tempfile.mkdtemp())
for _question, _test in json.loads(zlib.decompress(base64.b64decode(
    "{checks}"
))).items():
    (_checks / f"{{_question}}.py").write_text(_test)
grader = otter.Notebook(tests_dir=str(_checks))
"""


def assignment_paths(root=ROOT):
    """The source notebooks, in order."""
    return sorted((root / "assignments").glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb"))


def checks_cell(tests):
    """The cell that sets up `grader`, from the text of each question's test file."""
    encoded = base64.b64encode(zlib.compress(json.dumps(tests).encode(), 9)).decode()
    cell = nbformat.v4.new_code_cell(CHECKS_CELL.format(checks=encoded))
    cell.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["checks"]}
    return cell


def embed(notebook_path, tests_folder):
    """Put the test files into the notebook, after its set-up cell, which installs otter-grader on Colab."""
    notebook = nbformat.read(notebook_path, as_version=4)
    tests = {path.stem: path.read_text() for path in sorted(tests_folder.glob("*.py"))}
    set_up = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(set_up + 1, checks_cell(tests))
    nbformat.write(notebook, notebook_path)


def generate(source, folder):
    """Student notebook, autograder and key of one assignment, without running anything.

    Args:
        source: path of the source notebook.
        folder: a new folder for student/, key/ and autograder.zip.
    """
    import otter.assign

    logging.getLogger("otter").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary, contextlib.redirect_stdout(sys.stderr):
        made = Path(temporary)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that otter uses
            otter.assign.main(str(source), str(made), no_pdfs=True, no_run_tests=True)
        shutil.rmtree(folder, ignore_errors=True)
        for kind, made_by_otter in [("student", "student"), ("key", "autograder")]:
            (folder / kind).mkdir(parents=True)
            notebook = shutil.copy(made / made_by_otter / source.name, folder / kind)
            embed(notebook, made / made_by_otter / "tests")
        [autograder] = (made / "autograder").glob("*.zip")
        shutil.copy(autograder, folder / "autograder.zip")


def run_key(path):
    """Execute the key in place; `ValueError` where a check does not pass."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            extra_arguments=["--IPKernelApp.log_level=40"],
        ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("grader.check("):
            said = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
            if "All test cases passed" not in said:
                raise ValueError(f"{path.stem}: the solution fails its own check, {cell.source}\n{said}")
    nbformat.write(notebook, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="ASSIGNMENT", help="as in 02")
    numbers = tuple(parser.parse_args().numbers)
    sources = [path for path in assignment_paths() if path.name.startswith(numbers or "")]
    if not sources:
        sys.exit(f"no assignment begins with {' or '.join(numbers)}: see the folder assignments/")
    for source in sources:
        start = time.perf_counter()
        print(f"{source.stem} ... ", end="", flush=True)
        folder = BUILD / source.stem
        generate(source, folder)
        run_key(folder / "key" / source.name)
        print(f"written, every check of the key passed ({time.perf_counter() - start:.0f} s)")
    print(f"\nIn {BUILD.relative_to(ROOT)}/NAME:")
    print("  student/NAME.ipynb   hand this out: one file, no solutions, for Colab or JupyterLab")
    print("  key/NAME.ipynb       keep this: solutions, hidden checks and outputs")
    print("  autograder.zip       what make grade, otter grade and Gradescope use")


if __name__ == "__main__":
    main()
