"""Keep the rendered book free of requests to other hosts."""


def remove_thebe(app, pagename, templatename, context, doctree):
    """Drop sphinx-thebe's scripts: they name a CDN and the book does not use them."""

    def names_thebe(script):
        attributes = getattr(script, "attributes", {})
        return "thebe" in f"{getattr(script, 'filename', script)} {attributes.get('body', '')}"

    for files in ("script_files", "css_files"):
        context[files] = [file for file in context.get(files, []) if not names_thebe(file)]


def setup(app):
    app.connect("html-page-context", remove_thebe, priority=900)  # after sphinx-thebe added them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
