"""What all explorers share: a drawing that a page holds whole, made of markup, style, script and data."""

import html
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any


def _read(path: Path, kind: str) -> str:
    return path.with_suffix(kind).read_text(encoding="utf-8")


_HERE = Path(__file__)
_FRAME, _STYLE, _SCRIPT = Template(_read(_HERE, ".html")), _read(_HERE, ".css"), _read(_HERE, ".js")


@dataclass(frozen=True, repr=False)
class Explorer:
    """An explorer as a notebook shows it.

    Attributes:
        html: a fragment of a page, complete in itself: it asks for nothing else, and several may be on one page.
        summary: what it shows, in a line, for where there is no page.

    >>> Explorer(html="<p>Two features</p>", summary="Two features")  # where there is no page
    <Two features>
    """

    html: str
    summary: str

    def __repr__(self) -> str:
        return f"<{self.summary}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}


def explorer(
    path: Path, data: dict[str, Any], *, title: str, summary: str, scripts: tuple[str, ...] = (), **words: str
) -> Explorer:
    """An explorer from the two files beside `path` that have its name: markup in `.html`, and `.js`, which moves it.

    The script runs in a scope of its own after `frame.js`, and so has `data`, `find`, `frames` and what else is there. The
    element's class is the file's name after "supertoy-".

    Args:
        data: what the script reads, as JSON.
        title: above the drawing, and what it is called to those who cannot see it.
        summary: see `Explorer`.
        scripts: names of further scripts in the same folder, which come before its own.
        words: what else the markup names with $.
    """
    markup = Template(_read(path, ".html"))
    escaped = {name: html.escape(text) for name, text in {"title": title, **words}.items()}
    fragment = _FRAME.substitute(
        kind=path.name,
        style=_STYLE,
        title=escaped["title"],
        markup=markup.substitute(escaped),
        # A text may hold "</script>", which would end the data.
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        script="\n".join([_SCRIPT, *(_read(path.with_name(name), ".js") for name in scripts), _read(path, ".js")]),
    )
    return Explorer(fragment, summary)


def rounded(values: Any, digits: int = 3) -> Any:
    """Numbers in nested lists, rounded to so many decimals, and 0 without a sign."""
    if isinstance(values, list):
        return [rounded(value, digits) for value in values]
    return round(values, digits) + 0.0  # adding 0.0 makes 0 of -0


def significant(values: list[float], digits: int = 3) -> list[float]:
    """Numbers to so many significant digits."""
    return [float(f"{value:.{digits}g}") for value in values]
