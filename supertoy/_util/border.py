"""The border of the package: what comes in through a public function is checked before anything is computed.

Only calls from outside are checked. What the package's own modules hand each other came in there, and loops stay fast.

Annotations say what fits. A wrong kind of value is a TypeError, a wrong shape or value a ValueError. The message names the
function, the argument, what fits and what came. So no public function has to check these itself:

- Axes of one name have one length, over all arguments of a call.
- Numbers and tensors are finite, and so are a model's parameters. Tensors are not empty.
- True is no number, and a text no sequence.
- Some names mean the same everywhere, such as `seed` and `n_rows`, and have values to go with it: `checks.meaning`.

Arrays of numpy become tensors where a tensor is wanted; numbers of numpy and tensors without axes become Python's numbers.
"""

import functools
import inspect
import math
import reprlib
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ForwardRef, Literal, TypeVar, Union, cast, get_args, get_origin, no_type_check

import numpy as np
import torch
from jaxtyping import AbstractArray, jaxtyped
from torch import Tensor, nn

from supertoy._util import checks

F = TypeVar("F", bound=Callable[..., Any])
_KINDS = {"Float": "floating-point ", "Int": "integer ", "Bool": "boolean "}
_WORDS = {float: "a number", int: "an int", bool: "True or False", str: "a string", type(None): "None", Tensor: "a tensor"}
_SEQUENCES = (Sequence, Iterable, Collection, list, tuple)


def guard(module_name: str, *, detach: bool = False, gaps: Collection[str] = ()) -> None:
    """Check the arguments of a module's public functions and methods; the last line of every public module.

    Args:
        detach: for figures: tensors lose their gradients, and in a list or mapping may have NaN, a gap in the drawing.
        gaps: parameters in which NaN, infinity or empty tensors mean something, or whose values a function checks itself.
    """
    module = sys.modules[module_name]
    for name, value in [*vars(module).items()]:
        if name.startswith("_") or getattr(value, "__module__", "") != module_name:
            continue
        if inspect.isfunction(value):
            setattr(module, name, guarded(value, detach, gaps))
        for method, member in [*vars(value).items()] if inspect.isclass(value) else []:
            function = getattr(member, "__func__", member)
            if inspect.isfunction(function) and (method == "__init__" or not method.startswith("_")):
                new = guarded(function, detach, gaps)
                setattr(value, method, type(member)(new) if isinstance(member, classmethod | staticmethod) else new)


def guarded(function: F, detach: bool = False, gaps: Collection[str] = (), inside: bool = False) -> F:
    """The function with its arguments checked; itself if they already are. With `inside`, in calls from the package too."""
    if hasattr(function, "is_guarded"):
        return function
    by_name: dict[str, _Parameter] | None = None
    by_place: list[_Parameter] = []

    @no_type_check  # or jaxtyping, where it checks this module too, as in tests, gives each call axes and a frame of its own
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        nonlocal by_name, by_place
        if not inside and sys._getframe(1).f_globals.get("__name__", "").startswith("supertoy."):
            return function(*args, **kwargs)
        if by_name is None:  # at the first call, since importing the package should not wait for this
            parameters = [_Parameter(each, detach, gaps) for each in _signature(function)]
            by_place = [each for each in parameters if each.kind.name.startswith(("POSITIONAL", "VAR_POSITIONAL"))]
            by_name = {each.name: each for each in parameters}
        before: list[tuple[str, Any, Any]] = []
        try:
            with jaxtyped("context"):  # axes of one name have one length
                last = len(by_place) - 1
                if len(args) <= len(by_place) or (by_place and by_place[-1].kind is inspect.Parameter.VAR_POSITIONAL):
                    args = tuple(by_place[min(k, last)].admit(value, before) for k, value in enumerate(args))
                for name, value in kwargs.items():
                    if name in by_name:
                        kwargs[name] = by_name[name].admit(value, before)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{function.__qualname__}: {error}") from None
        return function(*args, **kwargs)

    del checked.__no_type_check__  # others may
    checked.is_guarded = True
    return cast(F, checked)


