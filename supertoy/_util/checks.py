"""Checks of arguments: every refusal names the argument, what came, and what fits.

Arguments go by the names that the caller's users know. A wrong type is a TypeError, a wrong value or shape a ValueError.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from supertoy._util.precision import double


def require_int(*, at_least: int, **arguments: int) -> None:
    """Refuse what is not an int, or is too small.

    >>> require_int(n_features=0, at_least=1)
    Traceback (most recent call last):
    ValueError: n_features must be at least 1, got 0
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, got {type(value).__name__} {value!r}")
        if value < at_least:
            raise ValueError(f"{name} must be at least {at_least}, got {value}")


def require_number(*, above: float, **arguments: float) -> None:
    """Refuse what is not a finite real number, or is too small."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number, got {type(value).__name__} {value!r}")
        if not above < value < float("inf"):
            raise ValueError(f"{name} must be finite and above {above:g}, got {value}")


def require_finite(**tensors: Tensor) -> None:
    """Refuse NaN and infinity; the message names the first such entry."""
    for name, value in tensors.items():
        bad = ~torch.isfinite(value)
        if bad.any():
            raise ValueError(f"{name} must be finite; got {_first(value, bad)}")


def require_row_weights(**tensors: Tensor) -> None:
    """Refuse weights of rows that are negative, not finite, or do not add up to 1 over the last axis."""
    require_finite(**tensors)
    for name, value in tensors.items():
        if value.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
        if (value < 0).any():
            raise ValueError(f"{name} must not be negative, got {value.min().item():g}")
        total = value.double().sum(-1)
        off = (total - 1).abs() > 1e-3
        if off.any():
            raise ValueError(f"{name} must add up to 1 over the rows, got a sum of {total[off][0].item():g}")


def require_device(**arguments: Any) -> None:
    """Refuse what torch knows no device by."""
    try:
        _ = [torch.device(value) for value in arguments.values()]
    except RuntimeError as error:
        raise ValueError(f"device must be one of torch such as 'cpu', got {arguments}: {error}") from error


def require_shares(**arguments: Any) -> None:
    """Refuse probabilities and densities outside of (0, 1]: numbers or tensors.

    >>> require_shares(density=1.5)
    Traceback (most recent call last):
    ValueError: density must lie in (0, 1]; got 1.5
    """
    for name, value in arguments.items():
        tensor = torch.as_tensor(value)
        if tensor.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {tensor.dtype}")
        bad = ~((tensor > 0) & (tensor <= 1))
        if bad.any():
            raise ValueError(f"{name} must lie in (0, 1]; got {_first(tensor, bad)}")


def require_rising(*, above: float = -math.inf, **values: Any) -> None:
    """Refuse numbers in a list or a tensor that do not rise from each to the next, or that do not lie above a bound.

    >>> require_rising(x=[1, 3, 2])
    Traceback (most recent call last):
    ValueError: x must rise, got 2 after 3
    """
    for name, value in values.items():
        numbers = torch.as_tensor(value)
        falls = (numbers.diff() <= 0).nonzero().flatten()
        if len(falls):
            first, second = numbers[falls[0] :][:2].tolist()
            raise ValueError(f"{name} must rise, got {second:g} after {first:g}")
        if numbers.numel() and not numbers[0] > above:
            raise ValueError(f"{name} must be above {above:g}, got {numbers[0]:g}")


def meaning(name: str, counts: bool) -> Callable[..., None] | None:
    """The check of what a parameter's name says, wherever it stands; `counts` if it may be an int.

    >>> meaning("seed", counts=True)(seed=-1)
    Traceback (most recent call last):
    ValueError: seed must be at least 0, got -1
    """
    if counts:
        least = {"seed": 0, "block": 0, "batch_size": 1} | ({name: 1} if name.startswith("n_") else {})
        return partial(require_int, at_least=least[name]) if name in least else None
    known: dict[str, Callable[..., None]] = {
        "weight": require_row_weights,
        "probability": require_shares,
        "density": require_shares,
        "device": require_device,
        "steps": require_rising,
        "height": partial(require_number, above=0),
    }
    return known.get(name)


def instances(value: "slice | Tensor | list[int]") -> "slice | Tensor":
    """Which instances are meant: a slice, or their numbers. A single number would drop the axis, and is refused."""
    if isinstance(value, slice):
        return value
    numbers = torch.as_tensor(value) if isinstance(value, Tensor | list | tuple | range) else None
    if numbers is None or numbers.ndim != 1 or numbers.is_floating_point() or numbers.is_complex():
        raise TypeError(f"instances must be a slice or a list of numbers, such as slice(1, 2) or [1], got {value!r}")
    return numbers


def probabilities(value: "float | Tensor", name: str, n_columns: int, axis: str) -> Tensor:
    """A number, or a tensor that broadcasts, as a table of probabilities in (0, 1]: float64 [instance, n_columns].

    >>> probabilities(1.5, "probability", n_columns=2, axis="feature")
    Traceback (most recent call last):
    ValueError: probability must lie in (0, 1]; got 1.5 at [instance 0, feature 0]
    """
    tensor = _table(value, name, n_columns, axis)
    bad = ~((tensor > 0) & (tensor <= 1))
    if not bad.any():
        bad = tensor < 1e-12  # 1 - p would lose its digits
        if bad.any():
            raise ValueError(f"{name} must be at least 1e-12; got {_first(tensor, bad, ('instance', axis))}")
    if bad.any():
        raise ValueError(f"{name} must lie in (0, 1]; got {_first(tensor, bad, ('instance', axis))}")
    return tensor


def importances(value: "float | Tensor", n_instances: int, n_features: int) -> Tensor:
    """A number, or a tensor that broadcasts, as a table of importances: float64 [n_instances, n_features]."""
    tensor = _table(value, "importance", n_features, "feature")
    bad = ~((tensor >= 0) & torch.isfinite(tensor))
    if bad.any():
        raise ValueError(f"importance must be finite and not negative; got {_first(tensor, bad)}")
    if tensor.shape[0] not in (1, n_instances):
        raise ValueError(f"importance must have 1 or {n_instances} instances, got {tensor.shape[0]}")
    return tensor.expand(n_instances, n_features)


def one_each(value: "float | Tensor", name: str, n_instances: int, at_least: float = 0) -> Tensor:
    """One number for all instances, or one for each, finite and not negative or less: float64 [n_instances]."""
    tensor = double(torch.as_tensor(value, dtype=None if isinstance(value, Tensor) else torch.float64))
    if not bool(((tensor >= at_least) & torch.isfinite(tensor)).all()):
        raise ValueError(f"{name} must be finite{' and not negative' if at_least == 0 else ''}, got {tensor.tolist()}")
    if tensor.ndim > 1 or tensor.numel() not in (1, n_instances):
        raise ValueError(
            f"{name} must be one number or one for each of {n_instances} instances, got shape {list(tensor.shape)}"
        )
    return tensor.expand(n_instances)


def _table(value: "float | Tensor", name: str, n_columns: int, axis: str) -> Tensor:
    try:
        # A Python float has 53 bits; torch would keep 24 of them.
        tensor = torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be a number or a tensor, got {type(value).__name__}") from error
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must hold real numbers, got {tensor.dtype}")
    if tensor.ndim > 2 or (tensor.ndim > 0 and tensor.shape[-1] not in (1, n_columns)) or 0 in tensor.shape:
        raise ValueError(
            f"{name} must broadcast to [instance, {axis}] with {n_columns} {axis}s, got shape {list(tensor.shape)}"
        )
    tensor = double(tensor.detach())
    rows = tensor.shape[0] if tensor.ndim == 2 else 1
    return tensor.expand(rows, n_columns)


def _first(tensor: Tensor, bad: Tensor, axes: tuple[str, ...] = ("instance", "feature")) -> str:
    """The first bad entry and its place: '1.3 at [instance 2, feature 0]'."""
    index = bad.nonzero()[0].tolist()
    names: Iterator[str] = iter(axes if len(axes) == len(index) else ("",) * len(index))
    place = ", ".join(f"{next(names)} {i}".strip() for i in index)
    return f"{tensor[tuple(index)].item():g}" + (f" at [{place}]" if index else "")
