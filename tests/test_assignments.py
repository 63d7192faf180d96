"""Assignments grade themselves: all points for the solution, a hint for a wrong answer, none for nothing."""

import ast
import base64
import csv
import json
import re
import zipfile
import zlib
from dataclasses import dataclass

import matplotlib
import nbformat
import psutil
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

pytest.importorskip("otter", reason="the grading tools are not installed: make .venv/classroom")

from otter.test_files.exception_test import ExceptionTestFile

import assignments
import grade
from chapters import ROOT
from grade_one import hint

WRONG_ANSWERS_EACH = 3
CHECK = re.compile(r'grader\.check\("(\w+)"\)')
REQUIREMENT = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


@dataclass
class Built:
    source: nbformat.NotebookNode
    student: nbformat.NotebookNode
    key: nbformat.NotebookNode
    tests: dict  # question -> text of its test file, hidden tests included
    folder: object


def build(source, folder):
    assignments.generate(source, folder)
    with zipfile.ZipFile(folder / "autograder.zip") as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"tests/\w+\.py", name)]
        tests = {name[6:-3]: archive.read(name).decode() for name in names}
    return Built(
        nbformat.read(source, as_version=4),
        nbformat.read(folder / "student" / source.name, as_version=4),
        nbformat.read(folder / "key" / source.name, as_version=4),
        tests,
        folder,
    )


@pytest.fixture(params=assignments.assignment_paths(), ids=lambda path: path.stem, scope="module")
def path(request):
    return request.param


@pytest.fixture(scope="module")
def built(path, tmp_path_factory):
    return build(path, tmp_path_factory.mktemp("built") / path.stem)


def execute(source, env):
    exec(compile(TransformerManager().transform_cell(source), "<cell>", "exec"), env)


def check(built, question, env):
    """Run a question's tests, hidden ones too, against a namespace."""
    file = ExceptionTestFile.from_string(built.tests[question])
    file.run(env)
    return file


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code" and "checks" not in c.metadata.get("tags", [])]


def is_answer(cell):
    """Whether otter marked it: a solution in the key, the place for an answer in the student's notebook."""
    return {"otter_assign_solution_cell", "otter_answer_cell"} & set(cell.metadata.get("tags", []))


def run_through(built, notebook):
    """Run a notebook in this process, as the grader would: past errors, with a check after each question.

    Returns:
        For each question the namespace before its answer, and the result of its check.
    """
    matplotlib.use("agg")
    env, before, results = {"__name__": "__main__"}, {}, {}
    answering = None
    for cell in code_cells(notebook):
        match = CHECK.fullmatch(cell.source)
        if match:
            before[match[1]], answering = answering, None
            results[match[1]] = check(built, match[1], env)
            continue
        if is_answer(cell) and answering is None:
            answering = dict(env)
        try:
            execute(cell.source, env)
        except Exception as error:
            if notebook is built.key:
                raise AssertionError(f"a cell of the key fails:\n{cell.source}") from error
    matplotlib.pyplot.close("all")
    return before, results


@pytest.fixture(scope="module")
def solved(built):
    return run_through(built, built.key)


def wrong_answers(path):
    """The cells of wrong_answers.py: question, name of the mistake, expected hint, code."""
    text = path.with_name("wrong_answers.py").read_text()
    _, *parts = re.split(r"^# %% (.+)$", text, flags=re.MULTILINE)
    for head, code in zip(parts[::2], parts[1::2], strict=True):
        question, mistake, hint = head.split(" | ")
        yield question, mistake, hint, code


def test_the_solution_gets_every_point(built, solved):
    _, results = solved
    assert set(results) == set(built.tests), "a question without a check cell"
    failed = {name: file.summary() for name, file in results.items() if file.score != file.possible}
    assert failed == {}


def test_every_wrong_answer_loses_its_points_and_gets_its_hint(path, built, solved):
    before, _ = solved
    counts = dict.fromkeys(built.tests, 0)
    for question, mistake, expected, code in wrong_answers(path):
        counts[question] += 1
        env = dict(before[question])
        execute(code, env)
        file = check(built, question, env)
        assert file.score == 0, f"{question}, {mistake}: not noticed"
        [visible] = [case for case in file.test_case_results if not case.test_case.hidden]
        said = hint(visible.message)
        assert expected in said, f"{question}, {mistake}: the feedback is {said!r}"
    few = {question: count for question, count in counts.items() if count < WRONG_ANSWERS_EACH}
    assert few == {}, "too few wrong answers"


