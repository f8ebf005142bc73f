"""Sphinx extension: captions stand beside their figures, in the margin, where the window is wide enough for one."""

from docutils import nodes
from sphinx.application import Sphinx


def move_captions(app: Sphinx, doctree: nodes.document) -> None:
    """Give every figure the theme's class for it; the theme then hides the contents beside it, which would lie below."""
    for figure in doctree.findall(nodes.figure):
        figure["classes"].append("margin-caption")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", move_captions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
