"""What all explorers share: each is a piece of a page that contains its markup, style, script and data."""

import html
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from supertoy._util import checks
from supertoy._util.border import guard


def _read(path: Path, kind: str) -> str:
    return path.with_suffix(kind).read_text(encoding="utf-8")


_HERE = Path(__file__)
_FRAME, _STYLE, _SCRIPT = Template(_read(_HERE, ".html")), _read(_HERE, ".css"), _read(_HERE, ".js")


@dataclass(frozen=True, repr=False)
class Explorer:
    """An explorer as a notebook shows it.

    >>> Explorer(html="<p>Two features</p>", summary="Two features")  # where there is no page
    <Two features>

    Attributes:
        html: a fragment of a page, complete in itself: it loads nothing else, and a page may hold several.
        summary: what it shows, in a line, for where there is no page.
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
    """An explorer from two files beside `path` with its name: the markup in `.html`, and the script that moves it in `.js`.

    The script runs after `frame.js` in a scope of its own, and can use all that is there, such as `data`, `find` and
    `frames`. The element's class is "supertoy-" and the file's name.

    Args:
        data: what the script reads, as JSON.
        title: above the drawing; screen readers announce it too.
        summary: see `Explorer`.
        scripts: names of further scripts in the same folder, which run before its own.
        words: what else the markup names with $.
    """
    markup = Template(_read(path, ".html"))
    escaped = {name: html.escape(text) for name, text in {"title": title, **words}.items()}
    fragment = _FRAME.substitute(
        kind=path.name,
        style=_STYLE,
        title=escaped["title"],
        markup=markup.substitute(escaped),
        # A text that contains "</script>" would end the data.
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        script="\n".join([_SCRIPT, *(_read(path.with_name(name), ".js") for name in scripts), _read(path, ".js")]),
    )
    return Explorer(fragment, summary)


def rounded(values: Any, digits: int = 3) -> Any:
    """Round the numbers in nested lists to so many decimals, and write -0 as 0."""
    if isinstance(values, list):
        return [rounded(value, digits) for value in values]
    return round(values, digits) + 0.0  # + 0.0 turns -0 into 0


def significant(values: list[float], digits: int = 3) -> list[float]:
    """Round numbers to so many significant digits."""
    checks.require_int(digits=digits, at_least=1)
    return [float(f"{value:.{digits}g}") for value in values]


guard(__name__, gaps=("values", "data"))  # what a page cannot show is refused when it is written
