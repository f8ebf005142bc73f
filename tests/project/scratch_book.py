"""A small book with the configuration of the real one, built the way the real one is."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parents[2]
COPIED = ("_config.yml", "book/_ext", "book/references.bib", "book/static", "scripts")


def make(root: Path, pages: Mapping[str, str], chapters: Mapping[str, str]) -> Path:
    """A book in `root` with these pages in Markdown, the first one its root, and these chapters of one code cell each."""
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    for name, text in pages.items():
        (root / "book" / f"{name}.md").write_text(text, encoding="utf-8")
    for name, code in chapters.items():
        write_chapter(root, name, code)
    list_pages(root, *pages, *chapters)
    return root


def list_pages(root: Path, first: str, *others: str) -> None:
    """Write the table of contents."""
    toc = {"format": "jb-book", "root": f"book/{first}", "chapters": [{"file": f"book/{name}"} for name in others]}
    (root / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")


def write_chapter(root: Path, name: str, code: str, text: str = "A chapter.") -> None:
    """A notebook that was not executed, under a title and one sentence."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# {name}\n\n{text}"), nbformat.v4.new_code_cell(code)]
    nbformat.write(notebook, root / "book" / f"{name}.ipynb")


def environment(**variables: str) -> dict[str, str]:
    """The variables of this process without those that books look at, with these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOOK_")}
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return kept | {"PATH": path} | variables


def build(root: Path, target: str = "book", **variables: str) -> subprocess.CompletedProcess[str]:
    """`make book` or another target, without make."""
    command = [sys.executable, "scripts/run_steps.py", target]
    return subprocess.run(command, cwd=root, env=environment(**variables), capture_output=True, text=True)


def page(root: Path, name: str) -> str:
    """The built page."""
    return (root / "_build" / "html" / "book" / f"{name}.html").read_text(encoding="utf-8")
