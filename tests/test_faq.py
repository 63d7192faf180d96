"""What the page of questions promises: each answer ends in a link to the very cell that shows it."""

import itertools
import re
from typing import NamedTuple

import nbformat
import pytest

from chapters import ROOT, chapter_paths

PAGE = (ROOT / "book" / "faq.md").read_text()
ENTRIES = {
    heading: body.strip()
    for heading, body in re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|^\(faq:|\Z)", PAGE, re.M | re.S)
}
LINK = re.compile(r"\{(?:num)?ref\}`(?:[^`<]*<)?([^`<>]+)>?`")
IS_CELL = re.compile(r"cell:|fg:|fig-")
LABEL = re.compile(r"^\(([\w:-]+)\)=$", re.M)

ENDS_TEXT = re.compile(r"^\((cell:[\w-]+)\)=\s*\Z", re.M)
LAST_ENTRY = re.compile(r"^\((fg:[\w-]+)\)=\n### (?:(?!\n#).)*\Z", re.M | re.S)


def chapters():
    return [nbformat.read(path, as_version=4).cells for path in chapter_paths()]


def figure_of(cell):
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("name")


class Shown(NamedTuple):
    """What a reader sees of a code cell."""

    code: str
    printed: str
    pictures: int


def shown(cell):
    data = [output.get("data", {}) for output in cell.outputs]
    printed = [output.get("text", "") for output in cell.outputs] + [
        part.get("text/plain", "") for part in data
    ]
    return Shown(cell.source, "\n".join(filter(None, printed)), sum("image/png" in part for part in data))


@pytest.fixture(scope="module")
def labels():
    """Every label of the chapters."""
    cells = [cell for chapter in chapters() for cell in chapter]
    in_text = {
        label for cell in cells if cell.cell_type == "markdown" for label in LABEL.findall(cell.source)
    }
    return in_text | {figure_of(cell) for cell in cells}


@pytest.fixture(scope="module")
def targets():
    """For each label that means a cell: the cell that a reader who follows it has before their eyes.

    A label `cell:` ends the text before its code cell, and becomes that cell's own anchor. A label `fg:`
    heads an entry of the field guide, some text and one cell. A label `fig-` is the picture that its cell
    draws. Cells in a folded solution are left out, for a link to them would land on nothing.
    """
    found = {}
    for cells in chapters():
        in_solution = False
        for before, cell in itertools.pairwise(cells):
            in_solution |= ":::{solution-start}" in cell.source
            in_solution &= ":::{solution-end}" not in cell.source
            if cell.cell_type == "markdown" or in_solution:
                continue
            if figure_of(cell):
                found[figure_of(cell)] = shown(cell)
            if before.cell_type == "markdown":
                directly_before = ENDS_TEXT.search(before.source) or LAST_ENTRY.search(before.source)
                if directly_before:
                    found[directly_before[1]] = shown(cell)
    return found


def linked(body):
    return LINK.findall(body.splitlines()[-1])


def test_many_questions_are_answered_and_none_twice():
    headings = re.findall(r"^### (.+)$", PAGE, re.M)
    assert len(headings) > 90
    plain = [re.sub(r"\W+", " ", heading).strip().lower() for heading in headings]
    assert len(set(plain)) == len(plain)
    assert list(ENTRIES) == headings


def test_every_heading_is_a_question():
    assert [heading for heading in ENTRIES if not heading.endswith("?")] == []


def test_every_section_is_in_the_contents_at_the_top():
    sections = re.findall(r"^\((faq:[\w-]+)\)=\n## ", PAGE, re.M)
    contents = PAGE[: PAGE.index("\n## ")]
    assert len(sections) == 8
    assert [label for label in sections[:-1] if f"{{ref}}`{label}`" not in contents] == []


def test_every_symptom_in_the_contents_is_a_question_below():
    contents = PAGE[: PAGE.index("\n## ")]
    symptoms = re.findall(r"\{ref\}`[^`<]+<(faq:[\w-]+)>`", contents)
    assert len(symptoms) > 10
    assert [label for label in symptoms if f"\n({label})=\n### " not in PAGE] == []


def test_every_answer_is_short_and_ends_in_one_line_of_links():
    wrong = []
    for heading, body in ENTRIES.items():
        *answer, links = (line for line in body.splitlines() if line)
        arrows = sum(line.startswith("→") for line in body.splitlines())
        words = len(" ".join(answer).split())
        if not (links.startswith("→ ") and answer[-1].endswith("\\") and arrows == 1 and words <= 125):
            wrong.append((heading, words))
    assert wrong == []


def test_every_link_of_an_answer_leads_into_a_chapter(labels):
    lost = {heading: set(linked(body)) - labels for heading, body in ENTRIES.items()}
    assert {heading: found for heading, found in lost.items() if found} == {}


def test_every_answer_links_to_a_cell():
    without = [heading for heading, body in ENTRIES.items() if not any(map(IS_CELL.match, linked(body)))]
    assert without == []


def test_every_cell_that_an_answer_links_to_is_the_next_thing_there_and_shows_something(targets):
    cells = {label for body in ENTRIES.values() for label in linked(body) if IS_CELL.match(label)}
    lost = sorted(cells - set(targets))
    assert lost == [], "not directly before a code cell, or in a folded solution"
    assert sorted(label for label in cells if not targets[label].printed) == []
    pictures = {label for label in cells if label.startswith("fig-")}
    assert sorted(label for label in pictures if not targets[label].pictures) == []


def measured_numbers(text):
    """Numbers that look measured: with a decimal point, a percent sign or at least three digits."""
    text = re.sub(r"\{[\w:]+\}`[^`]*`|`[^`]*`", "", text.replace(",", ""))
    found = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?%?", text)
    return [number for number in found if "." in number or number.endswith("%") or len(number) > 2]


def test_every_measured_number_of_an_answer_stands_in_a_cell_that_it_links_to(targets):
    missing = []
    for heading, body in ENTRIES.items():
        cells = [targets[label] for label in linked(body) if label in targets]
        there = "\n".join(cell.code + cell.printed for cell in cells).replace(",", "")
        for number in measured_numbers(body.rsplit("→", 1)[0]):
            digits = re.escape(number.removesuffix("%"))
            if not re.search(rf"(?<![\d.]){digits}(?!\d)", there):
                missing.append((heading, number))
    assert missing == []


def test_every_label_that_ends_a_text_is_linked_from_the_page(targets):
    used = {label for body in ENTRIES.values() for label in linked(body)}
    unused = sorted(label for label in targets if label.startswith("cell:") and label not in used)
    assert unused == []
