"""Execute the chapters that changed, as many side by side as there are cores, and keep their outputs for the build.

Usage: python scripts/execute.py

The build, which would execute them one after the other, finds their outputs where `kept_outputs` keeps them.
"""

import json
import multiprocessing
import os
import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors.basic import REPORT_LEVEL, ExecutionWorkerLocalMProc, ProcessData
from run_steps import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import kept_outputs

SECONDS_FOR_A_CELL = 1200


def main() -> int:
    if "BOOK_ONLY" in os.environ:  # the build executes that chapter, and no other
        return 0
    # Models this small gain little from a second thread, and much from having a core to themselves.
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = kept_outputs.kept_in(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    cache = get_cache(folder)
    order = [cache.add_nb_to_project(str(path)).uri for path in largest_first()]
    changed = sorted(cache.list_unexecuted(order), key=lambda chapter: order.index(chapter.uri))
    names = ", ".join(Path(chapter.uri).stem for chapter in changed)
    print(f"== {len(changed)} of {len(order)} chapters to execute: {names or 'none'}", flush=True)
    jobs = [ProcessData(chapter.pk, chapter.uri, cache, SECONDS_FOR_A_CELL, False) for chapter in changed]
    multiprocessing.log_to_stderr(REPORT_LEVEL)
    # jupyter-cache's own executor hands chapters out in pairs, in the order in which they first came.
    with multiprocessing.Pool() as pool:
        results = pool.map(ExecutionWorkerLocalMProc(), jobs, chunksize=1)
    return 1 if any(failed for failed, _ in results) else 0


def largest_first() -> list[Path]:
    """The chapters, but for those that the build executes whatever is kept.

    Large files mostly take long, and what takes long starts first, so that no core waits long for another at the end.
    """
    paths = sorted((ROOT / "book").glob("*.ipynb"), key=lambda path: path.stat().st_size, reverse=True)
    settings = [json.loads(path.read_text(encoding="utf-8"))["metadata"].get("mystnb", {}) for path in paths]
    return [path for path, each in zip(paths, settings, strict=True) if each.get("execution_mode") != "force"]


if __name__ == "__main__":
    sys.exit(main())
