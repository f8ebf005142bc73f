"""Sphinx extension: pages load only what they use, and can be read from a folder, without a server."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Browsers let no page of a folder read another one, which is where search takes the lines below each result from.
SEARCH_IN_A_FOLDER = 'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'

# 1.5 MB that draw the icons of the theme once more: its style sheet has them all, in fonts that are a tenth of that.
ICONS_AS_SCRIPT = re.compile(r'\s*<script\b[^>]*\bsrc="[^"]*/fontawesome\.js[^"]*"></script>')
ICONS_ARE_FONTS = "<!-- icons are fonts -->"

# The index of all words and what searches it: needed by the page that shows results, and elsewhere only to search while one
# types, which is off.
SEARCH = re.compile(r'\s*<script\b[^>]*\bsrc="(?:[^"]*/)?(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')

# Scripts that hold up the page until they are there. All of them can run after it, in their order, except for the options,
# which pages change in lines of their own.
WAITED_FOR = re.compile(r"<script (?=[^>]*\bsrc=)(?![^>]*\b(?:async|defer)\b)(?![^>]*documentation_options\.js)")


def lighten_pages(app: Sphinx, error: Exception | None) -> None:
    """Let no page wait for scripts, and take those out that nobody needs; the theme's templates have no options for it.

    A remark in its place says that a page, which this build may not have written again, is without it already.
    """
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if page.relative_to(app.outdir).parts[0] in ("_static", "_sources"):  # templates and sources
            continue
        text = page.read_text(encoding="utf-8")
        lighter, n_found = ICONS_AS_SCRIPT.subn(f"\n{ICONS_ARE_FONTS}", text)
        if not n_found and "<script" in text and ICONS_ARE_FONTS not in text:
            raise ExtensionError(f"{page.name} does not load the theme's icons as a script any more: drop this step")
        if page.name != "search.html":
            lighter = SEARCH.sub("", lighter)
        page.write_text(WAITED_FOR.sub("<script defer ", lighter), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_js_file(None, body=SEARCH_IN_A_FOLDER)
    app.connect("build-finished", lighten_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
