"""What chapters drew while their outputs were compared is what the build shows."""

import json
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.project import scratch_book

CODE = "from IPython.display import HTML, display; print('before'); display(HTML('<i>drawn</i>')); print('after')"
BEFORE, AFTER = (new_output("stream", name="stdout", text=f"{word}\n") for word in ("before", "after"))
DRAWN = new_output("display_data", {"text/plain": "<IPython.core.display.HTML object>"})


def chapter(code, *outputs):
    """A notebook whose first cell prints nothing, with the outputs of its second one as they are committed."""
    cells = [new_code_cell("n = 1", execution_count=1), new_code_cell(code, execution_count=2, outputs=[*outputs])]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture
def root(tmp_path):
    root = scratch_book.make(tmp_path, {"index": "# A book"}, {})
    nbformat.write(chapter(CODE, BEFORE, DRAWN, AFTER), root / "book" / "right.ipynb")
    nbformat.write(chapter("print('after')", BEFORE), root / "book" / "wrong.ipynb")
    nbformat.write(chapter(f"{CODE}  # in part", BEFORE, DRAWN, AFTER), root / "book" / "part.ipynb")
    return root


def compared(root, *options):
    """What is kept of the chapters after nbval has executed them: the outputs of their last cells."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--rootdir=.", "-p", "conftest", *options]
    path = f"{scratch_book.ROOT}:{root / 'book' / '_ext'}"
    done = subprocess.run(command, cwd=root, env=scratch_book.environment(PYTHONPATH=path), capture_output=True, text=True)
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    paths = (root / "_build").rglob("base.ipynb")
    return [json.loads(path.read_text(encoding="utf-8"))["cells"][-1]["outputs"] for path in paths]


@pytest.mark.parametrize("side_by_side", [(), ("-n", "2", "--dist", "loadfile")])
def test_chapters_that_pass_are_kept_as_they_were_shown(root, side_by_side):
    chosen = ("--deselect", "book/part.ipynb::Cell 0", "book")
    [outputs] = compared(root, "--keep", *side_by_side, *chosen)
    # nbval compares what is printed as one text; on a page the drawing stands where it was shown.
    assert [output["output_type"] for output in outputs] == ["stream", "display_data", "stream"]
    assert outputs[1]["data"]["text/html"] == ["<i>drawn</i>"]

    executed = subprocess.run([sys.executable, "scripts/execute.py"], cwd=root, capture_output=True, text=True)
    assert "2 of 3 chapters to execute: part, wrong" in executed.stdout


def test_nothing_is_kept_unless_asked_for(root):
    assert compared(root, "--deselect", "book/part.ipynb::Cell 0", "book") == []
