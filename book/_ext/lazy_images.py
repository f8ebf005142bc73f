"""Sphinx extension: figures load as the reader comes to them, in a place that is kept free for them."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.images import get_image_size
from sphinx.writers.html5 import HTML5Translator


def visit_image(self: HTML5Translator, node: nodes.image) -> None:
    """Write the image as Sphinx does, and tell the browser how large it is and that it may come later.

    The first one of a page is seen at once, so it does not wait.
    """
    size = get_image_size(str(self.builder.srcdir / node["uri"]))
    HTML5Translator.visit_image(self, node)
    attributes = ""
    if size and not {"width", "height", "scale"} & set(node.attributes):
        attributes += f'width="{size[0]}" height="{size[1]}" '
    if node is not next(node.document.findall(nodes.image)):
        attributes += 'loading="lazy" '
    self.body[-1] = self.body[-1].replace("<img ", f"<img {attributes}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(nodes.image, override=True, html=(visit_image, HTML5Translator.depart_image))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
