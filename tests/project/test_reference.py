"""The reference is complete: every public name has a page, and a docstring that says what a reader needs."""

import ast
import inspect
import re
import sys
from functools import cache
from pathlib import Path

import docstrings
from sphinx.pycode import ModuleAnalyzer

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "book" / "package"

OBJECTS = {name: value for module in docstrings.modules() for name, value in docstrings.objects(module)}

# Modules in these sections of the overview have nothing from the paper, or say with each claim what they have from there.
NO_SOURCES = ("Claims and the ledger", "Behind the scenes")


def sections():
    """Modules by section of the overview."""
    overview = (ROOT / "book" / "package.md").read_text()
    parts = re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", overview, re.MULTILINE | re.DOTALL)
    return {title: re.findall(r"^   (supertoy[\w.]*)$", text, re.MULTILINE) for title, text in parts}


def page(module):
    return PAGES / f"{module.removeprefix('supertoy.')}.rst"


def docstring(value):
    """Its own, nothing that it inherits."""
    return inspect.cleandoc((value.func if hasattr(value, "func") else value).__doc__ or "")


def described(value, section):
    """The names in a section of the docstring, in order."""
    block = re.search(rf"^{section}:\n((?:    .*\n|\n)*)", docstring(value) + "\n", re.MULTILINE)
    return re.findall(r"^    \**(\w+):", block[1], re.MULTILINE) if block else []


def fields(value):
    """Of a record: a dataclass or a named tuple."""
    return [*getattr(value, "__dataclass_fields__", ())] or [*getattr(value, "_fields", ())]


def parameters(value):
    """Of a function, or of the making of an instance, if the class says how; a record has fields instead."""
    if inspect.isclass(value):
        ours = [kind for kind in value.__mro__ if kind is value or kind.__name__.startswith("_")]
        value = next((vars(kind)["__init__"] for kind in ours if "__init__" in vars(kind) and not fields(value)), None)
    return [name for name in inspect.signature(value).parameters if name != "self"] if value else []


@cache
def syntax(module):
    return ast.parse(inspect.getsource(sys.modules[module]))


def errors(function):
    """Names of the errors that a function raises itself, or by checking its arguments."""
    body = syntax(function.__module__)
    for name in function.__qualname__.split("."):
        body = next(node for node in body.body if getattr(node, "name", None) == name)
    raising = [node.exc for node in ast.walk(body) if isinstance(node, ast.Raise)]
    raised = {call.func.id for call in raising if isinstance(call, ast.Call)}
    if re.search(r"\brequire_\w+\(|\bcheck_fit\(|\bchecks\.\w+\(", ast.unparse(body)):
        raised.add("ValueError")
    handlers = [node.type for node in ast.walk(body) if isinstance(node, ast.ExceptHandler)]
    return raised - {node.id for kinds in handlers for node in ast.walk(kinds) if isinstance(node, ast.Name)}


def test_every_module_has_a_page_and_every_page_a_module():
    assert set(PAGES.iterdir()) == {page(module) for module in docstrings.modules()}
    for module in docstrings.modules():
        assert page(module).read_text().startswith(f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n")


def test_the_overview_lists_every_module_once():
    assert sorted(name for listed in sections().values() for name in listed) == sorted(docstrings.modules())


def test_every_name_is_described():
    assert not [name for name, value in OBJECTS.items() if not docstring(value)]


def test_every_constant_is_described():
    # By a comment that starts with #:, or, where a package has it from a private module, on the page.
    silent = []
    for module in docstrings.modules():
        names = docstrings.constants(module)
        comments = ModuleAnalyzer.for_module(module).find_attr_docs() if names else {}
        for full_name in names:
            name = full_name.rpartition(".")[2]
            if ("", name) not in comments and f".. py:data:: {name}\n" not in page(module).read_text():
                silent.append(full_name)
    assert not silent


def test_every_parameter_is_described():
    for name, value in OBJECTS.items():
        if not docstrings.is_property(value):
            assert described(value, "Args") == parameters(value), f"Args of {name}"


def test_every_field_of_a_record_is_described():
    for name, value in OBJECTS.items():
        if inspect.isclass(value) and fields(value):
            assert described(value, "Attributes") == fields(value), f"Attributes of {name}"


def test_every_error_that_a_function_raises_is_described():
    for name, value in OBJECTS.items():
        if inspect.isfunction(value):
            assert errors(value) <= set(described(value, "Raises")), f"Raises of {name}"


def test_every_function_says_where_it_comes_from():
    silent = []
    for module in [name for title, listed in sections().items() if title not in NO_SOURCES for name in listed]:
        for name, value in docstrings.objects(module):
            # One source may be for all that a module or a class has.
            places = [value, docstrings.modules()[module], OBJECTS.get(name.rpartition(".")[0])]
            if not any("Source:" in docstring(place) for place in places if place is not None):
                silent.append(name)
    assert not silent


def test_every_module_has_an_example():
    described = {module: [docstring(value) for _, value in docstrings.objects(module)] for module in docstrings.modules()}
    assert not [module for module, texts in described.items() if texts and not any(">>> " in text for text in texts)]


def test_names_in_backticks_mean_what_they_mean_in_python():
    resolve = docstrings.resolve
    assert resolve("train", "supertoy.descent.minimize") == "supertoy.training.train"
    assert (
        resolve("motif.find", "supertoy.chapters.computation.plots.asymmetric_motif")
        == "supertoy.chapters.computation.motif.find"
    )
    assert resolve("sample", "supertoy.data.FeatureDistribution.row_weights") == "supertoy.data.FeatureDistribution.sample"
    assert resolve("sample", "supertoy.data.PartlyCorrelatedPairs.rows") == "supertoy.data.FeatureDistribution.sample"
    assert resolve("loss", "supertoy.training.Record") == "supertoy.training.Record.loss"
    assert resolve("check", "supertoy.claims") == "supertoy.claims.check"
    assert resolve("IMPORTANCE", "supertoy.plots") == "supertoy.plots.IMPORTANCE"
    assert (
        resolve("supertoy.chapters.dynamics.jumps", "supertoy.chapters.dynamics.plots") == "supertoy.chapters.dynamics.jumps"
    )
    assert resolve("n_rows", "supertoy.loss.explained_variance") is None


def test_only_names_of_entries_become_links():
    lines = ["`train` takes `model` and |x|.", ">>> `train` | 1", "`train` | 2", "", "See `W[k]`."]
    assert docstrings.linked(lines, "supertoy.descent.minimize", ["model"]) == [
        r":py:obj:`train <supertoy.training.train>` takes ``model`` and \|x\|.",
        ">>> `train` | 1",
        "`train` | 2",
        "",
        "See ``W[k]``.",
    ]
