"""Execute the chapters that changed, as many side by side as there are cores, and keep their outputs for the build.

Usage: python scripts/execute.py

The build, which would execute them one after the other, finds their outputs where `kept_outputs` keeps them.
"""

import multiprocessing
import os
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

import nbformat
from jupyter_cache.executors.utils import single_nb_execution
from run_steps import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import kept_outputs

SECONDS_FOR_A_CELL = 1200


class Executed(NamedTuple):
    path: Path
    notebook: nbformat.NotebookNode
    seconds: float
    error: str | None


def main() -> int:
    if "BOOK_ONLY" in os.environ:  # the build executes that chapter, and no other
        return 0
    # Models this small gain little from a second thread, and much from having a core to themselves.
    os.environ["OMP_NUM_THREADS"] = "1"
    cache = kept_outputs.kept(ROOT)
    chapters = largest_first()
    changed = [path for path in chapters if not kept_outputs.is_kept(path, cache)]
    names = ", ".join(path.stem for path in changed) or "none"
    print(f"== {len(changed)} of {len(chapters)} chapters to execute: {names}", flush=True)
    n_failed = 0
    # jupyter-cache's own executor hands chapters out in pairs, and its workers write side by side what they keep.
    with multiprocessing.Pool() as pool:
        for done in pool.imap_unordered(execute, changed):
            if done.error is None:
                kept_outputs.keep(done.path, done.notebook, cache)
                print(f"== {done.path.stem}: {done.seconds:.0f} s", flush=True)
            else:
                n_failed += 1
                print(f"== {done.path} failed:\n{done.error}", file=sys.stderr, flush=True)
    return 1 if n_failed else 0


def largest_first() -> list[Path]:
    """The chapters, but for those that the build executes whatever is kept.

    Large files mostly take long, and what takes long starts first, so that no core waits long for another at the end.
    """
    paths = sorted((ROOT / "book").glob("*.ipynb"), key=lambda path: path.stat().st_size, reverse=True)
    return [path for path in paths if read(path).metadata.get("mystnb", {}).get("execution_mode") != "force"]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def execute(path: Path) -> Executed:
    """The chapter with its outputs, and what went wrong where something did."""
    notebook = read(path)
    try:
        result = single_nb_execution(notebook, str(path.parent), SECONDS_FOR_A_CELL, allow_errors=False)
    except Exception:  # the kernel died, say: shown with the chapter's name, and the others go on
        return Executed(path, notebook, 0.0, traceback.format_exc())
    return Executed(path, result.nb, result.time, result.exc_string)


if __name__ == "__main__":
    sys.exit(main())
