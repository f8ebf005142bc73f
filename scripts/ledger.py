"""Run every chapter with fresh seeds, and keep how often each claim holds in book/data/ledger.json.

Usage: python scripts/ledger.py SEEDS [--scheduler ADDRESS] [--workers N] [--only CHAPTER ...]

The file is written after every run, and a call that was stopped goes on from there. With --scheduler the runs go to a
Dask cluster whose workers see this folder; without, N of them run side by side, each in one thread.
"""

import argparse
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from supertoy.ledger import reruns, tables

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "book" / "data" / "ledger.json"
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, help="how many fresh seeds")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--workers", type=int, default=2, help="runs side by side without a scheduler")
    parser.add_argument("--only", nargs="+", help="names of chapters; the others keep what they have")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error(f"seeds must be at least 1, got {options.seeds}")

    chapters = tables.chapters_with_claims(ROOT / "book")
    if options.only:
        unknown = set(options.only) - {path.stem for path in chapters}
        if unknown:
            parser.error(f"chapters with claims are {', '.join(path.stem for path in chapters)}; got {min(unknown)}")
        chapters = [path for path in chapters if path.stem in options.only]
    paths = [str(path) for path in chapters]
    # Chapters look at seeds from 0 on, and at few of them: these are all new.
    seeds = [1000 * k for k in range(1, options.seeds + 1)]

    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name).partition("+")[0] for name in PACKAGES},
    }
    with executor(options.scheduler, options.workers) as workers:
        reruns.run_chapters(paths, seeds, workers, KEPT, about)
    print(f"{len(paths)} chapters over {len(seeds)} seeds are in {KEPT.relative_to(ROOT)}")
    return 0


def executor(scheduler: str | None, n_workers: int) -> Executor:
    """Where chapters run: each in a kernel, which is a process of its own, so that threads are enough to wait for them."""
    if scheduler is None:
        return ThreadPoolExecutor(n_workers)
    from distributed import Client

    executor: Executor = Client(scheduler).get_executor()
    return executor


if __name__ == "__main__":
    sys.exit(main())
