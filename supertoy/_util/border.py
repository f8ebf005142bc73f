"""The border of the package: what comes in through a public function is checked before anything is computed.

Only calls from outside are checked. What the package's own modules hand each other came in there, and loops stay fast.

Annotations say what fits, and beartype and jaxtyping judge. A wrong kind of value is a TypeError, a wrong shape or value a
ValueError. The message names the function, the argument, what fits and what came. So no public function has to check:

- Axes of one name have one length, over all arguments of a call.
- Numbers and tensors are finite, and so are a model's parameters. Tensors are not empty.
- True is no number, and a text no sequence.
- Some names mean the same everywhere, such as `seed` and `n_rows`, and have values to go with it: `checks.meaning`.

Arrays of numpy become tensors where a tensor is wanted; numbers of numpy and tensors without axes become Python's numbers.
"""

import functools
import inspect
import itertools
import math
import re
import reprlib
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, no_type_check

import numpy as np
import torch
from jaxtyping import AbstractArray, jaxtyped
from torch import Tensor, nn

from supertoy._util import checks

F = TypeVar("F", bound=Callable[..., Any])
_CONTAINERS = (Sequence, Iterable, Collection, Mapping, list, tuple, dict)


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

    @functools.cache
    def signature() -> inspect.Signature:  # at the first call, since importing the package should not wait for this
        return inspect.signature(function, eval_str=True)

    @no_type_check  # or jaxtyping, where it checks this module too, as in tests, gives each call axes and a frame of its own
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not inside and _calls_from_inside():
            return function(*args, **kwargs)
        try:
            given = signature().bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # which says best what it has no parameter for, or too few
        try:
            before = {}
            with jaxtyped("context"):  # axes of one name have one length
                for name, value in given.arguments.items():
                    parameter = signature().parameters[name]
                    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                        value = tuple(_plain(each, parameter.annotation, detach) for each in value)
                        parameter = parameter.replace(annotation=tuple[parameter.annotation, ...])
                    if parameter.annotation not in (parameter.empty, Any) and parameter.kind is not parameter.VAR_KEYWORD:
                        value = _plain(value, _resolved(parameter.annotation), detach)
                        _admit(name, value, _resolved(parameter.annotation), before, detach, name in gaps)
                    given.arguments[name] = value
        except (TypeError, ValueError) as error:
            raise type(error)(f"{function.__qualname__}: {error}") from None
        return function(*given.args, **given.kwargs)

    del checked.__no_type_check__  # others may
    checked.is_guarded = True
    return cast(F, checked)


def _resolved(hint: Any) -> Any:
    """For a type variable the class that it stands for."""
    bound: Any = hint.__bound__ if isinstance(hint, TypeVar) else hint
    return getattr(sys.modules[hint.__module__], bound.__forward_arg__) if hasattr(bound, "__forward_arg__") else bound


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _plain(value: Any, hint: Any, detach: bool) -> Any:
    """Numbers and arrays of numpy as Python and torch have them."""
    takes_tensors = "Tensor" in repr(hint)
    if isinstance(value, Tensor):
        if value.ndim == 0 and not takes_tensors and not {int, float}.isdisjoint(_members(hint)):
            return value.item()
        if detach and value.dtype in (torch.int32, torch.int64) and "Int[" not in repr(hint):
            return value.double()  # counts may be drawn too
        return value.detach() if detach else value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and takes_tensors and value.dtype.kind in "fiubc":
        return _plain(_tensor(value), hint, detach)
    if detach and type(value) in (list, tuple):
        return type(value)(_plain(each, hint, detach) for each in value)
    if detach and type(value) is dict:
        return {key: _plain(each, hint, detach) for key, each in value.items()}
    return value


def _tensor(array: np.ndarray) -> Tensor:
    """A copy, since arrays may be read-only, or have the other order of bytes."""
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


@no_type_check
def _admit(name: str, value: Any, hint: Any, before: dict[str, Any], detach: bool, may_be_any: bool) -> None:
    """Refuse what does not fit; `before` has the tensors that came in already, and their annotations."""
    fault = _fault(name, value, hint)
    if fault is not None:
        raise _refusal(*fault, before)
    if isinstance(value, Tensor):
        before[name] = value, hint
    if may_be_any or value is None:
        return
    if isinstance(value, Tensor) and 0 in value.shape:
        raise ValueError(f"{name} must not be empty, got shape {list(value.shape)}")
    _require_finite(name, value, tensors=not detach or isinstance(value, Tensor))
    meaning = checks.meaning(name, counts=int in _members(hint))
    if meaning is not None:
        meaning(**{name: value})


