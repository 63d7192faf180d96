"""Mends what other extensions leave behind in the rendered pages."""

import re
from pathlib import Path

from docutils import nodes

ICONS_AS_SCRIPT = re.compile(r'\n?<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?')
FOR_SEARCHING = "searchtools|language_data|searchindex"
SEARCH_SCRIPTS = re.compile(rf'\s*<script src="[^"]*(?:{FOR_SEARCHING})\.js[^"]*"></script>')


def remove_thebe(app, pagename, templatename, context, doctree):
    """Drop sphinx-thebe's scripts: they name a CDN, and the book does not use them."""

    def names_thebe(file):
        attributes = getattr(file, "attributes", {})
        return "thebe" in f"{getattr(file, 'filename', file)} {attributes.get('body', '')}"

    for files in ("script_files", "css_files"):
        context[files] = [file for file in context.get(files, []) if not names_thebe(file)]


def remove_repeated_ids(app, doctree, docname):
    """sphinx-exercise gives every exercise's body the same id; nothing links to it."""
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


def make_bibliography_a_list(app, doctree, docname):
    """docutils writes citations with a deprecated role; a list says the same to everyone."""
    entries = list(doctree.findall(nodes.citation))
    if not entries:
        return
    bibliography = nodes.bullet_list(classes=["bibliography"])
    entries[0].parent.insert(entries[0].parent.index(entries[0]), bibliography)
    for entry in entries:
        entry.parent.remove(entry)
        text = [child for child in entry.children if not isinstance(child, nodes.label)]
        bibliography += nodes.list_item("", *text, ids=entry["ids"])


def let_folded_code_name_itself(app, pagename, templatename, context, doctree):
    """myst-nb labels every fold "Toggle hidden content", which hides the words that are shown."""
    if "body" in context:
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def drop_heavy_scripts(app, exception):
    """What the theme loads into every page for nothing.

    Its icons come twice, as a font and as 1.5 MB of script: the font will do. And the index for searching is
    needed by the page that shows what was found, and by no other.
    """
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = ICONS_AS_SCRIPT.sub("", page.read_text(encoding="utf-8"))
            if page.stem != "search":
                text = SEARCH_SCRIPTS.sub("", text)
            page.write_text(text, encoding="utf-8")


def setup(app):
    app.connect("html-page-context", remove_thebe, priority=900)  # after sphinx-thebe added them
    app.connect("html-page-context", let_folded_code_name_itself)
    app.connect("doctree-resolved", remove_repeated_ids)
    app.connect("build-finished", drop_heavy_scripts)
    app.connect("doctree-resolved", make_bibliography_a_list)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
