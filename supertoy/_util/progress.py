"""Progress bars, one at a time, and only where somebody looks: in a terminal or a notebook."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

_open: list[str] = []  # what each open bar is about; only the first shows


@contextmanager
def progress(total: int, what: str, unit: str) -> Iterator["tqdm[None]"]:
    """A bar with the remaining time; silent inside another one, and where nobody would see it.

    >>> with progress(16, "sweep", "shard"), progress(1000, "training", "step") as inner:
    ...     inner.disable
    True
    """
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and "IPKernelApp" in getattr(ipython.get_ipython(), "config", {})
    # tqdm's notebook bar draws a widget even where TQDM_DISABLE=1 silences it, so we look ourselves.
    seen = os.environ.get("TQDM_DISABLE", "0") in ("", "0") and (in_notebook or sys.stderr.isatty())
    with tqdm(total=total, desc=what, unit=unit, leave=False, disable=bool(_open) or not seen) as bar:
        _open.append(what)
        try:
            yield bar
        finally:
            _open.pop()


def show_no_progress() -> None:
    """Draw no bars in this process from now on: another process draws them."""
    _open.append("elsewhere")