def names(tree, context):
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def stored_and_loaded(source):
    """Names that a cell binds at its top level, and all names that it uses."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    stored = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            stored.add(statement.name)
        else:
            stored |= names(statement, ast.Store)
    return stored, names(tree, ast.Load)


def test_no_question_builds_on_the_answer_to_another(built):
    """So that a wrong answer costs its own points and no others."""
    answered, used = {}, {}  # names, for each question
    stored_here, used_here = set(), set()
    for cell in code_cells(built.key):
        match = CHECK.fullmatch(cell.source)
        if match:
            arguments = {
                argument.arg
                for function in ast.parse(built.tests[match[1]]).body
                if isinstance(function, ast.FunctionDef)
                for argument in function.args.args
            }
            answered[match[1]], used[match[1]] = stored_here, used_here | arguments
            stored_here, used_here = set(), set()
        else:
            stored, loaded = stored_and_loaded(cell.source)
            used_here |= loaded
            if is_answer(cell):
                stored_here |= stored
    for question, bound in answered.items():
        for other in set(used) - {question}:
            assert not bound & (used[other] - answered[other]), f"{other} uses the answer to {question}"


def test_the_empty_notebook_scores_nothing(built):
    _, results = run_through(built, built.student)
    assert {name: file.score for name, file in results.items()} == dict.fromkeys(built.tests, 0)


def embedded_checks(notebook):
    [cell] = [cell for cell in notebook.cells if "checks" in cell.metadata.get("tags", [])]
    encoded = re.search(r'"([A-Za-z0-9+/=]{100,})"', cell.source)[1]
    return json.loads(zlib.decompress(base64.b64decode(encoded)))


def solution_lines(notebook):
    """Every line of the source notebook that students are not to see."""
    inside = False
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for line in cell.source.splitlines():
            if line.strip().startswith("# BEGIN SOLUTION"):
                inside = True
            elif line.strip().startswith("# END SOLUTION"):
                inside = False
            elif inside or line.rstrip().endswith("# SOLUTION"):
                yield line.removesuffix("# SOLUTION").strip()


def test_students_see_no_solution_and_no_hidden_test(built):
    checks = embedded_checks(built.student)
    assert set(checks) == set(built.tests)
    shown = "\n".join(cell.source for cell in built.student.cells) + "\n".join(checks.values())
    lines = [line for line in solution_lines(built.source) if line]
    assert len(lines) >= len(built.tests)
    assert [line for line in lines if line in shown] == []
    assert "hidden=True" not in shown
    hidden = {
        function.name
        for text in built.tests.values()
        for function in ast.parse(text).body
        if isinstance(function, ast.FunctionDef) and is_hidden(function)
    }
    assert hidden, "nothing stops an answer that fits only the visible numbers"
    assert [name for name in hidden if name in shown] == []
    assert not any(cell.get("outputs") for cell in built.student.cells)


def is_hidden(function):
    return any(k.arg == "hidden" and k.value.value for d in function.decorator_list for k in d.keywords)


def test_it_says_what_it_assesses_takes_and_is_worth(built, path):
    said = "\n".join(cell.source for cell in built.student.cells if cell.cell_type == "markdown")
    assert "**What it assesses.**" in said
    assert re.search(r"\*\*What it takes\.\*\* About \d+ (minutes|hours)", said)
    points = sum(ExceptionTestFile.from_string(text).possible for text in built.tests.values())
    assert f"**Points.** {points:g}, in {len(built.tests)} questions" in said
    assert 5 <= len(built.tests) <= 8
    headings = re.findall(r"^## Question (\d+): ", said, re.MULTILINE)
    assert [f"q{number}" for number in headings] == sorted(built.tests)
    assert built.student.metadata.otter.assignment_name == path.stem


def test_the_checks_work_on_colab_from_the_notebook_alone(built, monkeypatch, tmp_path):
    from otter.check.utils import IPythonInterpreter

    monkeypatch.setattr(IPythonInterpreter.COLAB.value, "running", lambda: True)
    monkeypatch.chdir(tmp_path)
    env = {}
    [cell] = [cell for cell in built.student.cells if "checks" in cell.metadata.get("tags", [])]
    exec(cell.source, env)
    first = min(built.tests)
    assert not env["grader"].check(first, global_env=env).passed_all


def test_the_grading_tools_change_no_version_of_the_books_own():
    pins = dict(REQUIREMENT.findall((ROOT / "assignments" / "requirements.txt").read_text()))
    own = dict(REQUIREMENT.findall((ROOT / "requirements.txt").read_text()))
    assert not set(pins) & set(own)
    assert f'classroom = ["otter-grader=={pins["otter-grader"]}"]' in (ROOT / "pyproject.toml").read_text()


# ---- grading a folder. A tiny assignment without TensorFlow, so that starting a notebook takes a second.

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
TINY = """
[raw]# ASSIGNMENT CONFIG
name: 99_tiny
config_file: OTTER_YML
[code]set_up = True
[raw]# BEGIN QUESTION
name: q1
points: 3
all_or_nothing: true
[markdown]## Question 1: Double
[raw]# BEGIN SOLUTION
[code]def double(x):
    return 2 * x  # SOLUTION
