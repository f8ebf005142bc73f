"""Sphinx extension: signatures as the source has them, each parameter on its line, in mark-up that can be read aloud."""

import enum
import inspect
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from docstrings import public_name

_TAG_OF_A_LIST = re.compile(r"(</?)d[dl]\b")


def as_written(annotation: str) -> str:
    """An annotation as the source has it: torch.dtype, but Tensor. Of what stands behind a ~ only the last part is shown.

    >>> as_written("~torch.dtype | ~jaxtyping.Float[~torch.Tensor, 'row']")
    "torch.dtype | ~jaxtyping.Float[~torch.Tensor, 'row']"
    """
    return re.sub(r"~torch\.(?!Tensor\b)(?:_C\.)?", "torch.", public_name(annotation))


def write_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    if inspect.isclass(obj) and issubclass(obj, enum.Enum):
        return "", None  # rather than what the standard library takes to make one
    return signature and as_written(signature), returns and as_written(returns)


def write_quotes(app: Sphinx, doctree: nodes.document) -> None:
    """Double ones around shapes and other strings: Sphinx makes them single."""
    defaults = [node for node in doctree.findall(nodes.inline) if "default_value" in node["classes"]]
    for node in [*doctree.findall(addnodes.desc_sig_literal_string), *defaults]:
        text = node.astext()
        if text[:1] == text[-1:] == "'" and '"' not in text:
            node.children = [nodes.Text(f'"{text[1:-1]}"')]


def visit_parameters(self: HTML5Translator, node: addnodes.desc_parameterlist) -> None:
    node["begins_at"] = len(self.body)
    HTML5Translator.visit_desc_parameterlist(self, node)


def depart_parameters(self: HTML5Translator, node: addnodes.desc_parameterlist) -> None:
    """Make boxes of the lines, which Sphinx writes as a list of definitions of nothing."""
    HTML5Translator.depart_desc_parameterlist(self, node)
    begins_at = node["begins_at"]
    self.body[begins_at:] = [_TAG_OF_A_LIST.sub(r"\1div", part) for part in self.body[begins_at:]]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-signature", write_signature)
    app.connect("doctree-read", write_quotes)
    app.add_node(addnodes.desc_parameterlist, override=True, html=(visit_parameters, depart_parameters))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
