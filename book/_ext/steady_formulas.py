"""Sphinx extension: text appears once its formulas are set, instead of moving under the reader's eyes.

A formula is rarely as wide as its source. Where a page is shown before MathJax has run, lines break anew and everything
below them jumps. So a page with formulas shows its frame at once and its text when that is ready, or after three seconds
on a connection so slow that MathJax is still on its way. Without JavaScript nothing waits.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain

WAIT = """\
(function () {
  const page = document.documentElement;
  const show = function () { page.classList.remove("formulas-to-come"); };
  page.classList.add("formulas-to-come");
  setTimeout(show, 3000);
  addEventListener("DOMContentLoaded", function () {
    if (window.MathJax && MathJax.startup) MathJax.startup.promise.then(show, show);
    else show();
  });
})();"""


def wait_for_formulas(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    domain = app.env.get_domain("math")
    assert isinstance(domain, MathDomain)
    if domain.has_equations(page):
        app.add_js_file(None, body=WAIT)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", wait_for_formulas)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
