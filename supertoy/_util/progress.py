"""Progress bars, for whoever looks: in a terminal or a notebook, and one at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

_open: list[str] = []  # what each open bar is about; only the first of them shows


@contextmanager
def progress(total: int, what: str, unit: str) -> Iterator["tqdm[None]"]:
    """A bar with the remaining time; silent inside another one, and where nobody would see it.

    Args:
        total: how many units of work there are.
        what: is going on.
        unit: of work, as in "step".

    >>> with progress(16, "sweep", "shard"), progress(1000, "training", "step") as inner:
    ...     inner.disable
    True
    """
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and "IPKernelApp" in getattr(ipython.get_ipython(), "config", {})
    # tqdm's notebook bar draws a widget even where TQDM_DISABLE=1 silences it, so it is not asked at all.
    seen = os.environ.get("TQDM_DISABLE", "0") in ("", "0") and (in_notebook or sys.stderr.isatty())
    with tqdm(total=total, desc=what, unit=unit, leave=False, disable=bool(_open) or not seen) as bar:
        _open.append(what)
        try:
            yield bar
        finally:
            _open.pop()


def show_no_progress() -> None:
    """From now on draw no bars in this process: another one draws them."""
    _open.append("elsewhere")
