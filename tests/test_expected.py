"""The ledger of numbers to expect: how it is read, what it holds, and how it is made."""

import json
import re

import nbformat
import numpy as np
import pytest

import ledger
import vaelib
from chapters import ROOT, chapter_paths
from vaelib import expected
from vaelib.expected import compare_with_expected, mean_and_spread

LEDGER = json.loads(ledger.LEDGER.read_text())


@pytest.fixture
def small_ledger(tmp_path, monkeypatch):
    path = tmp_path / "expected.json"
    entry = {
        "bound": {"mean": -102.1, "spread": 0.6, "values": dict.fromkeys("abc")},
        "error": {"mean": 0.0452, "spread": 0.0008, "values": dict.fromkeys("abc")},
    }
    path.write_text(json.dumps({"chapters": {"05_vae": {"mnist": entry}}}))
    monkeypatch.setattr(expected, "PLACES", (tmp_path / "missing.json", path))


def test_the_spread_is_the_standard_deviation_rounded_up_to_two_digits():
    values = np.random.default_rng(0).normal(-100, 3, size=5)
    mean, spread = mean_and_spread(values)
    exact = values.std(ddof=1)
    assert exact <= spread <= exact + 0.1
    assert mean == round(values.mean(), 1)
    assert mean_and_spread([0.1231, 0.1232, 0.1251]) == (0.1238, 0.0012)


def test_a_number_without_luck_may_still_be_rounded_otherwise():
    assert mean_and_spread([182.5] * 5) == (182.5, 0.19)
    assert mean_and_spread([19, 19, 19, 19, 19]) == (19, 0.019)


def test_each_number_is_shown_beside_what_is_expected(small_ledger, capsys):
    compare_with_expected("05_vae", "mnist", {"bound": np.float32(-102.4), "error": 0.0455})
    assert capsys.readouterr().out == (
        "mean ± spread of 3 runs with other seeds (mnist)\n"
        "bound  expected -102.10 ± 0.60, you have -102.40\n"
        "error  expected 0.04520 ± 0.00080, you have 0.04550\n"
    )


@pytest.mark.parametrize(
    ("bound", "outside"), [(-104.4, False), (-104.6, True), (-99.8, False), (-99.6, True), (np.nan, True)]
)
def test_beyond_four_spreads_the_check_fails_and_says_which_number(small_ledger, bound, outside):
    values = {"bound": bound, "error": 0.0452}
    if outside:
        with pytest.raises(AssertionError, match="More than 4 spreads from what is expected: bound"):
            compare_with_expected("05_vae", "mnist", values)
    else:
        compare_with_expected("05_vae", "mnist", values)


def test_a_chapter_or_a_number_that_the_ledger_lacks_gets_a_clear_message(small_ledger):
    with pytest.raises(ValueError, match=r"chapter expects one of 05_vae; got '5'"):
        compare_with_expected("5", "mnist", {})
    with pytest.raises(ValueError, match=r"\['bound', 'error'\]; got \['bond', 'error'\].*scripts/ledger.py"):
        compare_with_expected("05_vae", "mnist", {"bond": 1.0, "error": 0.0})


def test_for_other_data_nothing_is_compared_and_a_line_says_so(small_ledger, capsys):
    compare_with_expected("05_vae", "fashion_mnist", {"bound": 0.0})
    assert capsys.readouterr().out == "No numbers are expected for fashion_mnist, only for mnist.\n"


# What is in it.


def check_cell(path):
    (cell,) = [cell for cell in nbformat.read(path, 4).cells if ledger.CHECK in cell.source]
    return cell


