"""Where the chapters are, and the hash that ties their outputs to their code."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def chapter_paths(root=ROOT):
    """The chapters' notebooks, in reading order."""
    return sorted((root / "book").glob("[0-9][0-9]_*.ipynb"))


def code_sha256(notebook):
    """Hash of the sources of a notebook's code cells, in order.

    Args:
        notebook: a notebook as `nbformat.read` or `json.load` returns it.
    """
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()
