"""Sphinx extension: the reference is made of what is found in the package, so a new module is in it by itself.

Public is what has no underscore in its name. Every public module has a page, which autosummary writes into book/package, and
a row in a table of book/package.md. Names in `backticks` are links if they mean something there, as Python reads names.
"""

import enum
import importlib
import inspect
import pkgutil
import re
import tempfile
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.ext.autosummary.generate import generate_autosummary_docs
from sphinx.util.rst import escape
from sphinx.writers.html5 import HTML5Translator
from supertoy.claims import Claim, registry

PACKAGE = "supertoy"
OVERVIEW = "book/package"  # also the folder of the pages


# Pages and tables -----------------------------------------------------------------------------------------------------


@cache
def modules() -> dict[str, ModuleType]:
    """The package and its public modules, by name."""
    package = importlib.import_module(PACKAGE)
    found = [PACKAGE, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."))]
    return {name: importlib.import_module(name) for name in sorted(found) if "._" not in name}


def write_pages(app: Sphinx, config: Config) -> None:
    """Write them before the table of contents asks which there are; a page that would be the same is left alone."""
    if not Path(app.srcdir, f"{OVERVIEW}.md").exists():
        return
    folder = Path(app.srcdir, OVERVIEW)
    rows = "".join(f"   {name}\n" for name in modules())
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "modules.rst")
        source.write_text(f".. autosummary::\n   :toctree:\n   :template: module.rst\n\n{rows}", encoding="utf-8")
        written = generate_autosummary_docs([str(source)], str(folder), app=app)
    for page in {*folder.glob("*.rst")} - {*written}:
        page.unlink()


def fill_overview(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give its template the names that the package offers, and the modules of each package in it."""
    if docname != OVERVIEW:
        return
    packages: dict[str, list[str]] = {}
    for name in modules():
        package = ".".join(name.split(".")[:2])
        packages.setdefault(package if hasattr(modules()[package], "__path__") else PACKAGE, []).append(name)
    source[0] = app.builder.templates.render_string(source[0], {"names": offered(PACKAGE), "packages": packages})


def offered(package: str) -> list[str]:
    """Full names of the functions and classes that a package has from its modules."""
    homes = [home(getattr(modules()[package], name)) for name in getattr(modules()[package], "__all__", ())]
    elsewhere = modules().keys() - {package}
    return [name for name in homes if name not in modules() and name.rpartition(".")[0] in elsewhere]


# Docstrings -----------------------------------------------------------------------------------------------------------


def home(value: Any) -> str:
    """The full name of a module, or of a function or class where it is defined; else ""."""
    if inspect.ismodule(value):
        return value.__name__
    return f"{value.__module__}.{value.__qualname__}" if inspect.isfunction(value) or inspect.isclass(value) else ""


def resolve(name: str, place: str) -> str:
    """The full name of what `name` means in the docstring of `place`; "" if it means nothing.

    As Python does, look in the class, in the module, and in the packages around it.
    """
    parts = place.split(".")
    for full in [*(".".join([*parts[:k], name]) for k in range(len(parts), 0, -1)), name]:
        try:
            value = attrgetter(full.removeprefix(f"{PACKAGE}."))(modules()[PACKAGE])
        except AttributeError:
            continue
        return home(value) or full
    return ""


def link(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.TextElement) -> nodes.Node | None:
    """Lead a name that is no full one to where it is described."""
    if node.get("refdomain") != "py":
        return None
    place = ".".join(filter(None, [node.get("py:module"), node.get("py:class")]))
    full = resolve(node["reftarget"], place or PACKAGE)
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, text)


def prepare(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Before napoleon makes reStructuredText of a docstring, mark what would be read otherwise than it is meant."""
    parameters = inspect.signature(obj).parameters if inspect.isfunction(obj) else {}
    in_example = False
    for k, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if not in_example:
            line = line.replace("|", r"\|")  # a bar that is meant, and no substitution
            lines[k] = re.sub(r"`(\w+)`", lambda found: f"`{found[0]}`" if found[1] in parameters else found[0], line)
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # else what comes before a colon in the first line is taken for a type
    lines[:0] = [line for claim in registry.values() if claim.judge is obj for line in about(claim)]
    if what == "module" and offered(name):
        rows = [f"   ~{full.removeprefix(f'{name}.')}" for full in offered(name)]  # it wants them from the module on
        lines += ["", ".. autosummary::", "   :nosignatures:", "", *rows, ""]


def about(claim: Claim) -> list[str]:
    """Fields for the docstring of the claim's judge."""
    return [
        f":Claim: ``{claim.id}``, :numref:`{claim.figure}`",
        f":The paper: {escape(claim.says)}",
        f":Criterion: {escape(claim.criterion)}",
        f":Reason: {escape(claim.reason)}",
        "",
    ]


# Signatures -----------------------------------------------------------------------------------------------------------


def write_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """As the source has it: torch.dtype, but Tensor; and nothing of what the standard library takes to make an enum."""
    options["show-inheritance"] = what == "class" and obj.__base__ is not object
    if what == "class" and issubclass(obj, enum.Enum):
        return "", None
    signature, returns = (text and re.sub(r"~torch\.(?!Tensor\b)(?:_C\.)?", "torch.", text) for text in (signature, returns))
    return signature, returns


def name_public_bases(app: Sphinx, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    bases[:] = [base.__base__ if base.__name__.startswith("_") else base for base in bases]


def visit_parameters(self: HTML5Translator, node: addnodes.desc_parameterlist) -> None:
    node["begins_at"] = len(self.body)
    HTML5Translator.visit_desc_parameterlist(self, node)


def depart_parameters(self: HTML5Translator, node: addnodes.desc_parameterlist) -> None:
    """Make boxes of the lines, which Sphinx writes as a list of definitions of nothing, an error to screen readers."""
    HTML5Translator.depart_desc_parameterlist(self, node)
    self.body[node["begins_at"] :] = [re.sub(r"(</?)d[dl]\b", r"\1div", part) for part in self.body[node["begins_at"] :]]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write_pages)
    app.connect("source-read", fill_overview)
    app.connect("env-get-outdated", lambda *_: [OVERVIEW])
    app.connect("missing-reference", link)
    app.connect("autodoc-process-docstring", prepare, priority=400)  # napoleon has 500
    app.connect("autodoc-process-signature", write_signature)
    app.connect("autodoc-process-bases", name_public_bases)
    app.add_node(addnodes.desc_parameterlist, override=True, html=(visit_parameters, depart_parameters))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
