"""Grade a folder of notebooks into grades.csv and one feedback file per notebook, going on past broken ones.

This runs what the students wrote, as you, on this machine. It stops a notebook that takes too long and throws
away outputs that are too large. It does not defend against code that reads or deletes your files, uses the
network, fills the memory, or forges its own result. Where you do not trust it, isolate it: `otter grade`
runs each notebook in a Docker container and Gradescope in one of its own, both from the same autograder.zip.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil

from assignments import BUILD

SECONDS_PER_CELL = 60
SECONDS_PER_NOTEBOOK = 240


@dataclass
class Grade:
    name: str
    assignment: str = ""
    problem: str = ""  # why there is no grade
    questions: dict = field(default_factory=dict)

    @property
    def points(self):
        return sum(question["points"] for question in self.questions.values())

    @property
    def possible(self):
        return sum(question["possible"] for question in self.questions.values())


class Broken(Exception):
    """A submission that cannot be graded; the message says why."""


def read(path, assignment):
    """The notebook, and the name of its assignment: the one given, or the one that it was handed out as."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises many kinds
        said = (str(error).splitlines() or [""])[0][:200]
        raise Broken(f"not a notebook that can be read ({type(error).__name__}: {said})") from error
    handed_out_as = notebook.metadata.get("otter", {}).get("assignment_name")
    if assignment and handed_out_as and not handed_out_as.startswith(assignment):
        raise Broken(f"this is assignment {handed_out_as}, not {assignment}")
    wanted = assignment or handed_out_as
    if not wanted:
        raise Broken("it does not say which assignment it is; grade it alone with ASSIGNMENT=02, for example")
    found = [folder for folder in sorted(BUILD.glob("*")) if folder.name.startswith(wanted)]
    if not found or not (found[0] / "autograder.zip").exists():
        raise Broken(f"there is no assignment {wanted}")
    notebook.metadata["otter"] = {"assignment_name": found[0].name}
    return notebook, found[0].name


def kill(process):
    """End a process and all that it started, such as the kernel."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)


def reason(stderr):
    """The last line of an error, in words where it is a known one."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason was given"
    return "its kernel died" if "DeadKernelError" in last else last[:300]


def run(notebook, assignment):
    """Grade one notebook in a process of its own; what each question came to."""
    with tempfile.TemporaryDirectory() as folder:
        submission, output = Path(folder, "submission.ipynb"), Path(folder, "result.json")
        nbformat.write(notebook, submission)
        worker = [sys.executable, Path(__file__).with_name("grade_one.py")]
        job = [submission, BUILD / assignment / "autograder.zip", output, str(SECONDS_PER_CELL)]
        with open(Path(folder, "stderr"), "w+") as stderr:
            process = subprocess.Popen(
                [*worker, *job],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"VAELIB_IMAGES": "digits", "MPLBACKEND": "agg"},
            )
            try:
                process.wait(SECONDS_PER_NOTEBOOK)
            except subprocess.TimeoutExpired:
                raise Broken(f"it was still running after {SECONDS_PER_NOTEBOOK} seconds") from None
            finally:
                if process.poll() is None:
                    kill(process)
                    process.wait()
            stderr.seek(0)
            if not output.exists():
                raise Broken(reason(stderr.read()))
        return json.loads(output.read_text())


def grade(path, name, assignment=""):
    """Grade one notebook file; a broken one has no questions and a problem.

    Args:
        path: the notebook.
        name: what to call it in the table.
        assignment: number or name of the assignment; empty if the notebook knows.

    Returns:
        A :class:`Grade`.
    """
    result = Grade(name)
    try:
        notebook, result.assignment = read(path, assignment)
        result.questions = run(notebook, result.assignment)
    except Broken as error:
        result.problem = str(error)
    return result


def titles(assignment):
    """The heading of each question, from the notebook that was handed out."""
    [path] = (BUILD / assignment / "student").glob("*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.findall(r"^## Question (\d+): (.+)$", text, re.MULTILINE)
    return {f"q{position}": title for position, title in found}


def number(points):
    return f"{points:g}"


def feedback(result):
    """What a student gets to read, in Markdown."""
    lines = [f"# {result.assignment or 'Assignment'}: feedback for {result.name}", ""]
    if result.problem:
        return "\n".join(
            [
                *lines,
                f"Your notebook could not be graded: {result.problem}.",
                "",
                "Restart the kernel, run all cells from the top, save, and hand it in again.",
                "",
            ]
        )
    lines += [f"**{number(result.points)} of {number(result.possible)} points.**", ""]
    heading = titles(result.assignment)
    for name, question in sorted(result.questions.items()):
        title = f"Question {name.removeprefix('q')}: {heading[name]}" if name in heading else name
        lines += [
            f"## {title}",
            "",
            f"{number(question['points'])} of {number(question['possible'])} points.",
        ]
        lines += ["", *(f"- {text}" for text in question["hints"] + question["messages"] if text)]
        lines += [""]
    return "\n".join(line for i, line in enumerate(lines) if line or i == 0 or lines[i - 1])


def write_table(path, results):
    """One row for each notebook, one column for each question of any assignment."""
    questions = sorted({name for result in results for name in result.questions})
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["notebook", "assignment", "points", "possible", "problem", *questions])
        for result in results:
            total = ["", ""] if result.problem else [number(result.points), number(result.possible)]
            scores = {name: number(question["points"]) for name, question in result.questions.items()}
            each = [scores.get(name, "") for name in questions]
            table.writerow([result.name, result.assignment, *total, result.problem, *each])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=Path, help="folder of notebooks, searched with its subfolders")
    parser.add_argument("assignment", nargs="?", default="", help="for notebooks that do not say, as in 02")
    arguments = parser.parse_args()
    folder = arguments.submissions.resolve()
    paths = [path for path in sorted(folder.rglob("*.ipynb")) if not path.match("*/.ipynb_checkpoints/*")]
    if not paths:
        sys.exit(
            f"no notebooks in {arguments.submissions}; say where they are: make grade SUBMISSIONS=folder"
        )
    print(
        "This runs the students' code on this machine, as you; assignments/README.md says how to isolate it."
    )
    (folder / "feedback").mkdir(exist_ok=True)
    results = []
    for i, path in enumerate(paths, 1):
        name = "__".join(path.relative_to(folder).with_suffix("").parts)
        print(f"[{i}/{len(paths)}] {name} ... ", end="", flush=True)
        start = time.perf_counter()
        result = grade(path, name, arguments.assignment)
        said = f"{result.points:g} of {result.possible:g} points"
        if result.problem:
            said = f"BROKEN: {result.problem}"
        print(f"{said} ({time.perf_counter() - start:.0f} s)", flush=True)
        (folder / "feedback" / f"{name}.md").write_text(feedback(result))
        results.append(result)
        write_table(folder / "grades.csv", results)  # after each, so that an interruption loses nothing
    broken = [result.name for result in results if result.problem]
    print(f"\n{len(results) - len(broken)} graded: {folder / 'grades.csv'} and {folder / 'feedback'}/")
    if broken:
        print(f"{len(broken)} broken, look at them yourself: {', '.join(broken)}")


if __name__ == "__main__":
    main()
