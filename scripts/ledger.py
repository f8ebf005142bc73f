"""Run every chapter with fresh seeds, and keep how often each claim holds in book/data/ledger.json.

Usage: python scripts/ledger.py SEEDS [--verify N] [--only CHAPTER ...] [--scheduler ADDRESS] [--workers N]

The file is written after every run, and a call that was stopped goes on from there. With --verify no seed is new: the first
N kept runs of each chapter whose code changed run again, and if they find the same, all its runs are kept. With --scheduler
the runs go to a Dask cluster whose workers see this folder; without, some run side by side, each in one thread.
"""

import argparse
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from supertoy.chapters import CHAPTERS
from supertoy.ledger import reruns

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "book" / "data" / "ledger.json"
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")


def main() -> int:
    names = [chapter.name for chapter in CHAPTERS if chapter.sections]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=at_least_1, help="how many fresh seeds")
    parser.add_argument("--verify", type=at_least_1, metavar="N", help="keep runs after a change that changes no result")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="the others keep what they have")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler")
    parser.add_argument("--workers", type=at_least_1, default=2, help="runs side by side without a scheduler")
    options = parser.parse_args()

    paths = [ROOT / "book" / f"{name}.ipynb" for name in options.only]
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name).partition("+")[0] for name in PACKAGES},
    }
    with executor(options.scheduler, options.workers) as workers:
        if options.verify:
            return told(reruns.verify_chapters(paths, options.verify, workers, KEPT, about))
        # Chapters look at seeds from 0 on, and at few of them: these are all new.
        reruns.run_chapters(paths, [1000 * k for k in range(1, options.seeds + 1)], workers, KEPT, about)
    print(f"{len(paths)} chapters over {options.seeds} seeds are in {KEPT.relative_to(ROOT)}")
    return 0


def told(differences: dict[str, list[str]]) -> int:
    """Print what verification found; the exit code."""
    for name, lines in differences.items():
        print(
            f"{name}: " + "\n  ".join(["does not find the same, so its runs stay marked", *lines] if lines else ["verified"])
        )
    if not differences:
        print("no kept runs are older than the code")
    return int(any(differences.values()))


def at_least_1(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text}")
    return int(text)


def executor(scheduler: str | None, n_workers: int) -> Executor:
    """Where chapters run: each in a kernel, which is a process of its own, so that threads are enough to wait for them."""
    if scheduler is None:
        return ThreadPoolExecutor(n_workers)
    from distributed import Client

    executor: Executor = Client(scheduler).get_executor()
    return executor


if __name__ == "__main__":
    sys.exit(main())
