"""The seeds of a chapter, which the environment can change."""

import os

from supertoy._util import checks
from supertoy._util.border import guard


def chapter_seeds(n: int) -> range:
    """The seeds of a chapter: 0 to n - 1, unless the environment says otherwise.

    >>> list(chapter_seeds(3))
    [0, 1, 2]

    `SUPERTOY_SEED` is then the first seed, and `SUPERTOY_N_SEEDS` how many there are. `make ledger` uses both, so that a
    chapter runs again with others, unchanged.

    Raises:
        ValueError: n below 1, or an environment variable that is no number, or one that is out of range.
    """
    checks.require_int(n=n, at_least=1)
    first, n = _from_environment("SUPERTOY_SEED", 0), _from_environment("SUPERTOY_N_SEEDS", n)
    checks.require_int(SUPERTOY_SEED=first, at_least=0)
    checks.require_int(SUPERTOY_N_SEEDS=n, at_least=1)
    return range(first, first + n)


def _from_environment(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number, got {text!r}")
    return int(text)


guard(__name__)
