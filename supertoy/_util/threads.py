"""Independent tasks side by side, on as many threads as torch has; torch's own threads are off in each.

Torch's threads meet at the end of every operation, which on tensors as small as ours costs more than it gains. Tasks meet
once, at the end, and their numbers do not depend on how many threads there are.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

T = TypeVar("T")
_told = threading.local()  # each worker's event, which says that its result is no longer wanted


class Stopped(Exception):  # noqa: N818
    """Raised in a task whose result nobody waits for any more."""


def stopping() -> bool:
    """Whether this task should return: another one raised, or the caller was interrupted."""
    return hasattr(_told, "stop") and _told.stop.is_set()


def stop_if_told() -> None:
    """End this task here if its result is no longer wanted. Long tasks call it at least every second."""
    if stopping():
        raise Stopped


def in_threads(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all tasks, in order. If tasks raise, the first error in that order is raised.

    >>> in_threads([lambda: 1 + 1, lambda: 2 * 3])
    [2, 6]

    As soon as a task raises or the caller is interrupted, `stopping` tells the others.
    """
    n_threads, grad_enabled = torch.get_num_threads(), torch.is_grad_enabled()
    stop = threading.Event()

    def begin() -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(grad_enabled)  # each thread has a mode of its own
        _told.stop = stop

    try:
        torch.set_num_threads(1)
        if min(len(tasks), n_threads) == 1:
            return [task() for task in tasks]
        with ThreadPoolExecutor(n_threads, initializer=begin) as pool:
            try:
                futures = [pool.submit(task) for task in tasks]
                # Waits are short, since not every interrupt wakes a waiting thread.
                while not all(future.done() for future in futures) and not any(f.done() and f.exception() for f in futures):
                    wait(futures, timeout=0.1, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()  # after success no task is left to see it
                pool.shutdown(wait=False, cancel_futures=True)
            ended = [future for future in futures if not future.cancelled()]
            failed = [future for future in ended if future.exception() and not isinstance(future.exception(), Stopped)]
            return [future.result() for future in failed or futures]
    finally:
        torch.set_num_threads(n_threads)
