"""The directive ``widget``: an interactive part of a page, and what stands in its place without JavaScript.

    ```{widget} latent-explorer
    A picture and a sentence, for readers without JavaScript and for paper.
    ```

The content goes into a box, ``<div class="widget" id="latent-explorer">``. The module
``_static/widgets/latent-explorer/main.js`` finds the box and replaces the content by the living thing.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Widget(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        name = self.arguments[0]
        to_root = "../" * self.env.docname.count("/")
        module = f"{to_root}_static/widgets/{name}/main.js"
        still = nodes.container(classes=["widget-still"])
        self.state.nested_parse(self.content, self.content_offset, still)
        return [
            nodes.raw("", f'<div class="widget" id="{name}">', format="html"),
            still,
            nodes.raw("", f'</div><script type="module" src="{module}"></script>', format="html"),
        ]


def setup(app):
    app.add_directive("widget", Widget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
