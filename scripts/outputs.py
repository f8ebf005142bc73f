"""Execute chapters in place and keep their outputs the way they are committed, which is what the tests compare.

Usage: python scripts/outputs.py CHAPTER ...
"""

import argparse
import os
import time

import nbformat
from nbclient import NotebookClient
from run_steps import ROOT, environment
from strip_images import stripped_text


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute chapters in place and keep their outputs.")
    parser.add_argument("chapters", nargs="+", help="their names in the folder book, as geometry", metavar="CHAPTER")
    paths = [ROOT / "book" / f"{name}.ipynb" for name in parser.parse_args().chapters]
    for path in paths:
        if not path.exists():
            parser.error(f"there is no chapter {path.stem!r} in the folder book")

    os.environ.update(environment())
    for path in paths:
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": path.parent}}
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()
        path.write_text(stripped_text(nbformat.writes(notebook)), encoding="utf-8", newline="\n")
        print(f"{path.stem}: executed in {time.perf_counter() - started:.0f} s; `git diff` shows what changed", flush=True)


if __name__ == "__main__":
    main()
