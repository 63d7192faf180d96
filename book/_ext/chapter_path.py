"""The path through the chapters: a picture of it, and what the next page is about.

`book/path.yml` names the chapters and their questions; the parts come from the table of contents.
"""

from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).resolve().parent.parent
STOPS_IN_A_ROW = 5
COLUMN, ROW, RADIUS = 192, 80, 15  # of the picture, in its own pixels


def read_path():
    """A dict from a chapter's page to its (number, short name, question)."""
    listed = yaml.safe_load((FOLDER / "path.yml").read_text(encoding="utf-8"))
    return {f"book/{stem}": (int(stem[:2]), *texts) for stem, texts in listed.items()}


def read_parts():
    """The parts that have chapters in them, as (caption, pages)."""
    toc = yaml.safe_load((FOLDER.parent / "_toc.yml").read_text(encoding="utf-8"))
    chapters = read_path()
    parts = [(part["caption"], [entry["file"] for entry in part["chapters"]]) for part in toc["parts"]]
    return [(caption, pages) for caption, pages in parts if set(pages) & set(chapters)]


def draw_track(part, path, kind=""):
    return f'<path class="track {kind} part-{part}" d="{path}"/>'


def draw_caption(x, y, caption):
    return f'<text class="part" x="{x}" y="{y}">{escape(caption)}</text>'


def draw_stop(page, part, x, y, text_x, text_y):
    """One station: a numbered circle, the chapter's name and its question, all of it a link."""
    number, name, question = read_path()[page]
    return f"""
<a class="part-{part}" href="{page.removeprefix("book/")}.html">
<circle cx="{x}" cy="{y}" r="{RADIUS}"/><text class="number" x="{x}" y="{y + 5}">{number}</text>
<text class="name" x="{text_x}" y="{text_y}">{escape(name)}</text>
<text class="question" x="{text_x}" y="{text_y + 15}">{escape(question)}</text>
</a>"""


def draw_wide(parts):
    """Rows of stops from left to right; the line runs back below each row to the next."""
    width, left = COLUMN * STOPS_IN_A_ROW, RADIUS + 1
    rows = [
        (part, pages[start : start + STOPS_IN_A_ROW])
        for part, (_, pages) in enumerate(parts)
        for start in range(0, len(pages), STOPS_IN_A_ROW)
    ]
    tracks, stops, seen, last = [], [], set(), None
    for line, (part, pages) in enumerate(rows):
        y = 36 + line * ROW
        if line:  # from the last stop of the row above: right, down, back to the left, down
            down = f"M{last} {y - ROW}H{width - 12}q10 0 10 10V{y - 36}q0 10 -10 10"
            tracks.append(draw_track(part, f"{down}H{left + 10}q-10 0 -10 10V{y}", "back"))
        if part not in seen:
            stops.append(draw_caption(left + 22 if line else 0, y - 11 if line else 12, parts[part][0]))
            seen.add(part)
        last = left + (len(pages) - 1) * COLUMN
        tracks.append(draw_track(part, f"M{left} {y}H{last}"))
        for column, page in enumerate(pages):
            x = left + column * COLUMN
            stops.append(draw_stop(page, part, x, y, x - RADIUS, y + 31))
    return draw("wide", width, 36 + (len(rows) - 1) * ROW + 54, tracks + stops)


def draw_narrow(parts):
    """One stop below the other, for a phone."""
    x, y, tracks, stops, last = RADIUS + 1, 0, [], [], None
    for part, (caption, pages) in enumerate(parts):
        stops.append(draw_caption(x + 28, y + 14, caption))
        y += 42
        for page in pages:
            if last is not None:
                tracks.append(draw_track(part, f"M{x} {last}V{y}"))
            stops.append(draw_stop(page, part, x, y, x + 28, y - 2))
            last, y = y, y + 54
        y -= 24
    return draw("narrow", 300, last + 24, tracks + stops)


def draw(layout, width, height, shapes):
    return (
        f'<svg class="chapter-path {layout}" viewBox="0 0 {width} {height}" style="max-width:{width}px" '
        f'role="group" aria-label="The chapters, one after the other">{"".join(shapes)}</svg>'
    )


class ChapterPath(SphinxDirective):
    """The path as a picture whose stops are links; the style sheet shows one of its two layouts."""

    def run(self):
        for file in (FOLDER / "path.yml", FOLDER.parent / "_toc.yml"):
            self.env.note_dependency(str(file))
        parts = read_parts()
        pictures = draw_wide(parts) + draw_narrow(parts)
        return [nodes.raw("", f'<nav aria-label="Path">{pictures}</nav>', format="html")]


def ask_questions(app, pagename, templatename, context, doctree):
    """Give the links to the neighboring pages the questions that those pages answer."""
    questions = {f"{Path(page).name}.html": question for page, (_, _, question) in read_path().items()}
    for neighbor in (context.get("prev"), context.get("next")):
        if neighbor:
            neighbor["question"] = questions.get(Path(neighbor["link"]).name, "")


def setup(app):
    app.add_directive("chapter-path", ChapterPath)
    app.connect("html-page-context", ask_questions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
