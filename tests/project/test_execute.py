"""Chapters are executed side by side, each with a core to itself, and the build finds their outputs."""

import json
import subprocess
import sys

import nbformat
import pytest

from tests.project import scratch_book

CODE = "import os; print('threads=' + os.environ['OMP_NUM_THREADS'])"


@pytest.fixture
def root(tmp_path):
    root = scratch_book.make(
        tmp_path, {"index": "# A book"}, {"one": CODE, "two": f"{CODE}  # too", "reading": "print('reads')"}
    )
    path = root / "book" / "reading.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["mystnb"] = {"execution_mode": "force"}
    nbformat.write(notebook, path)
    return root


def execute(root, **variables):
    command = [sys.executable, "scripts/execute.py"]
    return subprocess.run(command, cwd=root, env=scratch_book.environment(**variables), capture_output=True, text=True)


def kept(root):
    return [
        output["text"]
        for path in sorted((root / "_build" / "executed").rglob("base.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell["outputs"]
    ]


def test_what_changed_is_executed_and_kept(root):
    first = execute(root)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 chapters" in first.stdout
    # Chapters that read others are left to the build, after all others.
    assert kept(root) == [["threads=1\n"]] * 2

    scratch_book.write_chapter(root, "two", f"{CODE}  # anew")
    assert "1 of 2 chapters" in execute(root).stdout
    assert "0 of 2 chapters" in execute(root).stdout


@pytest.mark.parametrize(("code", "error"), [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(1)", "DeadKernelError")])
def test_a_chapter_that_fails_is_shown_and_fails_the_step(root, code, error):
    scratch_book.write_chapter(root, "two", code)
    failed = execute(root)
    assert failed.returncode == 1
    assert "two.ipynb" in failed.stderr
    assert error in failed.stderr
    assert len(kept(root)) == 1


def test_chapters_of_the_same_code_do_not_get_in_each_others_way(root):
    for name in ("two", "three", "four"):
        scratch_book.write_chapter(root, name, CODE)
    assert execute(root).returncode == 0
    assert kept(root) == [["threads=1\n"]]


def test_processes_that_start_from_nothing_as_on_windows_and_macos_do_the_same(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    start = "import multiprocessing\nmultiprocessing.set_start_method('spawn')\nprint('== spawned')\n"
    (folder / "sitecustomize.py").write_text(start, encoding="utf-8")
    done = execute(root, PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stderr
    assert "== spawned" in done.stdout
    assert kept(root) == [["threads=1\n"]] * 2


def test_while_one_chapter_is_written_the_build_executes_it(root):
    assert execute(root, BOOK_ONLY="one").returncode == 0
    assert not (root / "_build").exists()


def test_large_chapters_start_first(root):
    assert execute(root).returncode == 0
    scratch_book.write_chapter(root, "one", f"{CODE}  # anew")
    scratch_book.write_chapter(root, "two", f"{CODE}  # {1000 * 'longer '}")
    assert "2 of 2 chapters to execute: two, one" in execute(root).stdout
