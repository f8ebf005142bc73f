"""Run the steps of `make book`, `make test` or `make links` one after the other, say what each does, and time it.

Usage: python scripts/run_steps.py {book,test,links}

It takes no make and no shell: the steps run in the environment that this Python belongs to, on any system.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
SITE = BUILD / "html" / "index.html"
BUILT_FROM = BUILD / "built_from"  # see `book_as_it_is`


class Step(NamedTuple):
    name: str
    seconds: int  # about how long it takes on two cores
    command: tuple[str, ...]  # see `in_full`
    variables: Mapping[str, str] = MappingProxyType({})


NBVAL = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=1200")
SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile")  # chapters, as many as there are cores
EXECUTE = ("python", "scripts/execute.py")
BOOK = ("jupyter-book", "build", "--all", ".")

STEPS = {
    "book": [
        Step("execute the chapters that changed, side by side", 550, EXECUTE),
        Step("build the book", 80, BOOK),
    ],
    "test": [
        Step("ruff: lint", 1, ("ruff", "check", ".")),
        Step("ruff: format", 1, ("ruff", "format", "--check", ".")),
        Step("no image data in the chapters", 1, ("python", "scripts/strip_images.py", "--check", "book")),
        Step("mypy", 30, ("mypy",)),
        Step("unit tests and docstring examples", 300, ("pytest", "-q", "--durations=5")),
        # One thread each, see scripts/execute.py; `make machines` tries other numbers.
        Step(
            "every chapter, its outputs compared",
            600,
            ("pytest", "-v", *NBVAL, *SIDE_BY_SIDE, "book"),
            {"OMP_NUM_THREADS": "1"},
        ),
        Step("execute the chapters side by side, for their figures", 550, EXECUTE),
        Step("strict build: warnings are errors", 80, (*BOOK, "-W", "-n", "--keep-going")),
        Step("the built pages", 30, ("pytest", "-q", "tests/site")),
        Step("the built pages in a browser", 290, ("pytest", "-q", "-rs", "tests/browser")),
    ],
    "links": [
        Step("ask for every address on other sites", 60, (*BOOK, "--builder", "linkcheck", "--path-output", "_build/links")),
    ],
}


def environment() -> dict[str, str]:
    """The variables that every step runs with."""
    return os.environ | {
        "TQDM_DISABLE": "1",  # progress bars would end up in the pages
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",  # on every system
        # Models this small make thousands of short parallel regions a second. Where another process holds one of the
        # cores, threads that spin while they wait (the default) make training fifty times slower, not two.
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000"),
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]),
    }


def in_full(command: Sequence[str]) -> list[str]:
    """The command with the path of its program: this Python, or what is installed beside it.

    Windows would look for it on the PATH of this process, and not on that of `environment`.
    """
    name, *arguments = command
    path = sys.executable if name == "python" else shutil.which(name, path=environment()["PATH"])
    if path is None:
        sys.exit(f"Error: {name} is not installed for {sys.executable}: pip install -c constraints.txt -e .[book,test]")
    return [path, *arguments]


def clear(target: str) -> None:
    """Remove what was built, since a page whose chapter is gone must not linger; only tests compute all outputs anew."""
    if target == "links" or not BUILD.exists():
        return
    for path in BUILD.iterdir():
        if target == "test" or path.name != "executed":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def book_as_it_is() -> str:
    """What changes with any file, installed version or variable that the pages depend on."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from kept_outputs import fingerprint

    pages = [f"book/{path.name}" for path in (ROOT / "book").iterdir() if path.name != "package"]  # which the build writes
    return fingerprint(ROOT, ("supertoy", *pages, "_config.yml", "_toc.yml"), ("SUPERTOY_", "BOOK_"))


def run(step: Step) -> bool:
    """Run one step in the root of the repository, its output streaming to the terminal; say whether it passed."""
    return subprocess.run(in_full(step.command), cwd=ROOT, env={**environment(), **step.variables}).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=STEPS)
    target = parser.parse_args().target
    steps = STEPS[target]
    if (
        target == "book"
        and SITE.exists()
        and BUILT_FROM.exists()
        and BUILT_FROM.read_text(encoding="utf-8") == book_as_it_is()
    ):
        print(f"== nothing has changed since this was built: {SITE}")
        return 0
    print(f"== {target}: {len(steps)} steps, about {sum(step.seconds for step in steps) / 60:.0f} min", flush=True)

    clear(target)
    as_it_is = book_as_it_is()  # what is changed while the book is built may be in it or not
    lines = []
    for number, step in enumerate(steps, 1):
        print(f"\n== [{number}/{len(steps)}] {step.name} (about {step.seconds} s)", flush=True)
        started = time.perf_counter()
        passed = run(step)
        lines.append(f"{time.perf_counter() - started:7.1f} s  {step.name}")
        if not passed:
            print(f"\n== {target} stopped: step {number}, {step.name}, failed (its output is above).", flush=True)
            return 1

    print(f"\n== {target} is done:", *lines, sep="\n", flush=True)
    if target != "links":
        BUILT_FROM.write_text(as_it_is, encoding="utf-8")
    if SITE.exists():
        print(f"== The book: {SITE}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
