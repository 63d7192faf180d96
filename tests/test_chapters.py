"""The promises that every chapter keeps."""

import json
import re

import nbformat
import pytest
import yaml

from chapters import ROOT, chapter_paths, code_sha256
from repository import current_address

CLOSING_SECTIONS = [
    "Common mistakes",
    "What number should I get?",
    "Exercises",
    "Summary",
    "Further reading",
]
SHORTEST_ALT_TEXT = 30
NOT_WHAT_IT_SHOWS = re.compile(r"(an? |the )?(figure|image|plot|picture|graph|chart) of\b", re.I)


@pytest.fixture(params=chapter_paths(), ids=lambda path: path.stem, scope="module")
def path(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_chapters_are_those_of_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    numbered = [file for file in listed if re.match(r"book/\d\d_", file)]
    assert [f"book/{path.stem}" for path in chapter_paths()] == numbered


def test_notebook_is_valid_and_its_cell_ids_are_unique(path):
    notebook = json.loads(path.read_text())
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)  # before nbformat, which mends them silently
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)


def test_notebook_asks_colab_for_a_gpu(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.accelerator == "GPU"
    assert notebook.metadata.colab == {"provenance": [], "toc_visible": True, "gpuType": "T4"}


def test_every_cell_was_run_once_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_outputs_are_there_and_were_made_by_this_code(notebook):
    assert outputs(notebook), "no outputs: make run"
    stamp = notebook.metadata.get("vaelib", {})
    assert stamp.get("code_sha256") == code_sha256(notebook), "code changed since: make run"


def test_outputs_are_of_a_full_run_on_mnist_in_under_three_minutes(notebook):
    stamp = notebook.metadata["vaelib"]
    assert stamp["images"] == "mnist"
    assert stamp["seconds"] < 180


def test_outputs_hold_no_stderr_and_no_error(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.get("name") != "stderr", cell.source
            allowed = "raises-exception" in cell.metadata.get("tags", [])
            assert output.output_type != "error" or allowed, cell.source


def test_outputs_hold_no_widgets(notebook):
    assert "widgets" not in notebook.metadata
    mime_types = {mime for output in outputs(notebook) for mime in output.get("data", {})}
    assert not any("widget" in mime for mime in mime_types)


def test_notebook_is_light(path):
    assert path.stat().st_size < 1.5e6


def test_set_up_cell_comes_first_and_leaves_colabs_tensorflow(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    expected = f"""\
# Set-up. On Colab this installs the book's package and keeps Colab's own TensorFlow.
import importlib.util
if importlib.util.find_spec("vaelib") is None:
    %pip install -q --no-deps git+{current_address()}
"""
    assert first.source.startswith(expected)
    assert "hide-input" in first.metadata.get("tags", [])
    imports = re.findall(r"^(?:import|from) (\w+)", first.source.removeprefix(expected), re.M)
    assert imports[0] == "vaelib", "vaelib first: it keeps TensorFlow quiet"


def test_chapter_opens_with_title_objectives_and_what_it_takes(notebook):
    opening = notebook.cells[0].source
    assert re.match(r"\(ch:[\w-]+\)=\n# \S", opening)
    objectives = re.search(
        r":::\{admonition\} What you will be able to do\n:class: tip\n(.*?)\n:::", opening, re.S
    )
    assert 3 <= len(re.findall(r"^[-*] ", objectives[1], re.M)) <= 5
    takes = re.search(r":::\{admonition\} What it takes\n:class: note\n(.*?)\n:::", opening, re.S)
    assert re.search(r"\d+ (minute|second)", takes[1])


def test_chapter_closes_with_the_five_sections_in_order(notebook):
    headings = re.findall(r"^## +(.+?) *$", markdown(notebook), re.M)
    assert headings[-len(CLOSING_SECTIONS) :] == CLOSING_SECTIONS


def test_at_least_four_exercises_each_with_a_solution_that_runs(notebook):
    exercises = re.findall(r":::+\{exercise\}.*\n:label: (\S+)", markdown(notebook))
    code_in_solution = {}
    current = None
    for cell in notebook.cells:
        if start := re.search(r":::+\{solution-start\} (\S+)", cell.source):
            current = start[1]
            code_in_solution[current] = 0
        elif ":::{solution-end}" in cell.source:
            current = None
        elif cell.cell_type == "code" and current:
            code_in_solution[current] += 1
    assert len(exercises) >= 4
    assert list(code_in_solution) == exercises
    assert all(code_in_solution.values()), f"a solution without code: {code_in_solution}"


def test_every_figure_has_a_caption_and_says_what_it_shows(notebook):
    names = []
    for cell in code_cells(notebook):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        if not pictures:
            continue
        assert len(pictures) == 1, f"one figure a cell:\n{cell.source}"
        rendering = cell.metadata.get("mystnb", {})
        figure, image = rendering.get("figure", {}), rendering.get("image", {})
        assert figure.get("caption"), f"no caption:\n{cell.source}"
        alt = image.get("alt", "")
        assert len(alt) >= SHORTEST_ALT_TEXT, f"no alternative text:\n{cell.source}"
        assert not NOT_WHAT_IT_SHOWS.match(alt), alt
        names.append(figure.get("name"))
    assert all(re.fullmatch(r"fig-[\w-]+", name or "") for name in names), names
    assert len(set(names)) == len(names)


def test_every_drawn_figure_is_referred_to(notebook):
    text = markdown(notebook)
    for cell in code_cells(notebook):
        if name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
            assert re.search(rf"\{{numref\}}`([^`<]*<)?{name}>?`", text), f"{name}: not talked about"


def test_pictures_in_the_text_have_alternative_text(notebook):
    text = markdown(notebook)
    for alt in re.findall(r"!\[(.*?)\]\(", text, re.S):
        assert len(alt) >= SHORTEST_ALT_TEXT, alt
    for directive in re.findall(r":::+\{(?:figure|image)\}.*?:::", text, re.S):
        assert re.search(rf":alt: .{{{SHORTEST_ALT_TEXT},}}", directive), directive


def test_code_cells_are_short(notebook):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    assert max(lengths) <= 25
    assert sum(length > 20 for length in lengths) <= 2


def cited_keys():
    pages = [page.read_text() for page in (ROOT / "book").glob("*.md")]
    notebooks = [markdown(nbformat.read(path, as_version=4)) for path in (ROOT / "book").glob("*.ipynb")]
    cited = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(pages + notebooks))
    return {key.strip() for keys in cited for key in keys.split(",")}


def test_every_citation_is_in_the_bibliography_and_the_other_way_round():
    entries = re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book/references.bib").read_text(), re.M)
    assert len(set(entries)) == len(entries)
    assert cited_keys() == set(entries)