[raw]# END SOLUTION
[raw]# BEGIN TESTS
[code]def test_double(double):
    hint = "Twice as much, not as much again plus two."
    assert double(5) == 10, hint
[raw]# END TESTS
[raw]# END QUESTION
[raw]# BEGIN QUESTION
name: q2
points: 2
all_or_nothing: true
[markdown]## Question 2: Triple
[raw]# BEGIN SOLUTION
[code]def triple(x):
    return 3 * x  # SOLUTION
[raw]# END SOLUTION
[raw]# BEGIN TESTS
[code]def test_triple(triple):
    assert triple(5) == 15, "Three times."
[code]# HIDDEN
def test_triple_zero(triple):
    assert triple(0) == 0, "Not for zero."
[raw]# END TESTS
[raw]# END QUESTION
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for kind, text in re.findall(r"^\[(\w+)\](.*?)(?=^\[|\Z)", TINY, re.MULTILINE | re.DOTALL):
        text = text.strip().replace("OTTER_YML", str(ROOT / "assignments" / "otter.yml"))
        notebook.cells.append(getattr(nbformat.v4, f"new_{kind}_cell")(text))
    source = folder / "99_tiny.ipynb"
    nbformat.write(notebook, source)
    return build(source, folder / "_build" / "99_tiny")


NASTY = {
    "at the start": "raise RuntimeError('a cell that failed and was left in')",
    "loops": "while True:\n    pass",
    "prints": "for i in range(3000):\n    print('x' * 10_000)",
    "overwrites": "grader = None\nnp = None\nopen = print = sum = None\nimport os; os.chdir('/')",
}


def edited(notebook, *, insert=(), replace=None):
    """A copy of a notebook with cells put in before the first question, or an answer replaced."""
    copy = nbformat.reads(nbformat.writes(notebook), as_version=4)
    for old, new in (replace or {}).items():
        [cell] = [cell for cell in copy.cells if old in cell.source]
        cell.source = new
    copy.cells[2:2] = [nbformat.v4.new_code_cell(source) for source in insert]
    return copy