@functools.cache
def _fits() -> Callable[..., bool]:
    """Beartype's judgement, for which True is no number; at the first call, since importing it takes a while."""
    from beartype import BeartypeConf, FrozenDict
    from beartype.door import is_bearable
    from beartype.vale import IsInstance

    whole = Annotated[int, ~IsInstance[bool]]
    conf = BeartypeConf(hint_overrides=FrozenDict({int: whole, float: float | whole}))
    return functools.partial(is_bearable, conf=conf)


@no_type_check
def _calls_from_inside() -> bool:
    """Whether the call that is being checked comes from the package itself, perhaps through `nn.Module`."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__") == "torch.nn.modules.module":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith("supertoy.")


@no_type_check
def _fault(name: str, value: Any, hint: Any) -> tuple[str, Any, Any] | None:
    """The innermost part that does not fit, of all items, of which beartype sees one: its name, itself, its annotation."""
    of_kind = [each for each in _members(hint) if get_origin(each) in _CONTAINERS and isinstance(value, get_origin(each))]
    if isinstance(value, str):
        return (name, value, hint) if (of_kind and str not in _members(hint)) or not _fits()(value, hint) else None
    inside = get_args(of_kind[0]) if len(of_kind) == 1 else ()
    parts = ()
    if isinstance(value, Mapping) and len(inside) == 2:
        parts = zip(map(repr, value), value.values(), itertools.repeat(inside[1]))
    elif isinstance(value, list | tuple) and inside:
        is_fixed = get_origin(of_kind[0]) is tuple and inside[-1] is not Ellipsis
        parts = zip(itertools.count(), value, inside if is_fixed else itertools.repeat(inside[0]))
    faults = (_fault(f"{name}[{place}]", part, of_part) for place, part, of_part in parts)
    fault = next((fault for fault in faults if fault is not None), None)
    return (name, value, hint) if fault is None and not _fits()(value, hint) else fault


def _refusal(name: str, value: Any, hint: Any, before: Mapping[str, tuple[Tensor, Any]]) -> Exception:
    """What to raise for a value that does not fit; other arguments have said how long some axes are."""
    words = re.sub(r"(\w+\.)+", "", inspect.formatannotation(hint))
    message = f"{name} must be {words}, got {_came(value)}"
    arrays = [each for each in _members(hint) if inspect.isclass(each) and issubclass(each, AbstractArray)]
    if not any(isinstance(value, each.dtype[each.array_type, "..."]) for each in arrays):
        return TypeError(message)
    for other, (its_value, its_hint) in before.items():  # the kind fits, but the shape does not
        sizes = _sizes(its_value, its_hint)
        differing = [axis for each in arrays for axis, n in _sizes(value, each).items() if sizes.get(axis, n) != n]
        message += "".join(f"; {axis} is {sizes[axis]} in {other}" for axis in differing)
    return ValueError(message)


def _sizes(tensor: Tensor, hint: Any) -> dict[str, int]:
    """How long the named axes of a tensor are."""
    named = (getattr(each, "dim_str", "").split() for each in _members(hint))
    return next((dict(zip(axes, tensor.shape, strict=True)) for axes in named if len(axes) == tensor.ndim), {})


def _came(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, Tensor) else "numpy array"
        return f"{str(value.dtype).removeprefix('torch.')} {kind} of shape {list(value.shape)}"
    return "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


def _require_finite(name: str, value: Any, tensors: bool) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    elif isinstance(value, Tensor):
        # The sum of finite numbers is finite, but for rare ones that are very large; this is three times as fast.
        if tensors and value.is_floating_point() and not math.isfinite(value.detach().sum()):
            checks.require_finite(**{name: value})
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        _require_finite(name, _tensor(value), tensors)
    elif isinstance(value, nn.Module):
        for each, parameter in value.named_parameters():
            _require_finite(f"{name}.{each}", parameter, tensors)
    elif isinstance(value, list | tuple | dict):
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _require_finite(f"{name}[{part!r}]", inner, tensors)
