"""Counts what the package does with bad input: every public function is called with one argument at a time made wrong.

`python tests/test_bad_input.py` prints the counts, and each call whose answer was not clear; with PYTHONPATH it looks at any
checkout. A refusal is clear if it is a TypeError, ValueError or FloatingPointError that names the argument. What must not be
accepted: another kind (None, a string, True or a complex number where a number is wanted, another dtype), NaN and infinity,
and shapes that the annotations rule out. Values that may be fine, such as -1 for a float, must only not fail unclearly.
"""

import enum
import functools
import importlib
import inspect
import math
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import typing
import warnings
from collections import Counter
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
# Modules whose guard is still to come.
NOT_YET: set[str] = set()
# What matplotlib says of axes that do not fit, and of a figure without a size; what a dict says of a parameter's name.
EXCUSED = {
    "over_attack_norm", "own_neurons", "shapes_over_sparsity", "loss_contours", "minimum_paths", "over_strength",
    "over_density", "panel_grid", "initial",
}  # fmt: skip
# Left alone, with the reason.
LEFT_OUT = ("supertoy.ledger",)  # it reads and runs notebooks


def callables():
    """Every public function, class and method: its full name, and itself."""
    import supertoy

    for info in [*pkgutil.walk_packages(supertoy.__path__, "supertoy.")]:
        if any(part.startswith("_") for part in info.name.split(".")) or info.name.startswith(LEFT_OUT):
            continue
        for name, value in [*vars(importlib.import_module(info.name)).items()]:
            if name.startswith("_") or getattr(value, "__module__", "") != info.name:
                continue
            if inspect.isfunction(value):
                yield f"{info.name}.{name}", value
            elif inspect.isclass(value) and not issubclass(value, enum.Enum):
                if inspect.isfunction(vars(value).get("__init__")):
                    yield f"{info.name}.{name}", value
                for method, member in [*vars(value).items()]:
                    if inspect.isfunction(member) and not method.startswith("_"):
                        yield f"{info.name}.{name}.{method}", member


def bad_values(name, hint, value, others):
    """What to try in place of a valid value: in words, the value, and whether it must be refused."""
    from valid_arguments import is_array, members, torch_of  # beside this script, whatever is checked

    kinds = members(hint)
    if typing.Any in kinds or (any(isinstance(kind, typing.TypeVar) for kind in kinds) and name == "self"):
        return
    tensors = [kind for kind in kinds if is_array(kind)]
    any_tensor = bool(tensors) or torch.Tensor in kinds
    is_number = int in kinds or float in kinds
    yield "None", None, type(None) not in kinds
    yield "a string", "a", str not in kinds and not any("Path" in str(kind) or "Literal" in str(kind) for kind in kinds)
    yield "an object", object(), True
    yield "a complex number", 1j, True
    yield "True", True, bool not in kinds and is_number
    yield "1.5", 1.5, float not in kinds
    yield "-1", -1, not is_number or name == "seed" or (name.startswith("n_") and int in kinds)
    if float in kinds:
        yield "NaN", math.nan, name not in MAY_BE_INFINITE
        yield "infinity", math.inf, name not in MAY_BE_INFINITE
    for kind in tensors:
        array = value if isinstance(value, torch.Tensor) else torch_of(kind, name)
        if not isinstance(array, torch.Tensor):
            continue
        if kind.dtype.__name__ == "Float":
            wrong = array.clone().detach()
            for what in (math.nan, math.inf):
                wrong.view(-1)[-1] = what
                yield f"{what} in a tensor", wrong.clone(), name not in MAY_BE_INFINITE
        other = {"Float": array > 0.5, "Int": array.double()}.get(kind.dtype.__name__, (array > 0.5).long())
        yield "another dtype", other, len(kinds) == 1
        yield "whole numbers", array.double().abs().ceil().nan_to_num(1, 1).long(), False  # figures take them
        yield "complex", array + 0j, True
        yield "an axis more", array[None], not set("*.") & set(kind.dim_str)
        yield "an axis less", array[0], not set("*.") & set(kind.dim_str) and len(array.shape) > 0
        yield "empty", array[:0], False
        for axis, of_axis in enumerate(kind.dim_str.split()):
            again = torch.cat([array, array.narrow(axis, 0, 1)], dim=axis)
            shared = sum(of_axis in re.split(r"[ ']", str(other)) for other in others) > 1
            yield f"one more {of_axis}", again, of_axis.isdigit() or (shared and of_axis[0] not in "_#*.")
    if any_tensor and torch.Tensor in kinds:
        yield "NaN in a tensor", torch.full((1,), torch.nan), name not in MAY_BE_INFINITE


#: Parameters in which NaN or infinity means something: not found, not defined, or what was measured.
MAY_BE_INFINITE = {"falling", "rising", "pentagon", "digons", "purity", "value", "values", "share", "numbers"}


def answers(full_name, function):
    """One by one, what became of each bad value: 'clear', 'unclear', 'accepted' or 'fine', with words."""
    from valid_arguments import arguments

    given, hints = arguments(full_name, function)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in inspect.signature(function).parameters.values()):
        function = functools.partial(function, 2, 4, 2)  # sizes of a model
    function(**given)
    for name, hint in hints.items():
        others = [of_other for other, of_other in hints.items() if isinstance(given.get(other), torch.Tensor)]
        for words, value, must_refuse in bad_values(name, hint, given.get(name), others):
            changed = given | {name: value}
            what = f"{full_name.removeprefix('supertoy.')}: {name} = {words}"
            try:
                function(**changed)
            except Exception as error:
                # Where two arguments do not fit each other, either may be named.
                named = "|".join(hints if words.startswith(("an axis", "one more", "empty")) else [name])
                clear = isinstance(error, FileNotFoundError) or (
                    isinstance(error, TypeError | ValueError | FloatingPointError)
                    and re.search(rf"\b({named})\b", str(error))
                )
                yield "clear" if clear else "unclear", f"{what}: {type(error).__name__}: {str(error)[:100]!r}"
            else:
                yield "accepted" if must_refuse else "fine", what


def main():
    import matplotlib

    matplotlib.use("agg")
    counts, found, without = Counter(), [], []
    for full_name, function in callables():
        counts["callables"] += 1
        torch.manual_seed(0)
        try:
            for kind, words in answers(full_name, function):
                counts[kind] += 1
                found += [(kind, full_name, words)] if kind in ("unclear", "accepted") else []
        except Exception as error:
            without.append(f"{full_name}: {type(error).__name__}: {str(error)[:120]!r}")
        matplotlib.pyplot.close("all")
    open_faults = [
        words
        for kind, name, words in found
        if not name.startswith(tuple(NOT_YET)) and not (kind == "unclear" and name.split(".")[-1] in EXCUSED)
    ]
    for kind, _, words in found:
        print(f"{kind:9}{words}")
    print("no valid call:", *without, sep="\n  ")
    print(f"{dict(counts)}, without a valid call: {len(without)}")
    print(f"neither excused nor still to come: {len(open_faults)}", *open_faults, sep="\n  ")


def test_bad_input_is_refused_in_words_that_name_the_argument():
    run = subprocess.run(
        [sys.executable, __file__], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "neither excused nor still to come: 0"
    counts, without = re.search(r"'clear': (\d+).*without a valid call: (\d+)", run.stdout).groups()
    assert int(counts) > 8000
    assert int(without) <= 4  # methods that a subclass must say


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:  # some functions write
        os.chdir(folder)
        main()
        os.chdir("/")
