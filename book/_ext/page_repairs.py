"""Mends what other extensions leave behind in the rendered pages."""

from docutils import nodes


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


def setup(app):
    app.connect("html-page-context", remove_thebe, priority=900)  # after sphinx-thebe added them
    app.connect("html-page-context", let_folded_code_name_itself)
    app.connect("doctree-resolved", remove_repeated_ids)
    app.connect("doctree-resolved", make_bibliography_a_list)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
