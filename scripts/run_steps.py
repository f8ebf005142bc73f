"""Run the steps of `make book`, `make test`, `make check` or `make links` one after the other, and time each.

Usage: python scripts/run_steps.py {book,test,check,links} [SINCE]

`check` runs the tests of what differs from the commit SINCE, by default from the last one, and says what it leaves out.

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
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
SITE = BUILD / "html" / "index.html"
STRUCTURE = "tests/project/test_package.py"
BUILT_FROM = BUILD / "built_from"  # see `book_as_it_is`


class Step(NamedTuple):
    name: str
    seconds: int  # about how long it takes on two cores
    command: tuple[str, ...]  # see `in_full`
    variables: Mapping[str, str] = MappingProxyType({})


NBVAL = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=1200")
# As many as there are cores, each with a core to itself: models this small gain little from a second thread.
SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
BOOK = ("jupyter-book", "build", "--all", ".")
STYLE = [
    Step("ruff: lint", 1, ("ruff", "check", ".")),
    Step("ruff: format", 1, ("ruff", "format", "--check", ".")),
    Step("no image data in the chapters", 1, ("python", "scripts/strip_images.py", "--check", "book")),
    Step("mypy", 20, ("mypy",)),  # seconds when little has changed
]

STEPS = {
    "book": [
        Step("execute the chapters that changed, side by side", 420, ("python", "scripts/execute.py")),
        Step("build the book", 40, BOOK),
    ],
    "test": [
        *STYLE,
        # In the order of collection, since the files with the fewest tests have the longest.
        Step(
            "unit tests and docstring examples",
            220,
            ("pytest", "-q", "--durations=5", *SIDE_BY_SIDE, "--no-loadscope-reorder"),
            ONE_THREAD,
        ),
        Step(
            "every chapter, its outputs compared and kept for the build",
            420,
            ("pytest", "-v", "--keep", *NBVAL, *SIDE_BY_SIDE, "book"),
            ONE_THREAD,  # `make machines` tries other numbers
        ),
        Step("strict build: warnings are errors", 40, (*BOOK, "-W", "-n", "--keep-going")),
        Step(
            "the built pages, in a browser too",
            140,
            ("pytest", "-q", "-rs", "-n", "auto", "--dist", "loadgroup", "tests/site", "tests/browser"),
            ONE_THREAD,
        ),
    ],
    "check": STYLE,  # and `tests_of` what changed
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
    if target not in ("book", "test") or not BUILD.exists():
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


def changed(since: str) -> list[str]:
    """Files that differ from a commit, new ones included, as git names them."""
    listed = ""
    for command in (
        ("diff", "--name-only", "--no-renames", "-z", since),
        ("ls-files", "--others", "--exclude-standard", "-z"),
    ):
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"Error: {done.stderr.strip()}")
        listed += done.stdout
    return sorted(filter(None, listed.split("\0")))


def tests_of(path: str) -> list[str]:
    """What pytest runs in a minute after a change of this file: a whole room, or in the core what has the file's name."""
    match PurePosixPath(path).parts:
        case ["supertoy" | "tests", "chapters", room, _, *_]:
            found = [f"supertoy/chapters/{room}", f"tests/chapters/{room}", "tests/chapters/test_claims.py", STRUCTURE]
        case ["supertoy", *folders, file] if file != "__init__.py":
            mirror = "/".join(["tests", *folders])
            alike = f"{mirror}/test_{file.lstrip('_')}"
            found = [path, alike if (ROOT / alike).exists() or not folders else mirror, STRUCTURE]
        case ["supertoy", *_]:
            found = [STRUCTURE]
        case ["tests", "site" | "browser", *_]:  # they look at the built book
            found = []
        case ["tests", *_, file] if file.startswith("test_"):
            found = [path]
        case ["book", "_ext", file] | ["scripts", file]:
            found = [f"tests/project/test_{file}"]
        case ["book", file] if file.endswith(".ipynb"):
            found = ["tests/project/test_chapters.py"]
        case _:
            found = []
    return [name for name in found if (ROOT / name).is_dir() or (name.endswith(".py") and (ROOT / name).exists())]


def run(step: Step) -> bool:
    """Run one step in the root of the repository, its output streaming to the terminal; say whether it passed."""
    return subprocess.run(in_full(step.command), cwd=ROOT, env={**environment(), **step.variables}).returncode == 0


def tests_of_changes(since: str) -> tuple[list[Step], list[str]]:
    """The tests of all that changed, side by side, and in words what is left to other commands."""
    paths = changed(since)
    tests = {path: tests_of(path) for path in paths}
    left = [f"== changed since {since}: {len(paths)}; what that may break elsewhere is left to `make test`"]
    for path in paths:
        if path.startswith("book/") and path.endswith(".ipynb"):
            left.append(f"== {path}: left to `make outputs CHAPTER={Path(path).stem}` and `make test`")
        elif not tests[path]:
            left.append(f"== {path}: left to `make test`")
    names = sorted({name for found in tests.values() for name in found})
    command = ("pytest", "-q", "-n", "auto", "--dist", "worksteal", *names)
    return [Step(f"the tests of what changed: {' '.join(names)}", 30, command, ONE_THREAD)] if names else [], left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=STEPS)
    parser.add_argument("since", nargs="?", default="HEAD", help="a commit, for check")
    options = parser.parse_args()
    target = options.target
    tests, left = tests_of_changes(options.since) if target == "check" else ([], [])
    steps = STEPS[target] + tests
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

    print(f"\n== {target} is done:", *lines, *left, sep="\n", flush=True)
    if target in ("book", "test"):
        BUILT_FROM.write_text(as_it_is, encoding="utf-8")
        print(f"== The book: {SITE}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
