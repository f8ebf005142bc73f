"""Models and records in files that anyone can read, and weights that others published; not in the paper.

`save` writes safetensors: parameters and buffers by name, the record's tensors as `record/losses`. The metadata has JSON at
`supertoy`: format, versions, class, sizes, dtype, what is frozen, whether these make the model alone, record path, notes,
each tensor's dtype, shape and SHA-256, and the SHA-256 of all that. No code is in a file, and none in a file is run.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from supertoy import models
from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.models import BatchedModel, ToyModel
from supertoy.research._description import attributes, described
from supertoy.research._records import record_of, tensors_of
from supertoy.research._store import write
from supertoy.training import Record

_FORMAT = 1
_ALONE = ("LinearModel", "ReLUOutputModel", "ReLUHiddenModel", "AbsoluteValueModel")  # have no function
_SIZES = ("n_instances", "n_features", "n_hidden")
_AXES = {"W": "instance hidden feature", "W1": "instance hidden feature", "W2": "instance feature hidden"}
_AXES |= {"b": "instance feature", "c": "instance hidden"}


def save(path: str | PathLike[str], model: BatchedModel, record: Record | None = None, *, notes: Any = None) -> None:
    """Write a model, what training it left behind, and notes that JSON knows, into one file in place of an older one.

    Raises:
        TypeError: an argument of a wrong kind.
        ValueError: a path that does not end in .safetensors; a record of other instances; numbers that are not finite.
        OSError: the file cannot be written; an older one stays.
    """
    if (path := Path(path)).suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors, got {path.name}")
    if record and len(record.restart) != model.n_instances:
        raise ValueError(f"record must be of {model.n_instances} instances, as the model, got {len(record.restart)}")
    recorded = {f"record/{name}": value for name, value in tensors_of(record).items()} if record else {}
    checks.require_finite(**dict(model.named_parameters()), **recorded)
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in {**_state(model), **recorded}.items()}
    sizes = {name: size for name in _SIZES if isinstance(size := getattr(model, name, None), int)}
    frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
    description: dict[str, Any] = {"format": _FORMAT, "supertoy": version("supertoy"), "torch": torch.__version__}
    description |= {"class": type(model).__name__, "sizes": sizes, "dtype": str(model.dtype).removeprefix("torch.")}
    description |= {"frozen": frozen, "path": record and record.path, "notes": notes}
    description |= {"alone": _is_made_alone(model, description), "tensors": described(tensors)}
    try:
        text = json.dumps(description)
    except (TypeError, ValueError) as error:
        raise TypeError(f"notes must be what JSON knows, such as a text or a dict: {error}") from error
    write(path, safetensors.torch.save(tensors, {"supertoy": _sealed(text)}), "name another path, or mend that")


def load(path: str | PathLike[str], model: BatchedModel | None = None) -> tuple[Any, Record | None, dict[str, Any]]:
    """The model, to the bit, its record or None, and the description in a file of `save`.

    >>> from tempfile import TemporaryDirectory
    >>> model = st.ReLUOutputModel(n_instances=1, n_features=5, n_hidden=2)
    >>> record = st.train(model, st.Independent(5, 0.1), n_steps=10)
    >>> with TemporaryDirectory() as folder:
    ...     st.save(f"{folder}/toy.safetensors", model, record, notes="ten steps")
    ...     loaded, its_record, description = load(f"{folder}/toy.safetensors")
    >>> torch.equal(loaded.W, model.W), torch.equal(its_record.loss, record.loss), description["notes"]
    (True, True, 'ten steps')

    Args:
        model: one of the same class, sizes and dtype, if the class or a function is yours; a copy gets the file's numbers.

    Raises:
        TypeError: an argument of a wrong kind.
        ValueError: a file that is damaged, foreign or of a newer format; a model that is missing or does not fit.
        OSError: the file cannot be read.
    """
    tensors, content = _tensors(path, ".safetensors")
    text = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {}).get("supertoy")
    if text is None:
        raise ValueError(f"path must be a file of st.save, got {path}, which has {_listed(tensors)}: see load_published")
    if text != _sealed(text.rpartition(', "sha256": ')[0] + "}"):
        raise ValueError(f"path must be a file as it was saved, got {path}, the description of which is damaged")
    description = json.loads(text)
    if description["format"] > _FORMAT:
        raise ValueError(f"path must be of format {_FORMAT}, got {path} of {description['format']}: update supertoy")
    if described(tensors) != description["tensors"]:
        raise ValueError(f"path must be a file as it was saved, got {path}, a tensor of which is damaged")
    wanted = f"{description['class']} of {description['sizes']}, {description['dtype']}"
    if model is None and not description["alone"]:
        raise ValueError(f"model must be given for {path}, since no file holds code of yours; pass a {wanted}")
    recorded = {key.removeprefix("record/"): tensors.pop(key) for key in [*tensors] if key.startswith("record/")}
    loaded = _made(description) if model is None else copy.deepcopy(model)
    own = _state(loaded)
    if type(loaded).__name__ != description["class"] or _listed(own) != _listed(tensors):
        raise ValueError(f"model must be a {wanted}: {_listed(tensors)}; got a {type(loaded).__name__}: {_listed(own)}")
    checks.require_finite(**{name: tensors[name] for name, _ in loaded.named_parameters()}, **recorded)
    for name, value in own.items():
        value.data = tensors[name].to(value.device)
    for name, parameter in loaded.named_parameters():
        parameter.requires_grad_(name not in description["frozen"])
    recorded = {name: value.to(loaded.device) for name, value in recorded.items()}
    return loaded, record_of(recorded, description["path"]) if recorded else None, description


def load_published(
    source: str | PathLike[str] | Mapping[str, Any],
    axes: str | Mapping[str, str],
    *,
    kind: Callable[..., ToyModel] = models.ReLUOutputModel,
    names: Mapping[str, str | None] | None = None,
) -> ToyModel:
    """A model with weights that others published, whatever order their axes are in.

    >>> theirs = {"W": torch.tensor([[1.0], [-1.0]]).numpy(), "b_final": torch.zeros(2)}
    >>> load_published(theirs, "feature hidden")
    ReLUOutputModel(n_instances=1, W [1, 2], b [2], torch.float32)

    Args:
        source: tensors or numpy arrays by name, or a file of them: .safetensors, .npz, or a state dict that torch saved.
        axes: their order in W, and with what belongs to it in the others: "instance feature hidden" in the paper's published
            code, "instance hidden feature" here, both also without "instance". Or a dict of such texts for all by name.
            Lengths tell no order, and are only checked.
        kind: a class of models, or what else makes one of n_instances, n_features and n_hidden.
        names: what theirs are called here, or None for what to leave out; "b_final" is b unless you say otherwise.

    Raises:
        TypeError: an argument of a wrong kind; numbers that are not floating-point.
        ValueError: names, axes, lengths or dtypes that do not fit; numbers that are not finite; a file of something else.
        OSError: the file cannot be read.
    """
    held = source if isinstance(source, Mapping) else _tensors(source, Path(source).suffix)[0]
    ours = {"b_final": "b", **(names or {})}
    pairs = [(name, value) for theirs, value in held.items() if (name := ours.get(theirs, theirs)) is not None]
    found = dict(pairs)
    if not {"b"} < found.keys() <= _AXES.keys() or len(found) < len(pairs):
        got = ", ".join(map(str, held))
        raise ValueError(f"source must hold W and b, or W1, W2 and b, all else renamed by names, got {got}")
    found, lengths = {name: _floats(name, value) for name, value in pairs}, dict[str, int]()
    for name, value in found.items():
        own, stated = _AXES[name].split(), (axes if isinstance(axes, str) else axes.get(name, "")).split()
        words = [word for word in stated if word in own or word not in _AXES["W"].split()]
        got = f"{name} [{', '.join(words)}] of shape {list(value.shape)}"
        if sorted(words) not in (sorted(own), sorted(own[1:])) or value.ndim != len(words):
            raise ValueError(f"axes must order the words {_AXES[name]} as {name} has them, one for each axis, got {got}")
        if any(lengths.setdefault(word, length) != length for word, length in zip(words, value.shape, strict=True)):
            raise ValueError(f"axes must give all tensors the same lengths, got {got} where others have {lengths}")
        value = value.permute([words.index(word) for word in own if word in words])
        found[name] = (value if "instance" in words else value[None]).contiguous()
    checks.require_finite(**found)
    if len({value.dtype for value in found.values()}) > 1:
        raise ValueError(f"source must have one dtype, got {_listed(found)}")
    return kind(1, lengths["feature"], lengths["hidden"], dtype=found["b"].dtype).like(found)


def _sealed(text: str) -> str:
    return f'{text[:-1]}, "sha256": "{hashlib.sha256(text.encode()).hexdigest()}"}}'


def _made(description: dict[str, Any]) -> Any:
    return getattr(models, description["class"])(**description["sizes"], dtype=getattr(torch, description["dtype"]))


def _is_made_alone(model: BatchedModel, description: dict[str, Any]) -> bool:
    """Whether class, sizes and dtype make such a model; not if it was given another function, say."""
    if type(model) not in [getattr(models, name) for name in _ALONE]:
        return False
    made = _made(description)
    return (attributes(made), _listed(_state(made))) == (attributes(model), _listed(_state(model)))


def _state(model: BatchedModel) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _listed(tensors: dict[str, Tensor]) -> str:
    return ", ".join(f"{name} {list(value.shape)} {value.dtype}" for name, value in sorted(tensors.items()))


def _tensors(path: str | PathLike[str], suffix: str) -> tuple[dict[str, Any], bytes]:
    content = Path(path).read_bytes()
    try:
        if suffix == ".safetensors":
            return safetensors.torch.load(content), content
        if suffix == ".npz":
            return dict(np.load(BytesIO(content), allow_pickle=False)), content
        return dict(torch.load(BytesIO(content), map_location="cpu", weights_only=True)), content
    except Exception as error:
        raise ValueError(f"{path} must hold tensors by name and nothing else, but cannot be read: {error}") from error


def _floats(name: str, value: Any) -> Tensor:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C"))
    if not isinstance(value, Tensor) or not value.is_floating_point():
        got = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name} must be a tensor or an array of floating-point numbers, got {got}")
    return value.detach().clone()


guard(__name__)
