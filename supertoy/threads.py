"""Work side by side: independent tasks on as many threads as torch has, each with torch's own threads switched off.

Torch's threads meet at the end of every operation, which costs more than it gains on tensors as small as ours, and
collapses where another process holds a core. Tasks meet once, at the end, and their numbers do not depend on how many
threads there are.
"""

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

_PIECE = 2**18  # numbers in the largest tensor of a piece, of which a few should fit in the cache

T = TypeVar("T")


def cut(n_instances: int, per_instance: int, device: torch.device) -> list[slice]:
    """Consecutive instances in pieces that fit in the cache; two or more where there is enough for two threads to do.

    A piece is at least one instance, however large that is.

    Args:
        n_instances: how many there are.
        per_instance: numbers in an instance's largest tensor.
        device: where they are; only the CPU's cache is small.

    >>> cut(5, per_instance=2**17, device=torch.device("cpu"))
    [slice(0, 1, None), slice(1, 3, None), slice(3, 5, None)]
    """
    total = n_instances * per_instance
    n_pieces = 1 if device.type != "cpu" else max(math.ceil(total / _PIECE), 2 if total >= _PIECE / 4 else 1)
    n_pieces = min(n_instances, n_pieces)
    ends = [n_instances * k // n_pieces for k in range(n_pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def in_threads(tasks: Sequence[Callable[[], T]], stop: threading.Event | None = None) -> list[T]:
    """The results of all tasks, in order.

    Args:
        tasks: independent of each other; torch releases Python's lock while it computes.
        stop: set as soon as a task raises or the caller is interrupted, so that the others can look and return early.

    Raises:
        Exception: what a task raised, the first of them in order.

    >>> in_threads([lambda: 1 + 1, lambda: 2 * 3])
    [2, 6]
    """
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        if min(len(tasks), n_threads) == 1:
            return [task() for task in tasks]
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                futures = [pool.submit(task) for task in tasks]
                # In short waits, since not every way of interrupting Python wakes a thread that waits.
                while not all(future.done() for future in futures) and not any(f.done() and f.exception() for f in futures):
                    wait(futures, timeout=0.1, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                if stop is not None:
                    stop.set()  # after success nobody looks at it any more
            failed = [future for future in futures if not future.cancelled() and future.exception()]
            return [future.result() for future in failed or futures]
    finally:
        torch.set_num_threads(n_threads)
