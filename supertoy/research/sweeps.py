"""Training that outgrows one process or one sitting: many settings, cut into shards.

Source: not in the paper.
"""

import math
import multiprocessing
from collections.abc import Generator
from concurrent.futures import Executor, Future, as_completed
from contextlib import closing
from functools import partial
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from supertoy._util import checks
from supertoy._util.progress import progress, show_no_progress
from supertoy.data import Data
from supertoy.models import BatchedModel
from supertoy.research._description import attributes, checksum, described
from supertoy.research._records import record_of, tensors_of
from supertoy.research._store import Store
from supertoy.training import Record, TrainingOptions, join, knows, show_options, train

_SHARD = 2**21  # numbers in the largest tensor of a shard; a training keeps about eight such tensors
_FEWEST = 16  # shards of a sweep that leaves their size to us, where it has as many instances

Job = tuple[BatchedModel, Data, TrainingOptions]


def sweep(
    model: BatchedModel,
    data: Data,
    *,
    executor: Executor | None = None,
    store: str | PathLike[str] | None = None,
    shard_size: int | None = None,
    **options: Any,
) -> Record:
    """Train every instance of `model` in place, as `train` does, in shards that can run anywhere and be kept on disk.

    >>> data = st.Independent(n_features=2, probability=torch.tensor([[1.0], [0.1]]))
    >>> whole, cut = (st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1) for _ in range(2))
    >>> record, record_of_shards = st.train(whole, data, n_steps=10), sweep(cut, data, n_steps=10, shard_size=1)
    >>> torch.allclose(whole.W, cut.W)
    True

    The instances are the grid: `torch.cartesian_prod` makes one from its axes. Shards are consecutive instances. Where
    they are cut depends on the arguments alone, so the result is the same bit for bit on any executor with any number of
    workers, and after any number of interruptions, as long as the machines are of one kind.

    Args:
        data: one setting, or as many as the model has instances.
        executor: runs the shards; any of `concurrent.futures`, or dask's `client.get_executor()`. This process if None.
        store: folder for finished shards. The same call goes on with what it finds there. It knows another call by all that
            decides the result, the code of your own classes and functions included.
        shard_size: instances in a shard; if None, so many that training one takes some tens of MB and there are 16 shards.

    All other arguments are the fields of `TrainingOptions`.

    Raises:
        TypeError: an argument of a wrong kind, or one that a store could not tell from another; before any training.
        ValueError: an argument out of range or of a wrong shape, a store that holds something else; before any training.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        OSError: the store cannot be written to.
        RuntimeError: the executor died.
        KeyboardInterrupt: finished shards are in the store; the model is as it was.
    """
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}")
    if store is not None and not isinstance(store, str | PathLike):
        raise TypeError(f"store must be a path, got {type(store).__name__}")
    if "first_instance" in options:
        raise TypeError("options must not hold first_instance, since a sweep has all instances")
    fitted = TrainingOptions.of(options).fitted(model, data)
    if shard_size is None:
        shard_size = _default_shard_size(model, data, fitted)
    checks.require_int(shard_size=shard_size, at_least=1)

    starts = range(0, model.n_instances, shard_size)
    folder = None if store is None else Store(store, _description(model, data, shard_size, fitted))
    shards: dict[int, dict[str, Tensor]] = {}
    jobs: dict[int, Job] = {}
    for k, start in enumerate(starts):
        part = slice(start, min(start + shard_size, model.n_instances))
        job = (model.select(part), data.select(part), fitted.select(part))
        finished = folder.read(k, partial(_check_shard, model=job[0], options=job[2])) if folder else None
        if finished is None:
            jobs[k] = job
        else:
            shards[k] = {name: tensor.to(model.device) for name, tensor in finished.items()}

    if folder and jobs:
        folder.check_writable()
    n_threads = torch.get_num_threads()
    failed: dict[int, Exception] = {}
    try:
        with progress(len(jobs), "sweep", "shard") as bar, closing(_results(jobs, executor, folder)) as results:
            for k, result in results:
                if isinstance(result, Exception):
                    failed[k] = result
                    break
                if folder:
                    folder.write(k, result)
                shards[k] = result
                bar.update()
    finally:
        torch.set_num_threads(n_threads)  # which threads of this process may have changed
    for error in failed.values():
        raise error

    in_order = [shards[k] for k in range(len(starts))]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.cat([shard[f"parameter {name}"] for shard in in_order]))
    path = "fast step" if knows(model, data, fitted) else "autograd"
    return join([record_of(shard, path) for shard in in_order])


