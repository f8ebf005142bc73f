"""A folder of finished shards, from which a sweep that was stopped goes on.

`sweep.json` describes the sweep. Each finished shard is `shard-00012.safetensors` with a `shard-00012.json` that names the
sweep it belongs to and the file's checksum. Files are written under a temporary name and moved into place, so a shard is
either there as a whole or not there.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

_FORMAT = 4  # to be raised whenever training comes to compute something else
_ADVICE = "finished shards are kept, so mend that and run the same call again"


class Store:
    """Shards by number, in a folder that belongs to one sweep. Its description holds all that determines the result.

    Raises:
        ValueError: the folder is none, or holds another sweep's results or something else.
        OSError: it cannot be written to.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = Store(folder, {"n_steps": 100})
    ...     store.write(0, {"loss": torch.ones(2)})
    ...     store.read(0), store.read(1)
    ({'loss': tensor([1., 1.])}, None)
    """

    def __init__(self, folder: str | os.PathLike[str], description: dict[str, Any]) -> None:
        self.folder = Path(folder)
        # Shards that another release trained would not be bit for bit what this one makes.
        description = json.loads(json.dumps({"format": _FORMAT, "torch": torch.__version__.split("+")[0], **description}))
        self.digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"store must be a folder, got {self.folder}, which is a file")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno, f"store {self.folder} cannot be made: {error.strerror}; name another folder"
            ) from error
        self._claim(description)

    def _claim(self, description: dict[str, Any]) -> None:
        """Find this sweep's description in the folder, or put it there if the folder is empty."""
        path = self.folder / "sweep.json"
        if path.exists():
            try:
                found = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"store must be a folder of shards, but {path} cannot be read ({error}); name another"
                ) from error
            if found != description:
                differs = sorted(k for k in {*found, *description} if found.get(k) != description.get(k))
                raise ValueError(
                    f"store {self.folder} holds another sweep, which differs in {', '.join(differs)}; "
                    "name another folder, or delete this one if its results are no longer needed"
                )
            return
        others = [name for name in os.listdir(self.folder) if not name.startswith(".")]
        # A lost sweep.json comes back, if the shards say that they are this sweep's.
        if others and not any(self._is_ours(self.folder / name) for name in others):
            raise ValueError(
                f"store must be an empty folder or one of this sweep's, got {self.folder}, which has other files in it"
            )
        write(path, json.dumps(description, indent=1).encode())

    def _is_ours(self, label: Path) -> bool:
        try:
            return bool(json.loads(label.read_text(encoding="utf-8"))["sweep"] == self.digest)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False

    def check_writable(self) -> None:
        """Find out now whether shards can be written later.

        Raises:
            OSError: they cannot.
        """
        write(self.folder / ".writable", b"")
        (self.folder / ".writable").unlink(missing_ok=True)

    def read(
        self, shard: int, check: Callable[[dict[str, Tensor]], None] = lambda tensors: None
    ) -> dict[str, Tensor] | None:
        """A finished shard's tensors; None, with a warning, if it is damaged or foreign; None if it is not there.

        Args:
            check: raises a ValueError if tensors are not what the shard should hold.

        Raises:
            ValueError: there is a folder in a file's place, where the shard could not be written either.
        """
        path, label = self._paths(shard)
        for each in (path, label):
            if each.is_dir():
                raise ValueError(f"store must have a file or nothing at {each}, got a folder: remove it")
        if not (path.exists() and label.exists()):
            return None
        try:
            described, content = json.loads(label.read_text(encoding="utf-8")), path.read_bytes()
            if described["sweep"] != self.digest or described["shard"] != shard:
                raise ValueError("it belongs to another sweep or another place in it")
            if described["sha256"] != hashlib.sha256(content).hexdigest():
                raise ValueError("its checksum is wrong")
            tensors = load(content)
            check(tensors)
            return tensors
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            warnings.warn(f"{path} is not used and will be trained again: {error}", stacklevel=3)
            return None

    def write(self, shard: int, tensors: dict[str, Tensor]) -> None:
        """Keep a finished shard.

        Raises:
            OSError: the disk is full or the folder read-only; shards written before are kept.
        """
        path, label = self._paths(shard)
        content = save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()})
        described = {"sweep": self.digest, "shard": shard, "sha256": hashlib.sha256(content).hexdigest()}
        write(path, content)
        write(label, json.dumps(described, indent=1).encode())

    def _paths(self, shard: int) -> tuple[Path, Path]:
        path = self.folder / f"shard-{shard:05d}.safetensors"
        return path, path.with_suffix(".json")


def write(path: Path, content: bytes, advice: str = _ADVICE) -> None:
    """Write a file as a whole, or leave what is there.

    Raises:
        OSError: it cannot be written, with this advice.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise OSError(error.errno, f"{path} could not be written: {error.strerror}; {advice}") from error
