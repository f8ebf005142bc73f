"""A record as tensors by name, for files."""

from torch import Tensor

from supertoy.training import Record


def tensors_of(record: Record) -> dict[str, Tensor]:
    """All numbers of a record by name, of snapshots as `snapshot 10 W`."""
    tensors = {name: getattr(record, name) for name in ("losses", "restart_losses", "restart", "loss")}
    for step, state in record.snapshots.items():
        tensors |= {f"snapshot {step} {name}": value for name, value in state.items()}
    return tensors


def record_of(tensors: dict[str, Tensor], path: str) -> Record:
    """The record that has these numbers, as `tensors_of` names them, and perhaps others."""
    snapshots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("snapshot "):
            _, step, name = key.split(" ", 2)
            snapshots.setdefault(int(step), {})[name] = value
    numbers = {name: tensors[name] for name in ("losses", "restart_losses", "restart")}
    record = Record(**numbers, snapshots=dict(sorted(snapshots.items())), path=path, evaluate=None)
    record.loss = tensors["loss"]
    return record
