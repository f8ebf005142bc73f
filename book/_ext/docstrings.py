"""Sphinx extension: what of supertoy is public, and how its docstrings become pages.

Names in `backticks` become links where they name something public, and the page of a claim's judge shows the claim.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache, cached_property
from operator import attrgetter
from types import ModuleType
from typing import Any, TypeVar

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util.rst import escape

PACKAGE = "supertoy"
_MARKED = re.compile(r"`([^`]+)`|\|")
_PRIVATE_MODULE = re.compile(rf"\b({PACKAGE}[\w.]*?)\._\w+(?=\.)")
_SECTIONS: Any = Config(napoleon_custom_sections=[("Attributes", "params_style")])  # it asks for another Config


# What is public -------------------------------------------------------------------------------------------------------


@cache
def modules() -> dict[str, ModuleType]:
    """The package and all its modules without an underscore, by name."""
    package = importlib.import_module(PACKAGE)
    found = [PACKAGE, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."))]
    return {name: importlib.import_module(name) for name in sorted(found) if "._" not in name}


def objects(module: str) -> Iterator[tuple[str, Any]]:
    """The functions and classes that belong on a module's page, with what the classes define, by full name."""
    for name, value in vars(modules()[module]).items():
        if name.startswith("_") or inspect.ismodule(value) or _full_name(value) != f"{module}.{name}":
            continue
        yield f"{module}.{name}", value
        if inspect.isclass(value):
            for member, inner in vars(value).items():
                if not member.startswith("_") and (inspect.isfunction(inner) or is_property(inner)):
                    yield f"{module}.{name}.{member}", inner


def constants(module: str) -> list[str]:
    """Full names of everything else that belongs on a module's page, such as thresholds and colours."""
    namespace = vars(modules()[module])
    if "__all__" in namespace:
        names = [name for name in namespace["__all__"] if not _full_name(namespace[name])]
    else:
        body = ast.parse(inspect.getsource(modules()[module])).body
        targets = [node for line in body if isinstance(line, ast.Assign | ast.AnnAssign) for node in ast.walk(line)]
        names = [node.id for node in targets if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return [f"{module}.{name}" for name in names if name[0] != "_" and not isinstance(namespace[name], TypeVar)]


@cache
def entries() -> frozenset[str]:
    """Full names of all that has an entry on a page."""
    found = set(modules())
    for module in modules():
        found |= {name for name, _ in objects(module)} | {*constants(module)}
    return frozenset(found)


def is_property(value: Any) -> bool:
    return isinstance(value, property | cached_property)


def _full_name(value: Any) -> str:
    """Of a module, or of a function or class (with a package as the place of what its private modules define); else ""."""
    if inspect.ismodule(value):
        return value.__name__
    if not (inspect.isfunction(value) or inspect.isclass(value)) or value.__module__ is None:
        return ""
    return public_name(f"{value.__module__}.{value.__qualname__}")


def public_name(text: str) -> str:
    """With the package in the place of its private modules."""
    return _PRIVATE_MODULE.sub(r"\1", text)


# From docstrings to pages ---------------------------------------------------------------------------------------------


def resolve(name: str, place: str) -> str | None:
    """The full name of the entry that `name` means in the docstring of `place`; None if it means none.

    Args:
        name: as written, such as "train", "motif.find" or "supertoy.levels".
        place: full name of what the docstring belongs to. Names are looked up as Python does: in the class, in the module,
            in the package.
    """
    parts = place.split(".")
    for scope in (".".join(parts[:k]) for k in range(len(parts), 0, -1)):
        try:
            value = attrgetter(f"{scope}.{name}".removeprefix(f"{PACKAGE}."))(modules()[PACKAGE])
        except AttributeError:
            continue
        for full in (_full_name(value), f"{scope}.{name}"):
            if full in entries():
                return full
    return name if name in entries() else None


def linked(lines: Iterable[str], place: str, parameters: Collection[str] = ()) -> list[str]:
    """A docstring as reStructuredText, with code for what stands in `backticks`, and a link where it names an entry.

    Args:
        lines: of the docstring; examples stay as they are.
        place: full name of what the docstring belongs to.
        parameters: names that mean no entry there.
    """

    def marked(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return r"\|"  # a bar that is meant, and no substitution
        full = None if name in parameters else resolve(name, place)
        return f":py:obj:`{name} <{full}>`" if full else f"``{name}``"

    result, in_example = [], False
    for line in lines:
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        result.append(line if in_example else _MARKED.sub(marked, line))
    return result


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    parameters = inspect.signature(obj).parameters if inspect.isfunction(obj) else ()
    # Not as an extension of its own: of a property it would take what comes before a colon for a type.
    lines[:] = _claims_judged(obj) + GoogleDocstring(linked(lines, name, parameters), _SECTIONS).lines() + _contents(obj)


def _claims_judged(judge: Any) -> list[str]:
    """Fields that say what a function judges, if it is the judge of claims."""
    lines = []
    for claim in modules()[f"{PACKAGE}.claims"].registry.values():
        if claim.judge is judge:
            lines += [
                f":Claim: ``{claim.id}``, :numref:`{claim.figure}`",
                f":The paper: {escape(claim.says)}",
                f":Criterion: {escape(claim.criterion)}",
                f":Reason: {escape(claim.reason)}",
                "",
            ]
    return lines


def _contents(package: Any) -> list[str]:
    """A table of what a package offers from elsewhere, names first and then modules."""
    offered = [_full_name(getattr(package, name)) for name in getattr(package, "__all__", ())]
    elsewhere = [name for name in offered if name in modules() or name.rpartition(".")[0] not in ("", package.__name__)]
    in_order = sorted(elsewhere, key=lambda name: name in modules())
    rows = [f"   ~{name.removeprefix(f'{package.__name__}.')}" for name in in_order]
    return ["", ".. autosummary::", "   :nosignatures:", "", *rows, ""] if rows else []


def _bases(app: Sphinx, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    bases[:] = [base.__base__ if base.__name__.startswith("_") else base for base in bases]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-bases", _bases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
