"""Sphinx extension: each chapter says at its top which claims of the paper it looks at, and what came out.

The chapter's own outputs say it, so nothing here is typed twice; the tables at the end of the chapter have the details.
"""

from collections import Counter
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from supertoy.chapters import all_claims
from supertoy.ledger import tables

CLAIMS = all_claims()
SIGNS = {"reproduced": "✓", "partly reproduced": "◐", "not reproduced": "✗"}


def summary(found: dict[str, tables.Printed]) -> nodes.container:
    """How many claims there are of each verdict, and each with its sign, in the order of the chapter's tables."""
    number = Counter(printed.verdict for printed in found.values())
    counts = ", ".join(f"{number[verdict]} {verdict}" for verdict in SIGNS if number[verdict])
    first = nodes.paragraph("", "", nodes.strong("", "The paper's claims here: "), nodes.Text(f"{counts}. "))
    claims = nodes.bullet_list(classes=["claims"])
    for id, printed in found.items():
        sign = nodes.inline("", f"{SIGNS[printed.verdict]} ", classes=["verdict"], **{"aria-hidden": "true"})
        figure = nodes.make_id(CLAIMS[id].figure)
        name = nodes.reference("", "", nodes.literal("", id.partition("/")[2]), refid=figure, internal=True)
        line = nodes.paragraph("", "", sign, name, nodes.Text(f" {printed.verdict}"))
        claims += nodes.list_item("", line)
    return nodes.container("", first, claims, classes=["claims-summary"])


def insert_summary(app: Sphinx, doctree: nodes.document) -> None:
    """Below the first paragraph of a chapter that shows claims."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    found = tables.printed_findings(nbformat.read(source, as_version=4))
    # The ledger shows those of other chapters.
    found = {id: printed for id, printed in found.items() if nodes.make_id(CLAIMS[id].figure) in doctree.ids}
    if not found:
        return
    section = next(doctree.findall(nodes.section))
    before = next(section.findall(nodes.paragraph))
    before.parent.insert(before.parent.index(before) + 1, summary(found))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", insert_summary)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