def test_grading_a_folder_goes_past_everything_that_students_hand_in(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grade, "BUILD", tiny.folder.parent)
    monkeypatch.setattr(grade, "SECONDS_PER_CELL", 5)
    for_ever = "def triple(x):\n    while True:\n        pass"
    other_name = edited(tiny.student)
    other_name.metadata.otter.assignment_name = "77_other"
    submissions = {
        "empty": tiny.student,
        "wrong": edited(tiny.key, replace={"def double": "def double(x):\n    return x + 2"}),
        "hanging_answer": edited(tiny.key, replace={"def triple": for_ever}),
        "nasty_but_right": edited(tiny.key, insert=NASTY.values()),
        "kernel_dies": edited(tiny.key, insert=["import os; os._exit(1)"]),
        "other_assignment": other_name,
    }
    (tmp_path / "anna").mkdir()
    for name, notebook in submissions.items():
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    (tmp_path / "anna" / "broken.ipynb").write_text("this is no notebook")
    monkeypatch.setattr("sys.argv", ["grade.py", str(tmp_path)])
    grade.main()

    with open(tmp_path / "grades.csv", newline="") as file:
        rows = {row["notebook"]: row for row in csv.DictReader(file)}
    points = {name: (row["q1"], row["q2"], row["points"]) for name, row in rows.items()}
    assert points == {
        "empty": ("0", "0", "0"),
        "wrong": ("0", "2", "2"),
        "hanging_answer": ("3", "0", "3"),
        "nasty_but_right": ("3", "2", "5"),
        "kernel_dies": ("", "", ""),
        "other_assignment": ("", "", ""),
        "anna__broken": ("", "", ""),
    }
    assert "kernel died" in rows["kernel_dies"]["problem"]
    assert "no assignment 77_other" in rows["other_assignment"]["problem"]
    assert "not a notebook" in rows["anna__broken"]["problem"]

    def feedback(name):
        return (tmp_path / "feedback" / f"{name}.md").read_text()

    assert {path.stem for path in (tmp_path / "feedback").iterdir()} == set(rows)
    assert "## Question 1: Double\n\n0 of 3 points.\n\n- Twice as much, not" in feedback("wrong")
    assert "**5 of 5 points.**" in feedback("nasty_but_right")
    assert "is there a loop that never ends?" in feedback("hanging_answer")
    assert "could not be graded: its kernel died" in feedback("kernel_dies")
    assert len(feedback("nasty_but_right")) < 1000

    said = capsys.readouterr().out
    assert "[7/7]" in said
    assert "3 broken, look at them yourself" in said
    assert "runs the students' code on this machine" in said


def test_a_notebook_that_cannot_be_interrupted_is_killed_with_its_kernel(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "BUILD", tiny.folder.parent)
    monkeypatch.setattr(grade, "SECONDS_PER_NOTEBOOK", 12)
    mark = tmp_path / "kernel"
    deaf = f"""\
import os, pathlib, signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
while True: pass"""
    nbformat.write(edited(tiny.key, insert=[deaf]), tmp_path / "submission.ipynb")
    assert "still running after 12 seconds" in grade.grade(tmp_path / "submission.ipynb", "a student").problem
    if mark.exists():  # not on a machine so busy that the kernel had not started yet
        kernel = int(mark.read_text())
        assert not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == psutil.STATUS_ZOMBIE


def test_a_wrong_answer_costs_its_points_and_no_others_through_the_real_grader(tmp_path, monkeypatch):
    [path] = [path for path in assignments.assignment_paths() if path.stem.startswith("02")]
    built = build(path, tmp_path / "_build" / path.stem)
    monkeypatch.setattr(grade, "BUILD", tmp_path / "_build")
    question, _, expected, code = next(wrong_answers(path))
    [name] = re.findall(r"^def \w+", code, re.MULTILINE)
    submission = tmp_path / "submission.ipynb"
    nbformat.write(edited(built.key, replace={f"{name}(": code}), submission)
    result = grade.grade(submission, "a student")
    assert result.problem == ""
    not_full = {name for name, q in result.questions.items() if q["points"] < q["possible"]}
    assert not_full == {question}
    assert result.questions[question]["points"] == 0
    [said] = result.questions[question]["hints"]  # and none of a hidden check: the visible one says more
    assert expected in said


def test_capstone_runs_as_it_is_handed_out_and_says_what_it_found():
    notebook = nbformat.read(ROOT / "assignments" / "capstone" / "capstone.ipynb", as_version=4)
    options = {"timeout": 180, "kernel_name": "python3", "extra_arguments": ["--IPKernelApp.log_level=40"]}
    NotebookClient(notebook, **options).execute()
    said = notebook.cells[-1].outputs[0].text
    assert {line.split("  ")[0] for line in said.splitlines()} == {
        "AUROC", "average precision", "false alarms", "error over all cells",
    }  # fmt: skip
