"""Anything that decides a result, in values that JSON knows, such that no two that differ look the same.

Numbers and tensors count by their values, functions and classes of the user's by their code and by all that it refers to.
Those of installed libraries count by name, since a store remembers its release of torch.
"""

import builtins
import dis
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_LIBRARIES = (
    "supertoy",
    "torch",
    "numpy",
    "builtins",
    "math",
    "functools",
    "operator",
    "typing",
    "abc",
    "enum",
    "collections",
)


def described(value: Any, name: str = "") -> Any:
    """A value as JSON; `name` is what the caller's users call it.

    >>> described({"n": 3, "f": torch.nn.functional.gelu})
    {'f': 'gelu of torch._C._nn', 'n': 3}

    Raises:
        TypeError: a kind of value of which that cannot be said, such as an open file.
    """
    return _Describer().describe(value, name)


def checksum(tensor: Tensor) -> str:
    """Of a tensor's bytes."""
    return hashlib.sha256(torch.cat([tensor.detach().cpu().flatten()]).view(torch.uint8).numpy().tobytes()).hexdigest()


class _Describer:
    def __init__(self) -> None:
        self.open: dict[int, Any] = {}  # what is being described, which may refer to itself

    def describe(self, value: Any, name: str) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, torch.dtype | torch.device | complex | bytes | type(...)):
            return str(value)
        if isinstance(value, Tensor | np.ndarray | np.generic):
            tensor = torch.as_tensor(value)
            return [str(tensor.dtype), list(tensor.shape), checksum(tensor)]
        if isinstance(value, dict):
            keys = {key if isinstance(key, str) else f"{type(key).__name__} {key!r}": key for key in value}
            return {text: self.describe(value[key], f"{name}.{text}") for text, key in sorted(keys.items())}
        if isinstance(value, list | tuple | range):
            return [self.describe(each, name) for each in value]
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if _is_of_a_library(value):
            return f"{value.__qualname__} of {value.__module__}"
        if id(value) in self.open:
            return f"{type(value).__name__} again"
        self.open[id(value)] = value
        try:
            parts = [*self._parts(value, name)]
        finally:
            del self.open[id(value)]
        return [parts[0], hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()]

    def _parts(self, value: Any, name: str) -> Iterator[Any]:
        """What a function, a class or an object is made of, its name first."""
        if isinstance(value, partial):
            yield from ("partial", *(self.describe(part, name) for part in (value.func, value.args, value.keywords)))
        elif isinstance(value, MethodType):
            yield from ("method", self.describe(value.__self__, name), self.describe(value.__func__, name))
        elif isinstance(value, FunctionType):
            yield value.__qualname__
            yield from _code(value.__code__)
            yield self.describe([value.__defaults__, value.__kwdefaults__], name)
            for cell in value.__closure__ or ():
                yield self.describe(cell.cell_contents, name)
            for word in sorted(_globals(value.__code__)):
                if word in value.__globals__:
                    yield [word, self.describe(value.__globals__[word], f"{name}.{word}")]
        elif isinstance(value, type):
            yield value.__qualname__
            for key, part in sorted(vars(value).items()):
                code = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
                if isinstance(code, FunctionType) or not key.startswith(("__", "_abc")):  # others are Python's notes
                    yield [key, self.describe(code, f"{name}.{key}")]
            yield [self.describe(base, name) for base in value.__bases__]
        elif hasattr(value, "__dict__") and not hasattr(type(value), "__slots__") and type(value).__module__ != "io":
            yield type(value).__qualname__
            yield self.describe(type(value), name)
            state = dict(value.state_dict()) if isinstance(value, nn.Module) else {}
            yield self.describe({**attributes(value), **state}, name)
        else:
            raise TypeError(
                f"store must be None here: {name.strip('.') or 'a value'} is a {type(value).__name__}, and no description "
                "would tell it from another"
            )


def attributes(value: object) -> dict[str, Any]:
    """An object's own attributes, without what it has computed from them, or what every module has."""
    common = vars(nn.Module()).keys() if isinstance(value, nn.Module) else ()
    kind = type(value)
    own = (key for key in vars(value) if key not in common and not isinstance(getattr(kind, key, None), cached_property))
    return {key: vars(value)[key] for key in own}


def _is_of_a_library(value: Any) -> bool:
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | type(None) | type):
        return True
    if not isinstance(value, type | FunctionType | type(len) | type(str.join) | type(torch.ops.aten.relu)):
        return False
    module = getattr(value, "__module__", None) or builtins.__name__
    return module.split(".")[0] in _LIBRARIES and "<locals>" not in getattr(value, "__qualname__", "")


def _code(code: CodeType) -> Iterator[Any]:
    yield code.co_code.hex()
    yield [*code.co_names, "|", *code.co_freevars]
    for constant in code.co_consts:
        yield [*_code(constant)] if isinstance(constant, CodeType) else repr(constant)


def _globals(code: CodeType) -> set[str]:
    inner: Iterable[CodeType] = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    words = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return words.union(*map(_globals, inner))
