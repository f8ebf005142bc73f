"""Execute the chapters that changed, as many side by side as there are cores, and keep their outputs for the build.

Usage: python scripts/execute.py

The build, which would execute them one after the other, finds their outputs where `kept_outputs` keeps them.
"""

import json
import logging
import os
import sys
from itertools import zip_longest
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from run_steps import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import kept_outputs


def main() -> int:
    if "BOOK_ONLY" in os.environ:  # the build executes that chapter, and no other
        return 0
    # Models this small gain little from a second thread, and much from having a core to themselves.
    os.environ["OMP_NUM_THREADS"] = "1"
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    folder = kept_outputs.kept_in(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    cache = get_cache(folder)
    chapters = [cache.add_nb_to_project(str(path)).uri for path in balanced(executed_here())]
    executor = load_executor("local-parallel", cache, logging.getLogger())
    result = executor.run_and_cache(filter_uris=chapters, timeout=1200)
    return 1 if result.errored or result.excepted else 0


def executed_here() -> list[Path]:
    """The chapters, but for those that the build executes whatever is kept; the ones with the most code first."""
    paths = sorted((ROOT / "book").glob("*.ipynb"), key=lambda path: path.stat().st_size, reverse=True)
    settings = [json.loads(path.read_text(encoding="utf-8"))["metadata"].get("mystnb", {}) for path in paths]
    return [path for path, each in zip(paths, settings, strict=True) if each.get("execution_mode") != "force"]


def balanced(paths: list[Path]) -> list[Path]:
    """Of chapters, the longest first, an order in which no core waits long for another at the end.

    Long ones first; and since the executor hands chapters out two at a time on two cores, a short one after each.
    """
    half = (len(paths) + 1) // 2
    pairs = zip_longest(paths[:half], reversed(paths[half:]))
    return [path for pair in pairs for path in pair if path is not None]


if __name__ == "__main__":
    sys.exit(main())
