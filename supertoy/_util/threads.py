"""Work side by side: independent tasks on as many threads as torch has, each with torch's own threads switched off.

Torch's threads meet at the end of every operation, which costs more than it gains on tensors as small as ours, and
collapses where another process holds a core. Tasks meet once, at the end, and their numbers do not depend on how many
threads there are.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

T = TypeVar("T")


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
