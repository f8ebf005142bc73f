"""Take image data out of notebooks before they are committed; text outputs stay, since the tests compare them.

Usage: python scripts/strip_images.py [--check] NOTEBOOK_OR_FOLDER ...

What goes: image data of every kind, explorers (outputs in HTML, which are pictures that move), the run times of cells,
live widgets and their state, and the version of the Python that ran the notebook. A notebook is written only when that
changes it. The exit code is 1 when a notebook was changed, or with --check when one would be.
"""

import argparse
import sys
from pathlib import Path

import nbformat

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml", "application/pdf", "text/html")
LIVE = ("application/vnd.jupyter.widget-view+json",)  # points to a widget of a kernel that is gone


def strip(notebook: nbformat.NotebookNode) -> None:
    """Remove from the notebook, in place, what a commit should not carry."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        for timing in ("execution", "ExecuteTime"):
            cell.metadata.pop(timing, None)
        for output in cell.get("outputs", []):
            for mime_type in IMAGES + LIVE:
                output.get("data", {}).pop(mime_type, None)
                output.get("metadata", {}).pop(mime_type, None)


def stripped_text(text: str) -> str:
    """The notebook file `text` without its images, in nbformat's own formatting.

    >>> cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", {"image/png": "aGk="})])
    >>> "aGk=" in stripped_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    False
    """
    notebook = nbformat.reads(text, as_version=4)
    strip(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def notebooks(paths: list[Path]) -> list[Path]:
    """The notebooks among the paths, and those anywhere in the folders among them."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Take image data out of notebooks.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="NOTEBOOK_OR_FOLDER")
    parser.add_argument("--check", action="store_true", help="write nothing, only say which notebooks would change")
    options = parser.parse_args(arguments)

    changed = False
    for path in notebooks(options.paths):
        before = path.read_text(encoding="utf-8")
        after = stripped_text(before)
        if after == before:
            continue
        changed = True
        if options.check:
            print(f"{path} carries image data or run times; run: python scripts/strip_images.py {path}")
        else:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"{path}: stripped")
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