def _signature(function: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    return inspect.signature(function, eval_str=True).parameters.values()


@no_type_check
class _Parameter:
    """A parameter of a guarded function, and what fits it."""

    def __init__(self, parameter: inspect.Parameter, detach: bool, gaps: Collection[str]) -> None:
        self.name, self.kind, self.hint, self.detach = parameter.name, parameter.kind, parameter.annotation, detach
        if isinstance(self.hint, TypeVar):
            bound = self.hint.__bound__
            scope = vars(sys.modules[self.hint.__module__])
            self.hint = eval(bound.__forward_arg__, scope) if isinstance(bound, ForwardRef) else bound
        self.exact = self.hint if isinstance(self.hint, type) and self.hint not in (int, float) else ()
        self.is_free = self.hint in (inspect.Parameter.empty, Any, None)
        self.may_be_tensor = "Tensor" in repr(self.hint)
        self.is_number = not {int, float}.isdisjoint(_members(self.hint))
        self.may_be_any = self.name in gaps
        self.meaning = None if self.may_be_any else checks.meaning(self.name, counts=int in _members(self.hint))

    def admit(self, value: Any, before: list[tuple[str, Any, Any]]) -> Any:
        """The value as the function gets it; `before` has the arguments that came in already."""
        if self.is_free:
            return value
        value = self._plain(value)
        fault = None if isinstance(value, self.exact) else _fault(self.name, value, self.hint)  # the first is quicker
        if fault is not None:
            raise _refusal(fault, before)
        before.append((self.name, value, self.hint))
        if not self.may_be_any:
            if isinstance(value, Tensor) and 0 in value.shape:
                raise ValueError(f"{self.name} must not be empty, got shape {list(value.shape)}")
            _require_finite(self.name, value, tensors=not self.detach or isinstance(value, Tensor))
        if self.meaning is not None and value is not None:
            self.meaning(**{self.name: value})
        return value

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if self.is_number and not self.may_be_tensor and value.ndim == 0:
                return value.item()
            return value.detach() if self.detach else value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray) and self.may_be_tensor and value.dtype.kind in "fiubc":
            return torch.from_numpy(value.copy())  # of an array that may not be writable, or runs backwards
        if self.detach and type(value) in (list, tuple):
            return type(value)(self._plain(each) for each in value)
        if self.detach and type(value) is dict:
            return {key: self._plain(each) for key, each in value.items()}
        return value


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


@no_type_check
def _fault(name: str, value: Any, hint: Any) -> tuple[str, Any, Any] | None:
    """The innermost part of a value that does not fit its annotation: its name, itself, its annotation. None if all fits."""
    faults = []
    for each in _members(hint):
        fault = _fault_in_one(name, value, each)
        if fault is None:
            return None
        faults.append(fault)
    return next((fault for fault in faults if fault[0] != name), (name, value, hint))


@no_type_check
def _fault_in_one(name: str, value: Any, hint: Any) -> tuple[str, Any, Any] | None:
    # Beartype could tell whether a value fits, but it takes a tenth of a second to import, and looks at one item of a list.
    origin, inside = get_origin(hint), get_args(hint)
    kind: Any = (int, float) if hint is float else origin or hint
    if hint is Any or (origin is Literal and value in inside):
        return None
    if (
        origin is Literal
        or not isinstance(value, kind)
        or (isinstance(value, bool) and hint in (int, float))
        or (isinstance(value, str) and origin in _SEQUENCES)
    ):
        return name, value, hint
    parts: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(value, Mapping) and len(inside) == 2:
        parts = ((repr(key), part, inside[1]) for key, part in value.items())
    elif origin is tuple and inside[-1] is not Ellipsis:
        if len(value) != len(inside):
            return name, value, hint
        parts = ((k, part, of_part) for k, (part, of_part) in enumerate(zip(value, inside, strict=True)))
    elif origin in _SEQUENCES and isinstance(value, list | tuple):
        parts = ((k, part, inside[0]) for k, part in enumerate(value))
    faults = (_fault(f"{name}[{place}]", part, of_part) for place, part, of_part in parts)
    return next((fault for fault in faults if fault is not None), None)


