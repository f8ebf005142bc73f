"""What is public has a docstring, and no docstring names what there is not."""

import inspect
import re
from functools import cached_property

import pytest
from reference import modules, resolve


def objects(module):
    """The functions and classes that a module defines, and what the classes define, by full name."""
    for name, value in vars(modules()[module]).items():
        defined_here = inspect.isfunction(value) or inspect.isclass(value)
        if name.startswith("_") or not defined_here or value.__module__ != module or value.__name__ != name:
            continue
        yield f"{module}.{name}", value
        for member, inner in vars(value).items() if inspect.isclass(value) else ():
            if not member.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property | cached_property)):
                yield f"{module}.{name}.{member}", inner


OBJECTS = {name: value for module in modules() for name, value in objects(module)}
each_module = pytest.mark.parametrize("module", modules())


def docstring(value):
    """Its own, nothing that it inherits."""
    return inspect.cleandoc((value.func if isinstance(value, cached_property) else value).__doc__ or "")


def described(value, section):
    """The names in a section of the docstring."""
    block = re.search(rf"^{section}:\n((?:    .*\n|\n)*)", docstring(value) + "\n", re.MULTILINE)
    names = re.findall(r"^    ([*\w][^:\n]*):", block[1], re.MULTILINE) if block else []
    return {name.strip("*") for listed in names for name in listed.split(", ")}


def attributes(kind):
    """Names of what instances have, as the class and its bases in the package say."""
    ours = "".join(inspect.getsource(base) for base in kind.__mro__ if base.__module__.startswith("supertoy"))
    return {*inspect.signature(kind).parameters, *dir(kind), *re.findall(r"\bself\.(\w+)", ours)}


@each_module
def test_what_is_public_is_described(module):
    described = {module: modules()[module], **dict(objects(module))}
    assert not [name for name, value in described.items() if not docstring(value)]


@each_module
def test_only_parameters_and_fields_that_exist_are_described(module):
    for name, value in objects(module):
        if not isinstance(value, property | cached_property):
            assert described(value, "Args") <= {*inspect.signature(value).parameters}, name
        if inspect.isclass(value):
            assert described(value, "Attributes") <= attributes(value), name


@each_module
def test_names_of_the_package_in_backticks_mean_something(module):
    for place, value in [(module, modules()[module]), *objects(module)]:
        for name in re.findall(r"`(\w+(?:\.\w+)*\.(?!html|js|json|npz)\w+)`", docstring(value)):
            if resolve(name.partition(".")[0], place).startswith("supertoy"):
                assert resolve(name, place), f"{name} in {place}"


def test_names_in_backticks_mean_what_they_mean_in_python():
    assert resolve("train", "supertoy.research.descent.minimize") == "supertoy.training.train"
    assert resolve("supertoy.train", "supertoy.research.descent") == "supertoy.training.train"
    assert resolve("theory.linear_loss_terms", "supertoy.models") == "supertoy.theory.linear_loss_terms"
    assert resolve("sample", "supertoy.data.CorrelatedSets") == "supertoy.data.FeatureDistribution.sample"
    assert resolve("loss", "supertoy.training.Record") == "supertoy.training.Record.loss"
    assert resolve("n_rows", "supertoy.loss.sampled_loss") == ""
