"""What a run was made with, in three short hashes: its notebook, its chapter's room, and the core that trained for it."""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from supertoy._util.border import guard

PACKAGE = Path(__file__).parents[1]
_FIGURES_OF_A_ROOM = {"plots.py", "explorer.py"}
_NOT_THE_CORE = {"chapters", "ledger", "plots", "explore"}
_SEEDS = "chapters/seeds.py"  # all chapters have theirs from there


def fingerprint(notebook: str | os.PathLike[str], package: Path = PACKAGE) -> dict[str, str]:
    """A hash for each part of what a chapter's findings depend on; equal hashes mean that nothing of the part has changed.

    >>> list(fingerprint("book/geometry.ipynb"))
    ['notebook', 'room', 'core']

    - notebook: its cells, but for those to explore, and the data files that they name;
    - room: judges and analysis in `supertoy.chapters`;
    - core: all that chapters share, their seeds too, but no plots and explorers.

    What no finding depends on does not count: comments, docstrings, formatting, how a claim is worded, and modules called
    `__init__`, which only pass names on. The hashes are the same under every version of Python.

    Args:
        notebook: its path; the room has its name.
        package: the folder of supertoy.
    """
    path = Path(notebook)
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if not is_to_explore(cell)).splitlines()
    source = "\n".join(line for line in lines if not line.startswith(("%", "!")))
    data = [file for file in sorted((path.parent / "data").glob("*")) if f"data/{file.name}" in source]
    return {
        "notebook": _hash([_code(source), *(hashlib.sha256(file.read_bytes()).hexdigest() for file in data)]),
        "room": _hash(_modules(package / "chapters" / path.stem, but=_FIGURES_OF_A_ROOM)),
        "core": _hash([*_modules(package, but=_NOT_THE_CORE), _code((package / _SEEDS).read_text(encoding="utf-8"))]),
    }


def is_to_explore(cell: Mapping[str, Any]) -> bool:
    """Whether a cell is there for readers to play with, tagged "explore": nothing that a chapter finds depends on it."""
    return "explore" in cell["metadata"].get("tags", [])


def changed_parts(then: Mapping[str, str] | str, notebook: str | os.PathLike[str], package: Path = PACKAGE) -> list[str]:
    """Names of the parts that are not as they were when `fingerprint` made `then`.

    >>> changed_parts(fingerprint("book/geometry.ipynb") | {"core": "another one"}, "book/geometry.ipynb")
    ['core']
    """
    known = {} if isinstance(then, str) else then  # runs from before there were parts have one hash, of less
    return [part for part, now in fingerprint(notebook, package).items() if known.get(part) != now]


def _modules(folder: Path, but: set[str]) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] not in but and name.name != "__init__.py":
            yield f"{name.as_posix()} {_code(path.read_text(encoding='utf-8'))}"


def _hash(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


@cache
def _code(source: str) -> str:
    return repr(_plain(ast.parse(source)))


def _plain(node: Any) -> Any:
    """A syntax tree as lists, without what does nothing. (What `ast.dump` writes differs between versions of Python.)"""
    if isinstance(node, list):
        return [_plain(each) for each in node if not _is_text(each)]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "registry.claim":
        node.keywords = []  # the claim in words, and its criterion: what counts is the judge
    return [
        type(node).__name__,
        *((name, _plain(value)) for name, value in ast.iter_fields(node) if value not in (None, [])),
    ]


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


guard(__name__)