@pytest.mark.parametrize("path", chapter_paths(), ids=lambda path: path.stem)
def test_a_chapter_is_in_the_ledger_for_both_data_sets(path):
    cell = check_cell(path)
    assert f'{ledger.CHECK}"{path.stem}", ' in cell.source
    loads_images = "load_images(" in path.read_text()
    by_data = LEDGER["chapters"][path.stem]
    assert set(by_data) == ({"mnist", "digits"} if loads_images else {ledger.MADE})
    for by_name in by_data.values():
        for entry in by_name.values():
            assert set(entry["values"]) == {str(shift) for shift in ledger.SHIFTS}
            mean, spread = mean_and_spread(list(entry["values"].values()))
            assert (entry["mean"], entry["spread"]) == (mean, spread)


@pytest.mark.parametrize("path", chapter_paths(), ids=lambda path: path.stem)
def test_what_a_chapter_printed_is_what_the_ledger_says(path):
    """So that a ledger made anew does not leave old numbers on the pages."""
    printed = "".join(output.get("text", "") for output in check_cell(path).outputs)
    by_data = LEDGER["chapters"][path.stem]
    for name, entry in by_data.get("mnist", by_data.get(ledger.MADE)).items():
        mean, spread = re.search(rf"^{re.escape(name)} +expected (\S+) ± (\S+),", printed, re.M).groups()
        assert (float(mean), float(spread)) == (entry["mean"], entry["spread"])


# How it is made.

DRAWS = """\
import keras
import numpy as np
import vaelib
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(2)
values = {
    "global": keras.random.uniform(()),
    "int": keras.random.uniform((), seed=2),
    "generator": keras.random.uniform((), seed=keras.random.SeedGenerator(2)),
    "numpy": np.random.default_rng(2).random(),
    "scikit-learn": train_test_split(np.arange(1000), random_state=2)[0][0],
    "vaelib": vaelib.corrupt(np.zeros((1, 4)), "uniform", 1.0, seed=2)[0][0, 0],
    "data": vaelib.load_images("digits").x_train[0].sum(),
}
assert values["numpy"] < 0.5
vaelib.compare_with_expected("x", "made", values)
"""


def numbers_drawn(tmp_path, shift):
    path = tmp_path / "draws.ipynb"
    *before, luck, check, _ = DRAWS.split("\n")
    cells = ["\n".join(before), luck, check, "raise RuntimeError('after the check')"]
    nbformat.write(nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells))), path)
    return ledger.numbers_of(path, "digits", shift, threads=1)


def test_a_shift_moves_every_seed_but_that_of_the_split(tmp_path):
    as_it_is, wrong = numbers_drawn(tmp_path, 0)
    assert as_it_is["numpy"] == np.random.default_rng(2).random()
    assert wrong == []
    shifted, wrong = numbers_drawn(tmp_path, 4)
    assert shifted["numpy"] == np.random.default_rng(6).random()
    alike = {name for name in as_it_is if as_it_is[name] == shifted[name]}
    assert alike == {"data"}
    assert as_it_is["data"] == vaelib.load_images("digits").x_train[0].sum()
    assert len(wrong) == (shifted["numpy"] >= 0.5)  # an assertion that held by luck is listed, not fatal


def test_a_ledger_is_added_to_run_by_run(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "expected.json")
    written = ledger.Ledger()
    for shift, number in ((1000, 2.0), (0, 1.0)):
        assert written.lacks("01_x", "mnist", shift)
        written.add("01_x", "mnist", shift, {"error": number})
    again = ledger.Ledger()
    assert not again.lacks("01_x", "mnist", 1000)
    assert again.lacks("01_x", "digits", 1000)
    assert again.chapters["01_x"]["mnist"]["error"] == {
        "mean": 1.5,
        "spread": 0.71,
        "values": {"0": 1.0, "1000": 2.0},
    }


def test_the_package_that_colab_installs_brings_the_ledger():
    """There the notebook is alone: no folder book/ lies beside it."""
    import tomllib

    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = expected.PLACES[0].relative_to(ROOT)
    package = ".".join(installed.parts[:-1])
    assert ROOT / tool["package-dir"][package] / installed.name == ledger.LEDGER
    assert tool["package-data"][package] == [installed.name]