show_options(sweep)


def _results(
    jobs: dict[int, Job], executor: Executor | None, folder: Store | None
) -> Generator[tuple[int, dict[str, Tensor] | Exception], None, None]:
    """Shard by shard as they finish, what training one gave or what it raised."""
    if executor is None:
        for k, job in jobs.items():
            yield k, _train_shard(*job)
        return
    # What the executor raises is about itself, since a shard's own errors come as results. It is told at the end, when all
    # that could be finished is.
    died: Exception | None = None
    futures: dict[Future[Any], int] = {}
    try:
        try:
            for k, job in jobs.items():
                futures[executor.submit(_train_alone, *job)] = k
        except Exception as error:
            died = error
        for future in as_completed(futures):
            try:
                result = future.result()
            except Exception as error:
                died = error
            else:
                yield futures[future], result
    finally:
        for future in futures:
            future.cancel()
    if died is not None:
        kept = f"Finished shards are in {folder.folder}" if folder else "With store=FOLDER finished shards would be kept"
        raise RuntimeError(
            f"executor {type(executor).__name__} died before all shards were trained ({type(died).__name__}: {died}). "
            f"{kept}: run the same call again with a new executor to go on. (Workers must be able to import what they are "
            "sent, so a model of your own belongs in a module.)"
        ) from died


def _train_shard(model: BatchedModel, data: Data, options: TrainingOptions) -> dict[str, Tensor] | Exception:
    """Train a shard; its record and parameters as named tensors, or the error that it ended with."""
    try:
        record = train(model, data, **vars(options))
    except Exception as error:
        return error
    return {f"parameter {name}": value.detach() for name, value in model.named_parameters()} | tensors_of(record)


def _train_alone(*job: Any) -> dict[str, Tensor] | Exception:
    """Train a shard in a worker: on one thread, since there is a worker for each core, and without a bar of its own."""
    torch.set_num_threads(1)
    if multiprocessing.parent_process() is not None:
        show_no_progress()
    return _train_shard(*job)


def _default_shard_size(model: BatchedModel, data: Data, options: TrainingOptions) -> int:
    n_parameters = sum(parameter[0].numel() for parameter in model.parameters())
    n_snapshots = len([*options.snapshot_steps])
    # The largest of what training one instance keeps: a batch's outputs, the losses of all steps, the snapshots.
    per_instance = options.n_restarts * max(
        model.n_features * options.n_rows(data), options.n_steps, n_snapshots * n_parameters
    )
    return max(1, min(_SHARD // per_instance, math.ceil(model.n_instances / _FEWEST)))


def _description(model: BatchedModel, data: Data, shard_size: int, options: TrainingOptions) -> dict[str, Any]:
    """All that determines the result, in values that JSON knows."""
    return {
        "model": described([type(model), attributes(model)], "model"),
        # Tensors of a module are in no order, and a function has no name that can be relied on, but both have values.
        "weights": {name: checksum(value) for name, value in [*model.named_parameters(), *model.named_buffers()]},
        "trained": [name for name, value in model.named_parameters() if value.requires_grad],
        "sizes": [model.n_instances, model.n_features],
        "dtype": str(model.dtype),
        "device": model.device.type,
        "data": described(data, "data"),
        "shard_size": shard_size,
        **{name: described(value, name) for name, value in vars(options).items()},
    }


def _check_shard(tensors: dict[str, Tensor], model: BatchedModel, options: TrainingOptions) -> None:
    """Raise a ValueError unless these are what training these instances leaves."""
    n, n_steps = model.n_instances, options.n_steps
    parameters = {name: value.shape for name, value in model.named_parameters()}
    shapes: dict[str, tuple[int, ...]] = {f"parameter {name}": shape for name, shape in parameters.items()}
    for step in options.snapshot_steps:
        shapes |= {f"snapshot {step} {name}": shape for name, shape in parameters.items()}
    shapes |= {"losses": (n_steps, n), "restart": (n,), "loss": (n,)}
    shapes["restart_losses"] = (options.stages()[-1][2] if options.n_restarts > 1 else 0, n)
    if tensors.keys() != shapes.keys() or any(tensors[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("its tensors are not those of this sweep")
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise ValueError("it holds numbers that are not finite")
