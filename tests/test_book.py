"""What the built book promises. It is built first, by `make book` or `make test`."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pydata_sphinx_theme
import pytest
import yaml
from fontTools.ttLib import TTFont

from chapters import ROOT, chapter_paths
from repository import current_address

HTML = ROOT / "_build" / "html"
PAGES = sorted(path for path in HTML.rglob("*.html") if "_static" not in path.parts)

pytestmark = pytest.mark.skipif(not PAGES, reason="the book is not built: make book")


class Page(HTMLParser):
    """The ids of a page, what it links to and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "link" and attributes.get("rel") != "canonical":
            self.loaded.append(attributes["href"])
        elif "src" in attributes:
            self.loaded.append(attributes["src"])


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in PAGES}


def is_external(url):
    return bool(urlsplit(url).netloc)


def test_every_page_of_the_table_of_contents_is_built():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"]] + [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert [page for page in listed if not (HTML / f"{page}.html").exists()] == []


def test_no_page_loads_anything_from_another_host(pages):
    external = {url for page in pages.values() for url in page.loaded if is_external(url)}
    assert external == set()


def test_no_style_sheet_loads_anything_from_another_host():
    for path in HTML.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text()), path


def test_no_link_or_picture_is_broken(pages):
    broken = []
    for path, page in pages.items():
        for url in page.links + page.loaded:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            if not target.exists() or (fragment and fragment not in pages[target].ids):
                broken.append((path.name, url))
    assert broken == []


@pytest.mark.parametrize("chapter", chapter_paths(), ids=lambda path: path.stem)
def test_chapter_links_to_colab_binder_and_its_source(chapter, pages):
    file = f"book/{chapter.name}"
    repository = current_address().removeprefix("https://github.com/")
    assert {
        f"https://colab.research.google.com/github/{repository}/blob/main/{file}",
        f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{file}",
        f"https://github.com/{repository}/edit/main/{file}",
    } <= set(pages[HTML / "book" / f"{chapter.stem}.html"].links)


def notebooks():
    return {path.stem: nbformat.read(path, as_version=4) for path in chapter_paths()}


def icon_letters(sheet):
    """The letter of each icon, as a style sheet of Font Awesome gives it."""
    rules = re.findall(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f ]+)"\}', sheet.read_text())
    return {name: int(code, 16) for names, code in rules for name in re.findall(r"fa-[a-z0-9-]+", names)}


def test_icons_of_the_pages_are_in_the_fonts_that_they_load_and_few_others():
    sheet = "styles/pydata-sphinx-theme.css"
    static = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    known, kept = icon_letters(static / sheet), icon_letters(HTML / "_static" / sheet)
    fonts = re.findall(r"url\(([^)]*/fontawesome/[^)]*)\)", (HTML / "_static" / sheet).read_text())
    drawn = {letter for font in fonts for letter in TTFont(HTML / "_static" / "styles" / font).getBestCmap()}
    used = {name for page in PAGES for name in re.findall(r"\bfa-[a-z0-9-]+", page.read_text())} & set(known)
    assert {"fa-github", "fa-magnifying-glass", "fa-bars", "fa-lightbulb"} <= used
    assert [name for name in sorted(used) if kept.get(name) != known[name] or known[name] not in drawn] == []
    assert len(known) > 1500
    assert len(kept) < 100


def test_path_names_every_chapter_with_a_question_that_fits_under_its_stop():
    path = yaml.safe_load((ROOT / "book" / "path.yml").read_text())
    assert list(path) == [chapter.stem for chapter in chapter_paths()]
    questions = [question for _, question in path.values()]
    assert [question for question in questions if not question.endswith("?") or len(question) > 30] == []


@pytest.mark.parametrize("chapter", chapter_paths(), ids=lambda path: path.stem)
def test_path_and_neighboring_page_lead_to_the_chapter_with_its_question(chapter):
    _, question = yaml.safe_load((ROOT / "book" / "path.yml").read_text())[chapter.stem]
    landing = (HTML / "book" / "index.html").read_text()
    assert landing.count(f'href="{chapter.stem}.html">\n<circle') == 2  # the wide picture and the narrow one
    before = [landing, *((HTML / "book" / f"{path.stem}.html").read_text() for path in chapter_paths())]
    page = before[chapter_paths().index(chapter)]
    assert question in page[page.index('class="right-next"') :]


def test_code_that_only_draws_is_folded():
    unfolded = [
        (name, cell.id)
        for name, notebook in notebooks().items()
        for cell in notebook.cells
        if "figure" in cell.metadata.get("mystnb", {})
        and len(cell.source.splitlines()) > 8
        and not re.search(r"\b(assert|print|def)\b", cell.source)
        and "hide-input" not in cell.metadata.get("tags", [])
    ]
    assert unfolded == [], "tag these cells hide-input"


def test_every_word_of_the_glossary_is_linked_from_a_chapter():
    glossary = (ROOT / "book" / "glossary.md").read_text()
    words = re.findall(r"^([^\s:`{#].*)$", glossary[glossary.index(":sorted:") :], re.M)
    text = "\n".join(
        cell.source
        for notebook in notebooks().values()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    )
    linked = {
        re.sub(r".*<(.*)>", r"\1", " ".join(role.split())).lower()
        for role in re.findall(r"\{term\}`([^`]+)`", text)
    }
    assert len(words) > 50
    assert [word for word in words if word.lower() not in linked] == []
