"""Sphinx extension: what opens a part of the sidebar has a name, where the theme has an arrow only."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def name_toggles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Name them in what the theme's template asks for."""
    generate = context["generate_toctree_html"]

    def named(kind: str, **options: Any) -> Any:
        tree = generate(kind, **options)
        return str(tree).replace("<summary>", '<summary aria-label="Pages below">') if kind == "sidebar" else tree

    context["generate_toctree_html"] = named


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", name_toggles, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