def _refusal(fault: tuple[str, Any, Any], before: list[tuple[str, Any, Any]]) -> Exception:
    """What to raise for a value that does not fit; other arguments have said how long some axes are."""
    name, value, hint = fault
    error: type[Exception] = TypeError
    message = f"{name} must be {_words(hint)}, got {_came(value)}"
    for each in _arrays(hint):
        if isinstance(value, each.dtype[each.array_type, "..."]):
            error = ValueError  # the kind fits, but the shape does not
            for other, its_value, its_hint in before:
                sizes = _sizes(its_value, its_hint)
                differing = [axis for axis, n in _sizes(value, each).items() if sizes.get(axis, n) != n]
                message += "".join(f"; {axis} is {sizes[axis]} in {other}" for axis in differing)
    return error(message)


def _arrays(hint: Any) -> list[Any]:
    return [each for each in _members(hint) if inspect.isclass(each) and issubclass(each, AbstractArray)]


def _sizes(value: Any, hint: Any) -> dict[str, Any]:
    """How long the named axes of a tensor are; of one that stands for any number of axes, its shape."""
    for axes in (each.dim_str.split() for each in _arrays(hint)):
        if isinstance(value, Tensor) and len(axes) == 1 and axes[0][0] == "*":
            return {axes[0].lstrip("*#"): [*value.shape]}
        if isinstance(value, Tensor) and len(axes) == value.ndim:
            return {axis.lstrip("#"): n for axis, n in zip(axes, value.shape, strict=True) if axis[0] not in "*_."}
    return {}


def _words(hint: Any) -> str:
    """An annotation in plain words."""
    origin, inside = get_origin(hint), [each for each in get_args(hint) if each is not Ellipsis]
    if origin in (Union, types.UnionType):
        return " or ".join(_words(each) for each in inside)
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        kind = _KINDS.get(hint.dtype.__name__, "")
        what = "tensor" if hint.array_type is Tensor else "numpy array"
        axes = ", ".join(f"1 or {axis[1:]}" if axis[0] == "#" else axis.lstrip("_") for axis in hint.dim_str.split())
        return f"{_a(kind + what)} [{axes}]"
    if origin is Literal:
        return " or ".join(repr(each) for each in inside)
    if origin is Callable:
        return "a function"
    if origin in (dict, Mapping):
        return f"a mapping from {_words(inside[0])} to {_words(inside[1])}"
    if origin in _SEQUENCES:
        what = "tuple" if origin is tuple else "list" if origin is list else "sequence"
        each = "" if len(inside) > 1 else "each is "
        return f"a {what} ({each}{', '.join(_words(part) for part in inside)})"
    return _WORDS.get(hint, _a(getattr(origin or hint, "__name__", str(hint))))


def _came(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{_a(str(value.dtype).removeprefix('torch.'))} tensor of shape {list(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a numpy array of {value.dtype} of shape {list(value.shape)}"
    return "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _require_finite(name: str, value: Any, tensors: bool) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    elif isinstance(value, Tensor):
        # The sum of finite numbers is finite, but for rare ones that are very large; this is three times as fast.
        if tensors and value.is_floating_point() and not math.isfinite(value.detach().sum()):
            checks.require_finite(**{name: value})
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        _require_finite(name, torch.from_numpy(value.copy()), tensors)
    elif isinstance(value, nn.Module):
        for each, parameter in value.named_parameters():
            _require_finite(f"{name}.{each}", parameter, tensors)
    elif isinstance(value, list | tuple | dict):
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _require_finite(f"{name}[{part!r}]", inner, tensors)
