import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

SCRIPT = Path(__file__).parents[2] / "scripts" / "strip_images.py"
spec = importlib.util.spec_from_file_location("strip_images", SCRIPT)
strip_images = importlib.util.module_from_spec(spec)
spec.loader.exec_module(strip_images)

TEXT = "<Figure size 900x300 with 3 Axes>"


@pytest.fixture
def chapter(tmp_path):
    """A notebook as an editor leaves it: figures, run times, widget state."""
    figure = new_output(
        "display_data",
        {"image/svg+xml": "<svg/>", "image/png": "aGk=", "text/html": "<script>", "text/plain": TEXT},
        metadata={"image/png": {"width": 900}},
    )
    words = new_output("stream", name="stdout", text="reproduced\n")
    cell = new_code_cell("draw()", execution_count=1, outputs=[words, figure])
    cell.metadata.execution = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    cell.metadata.mystnb = {"image": {"alt": "a square"}}
    notebook = new_notebook(cells=[cell])
    notebook.metadata.update(widgets={"state": {}}, language_info={"name": "python", "version": "3.11.7"})
    path = tmp_path / "chapter.ipynb"
    nbformat.write(notebook, path)
    return path


def test_images_and_run_times_go_and_text_stays(chapter):
    assert strip_images.main([str(chapter)]) == 1
    notebook = nbformat.read(chapter, as_version=4)
    [cell] = notebook.cells
    words, figure = cell.outputs
    assert words.text == "reproduced\n"
    assert figure.data == {"text/plain": TEXT}
    assert figure.metadata == {}
    assert cell.metadata == {"mystnb": {"image": {"alt": "a square"}}}
    assert cell.execution_count == 1
    assert notebook.metadata == {"language_info": {"name": "python"}}


def test_a_stripped_notebook_is_not_written_again(chapter):
    strip_images.main([str(chapter)])
    before = chapter.stat().st_mtime_ns, chapter.read_text(encoding="utf-8")
    assert strip_images.main([str(chapter)]) == 0
    assert (chapter.stat().st_mtime_ns, chapter.read_text(encoding="utf-8")) == before


def test_check_says_which_notebook_would_change_and_writes_nothing(chapter, capsys):
    before = chapter.read_text(encoding="utf-8")
    assert strip_images.main(["--check", str(chapter.parent)]) == 1
    assert chapter.name in capsys.readouterr().out
    assert chapter.read_text(encoding="utf-8") == before
    strip_images.main([str(chapter)])
    assert strip_images.main(["--check", str(chapter.parent)]) == 0


def test_folders_are_searched_and_checkpoints_left_out(chapter):
    checkpoint = chapter.parent / ".ipynb_checkpoints" / "chapter.ipynb"
    checkpoint.parent.mkdir()
    checkpoint.write_text(chapter.read_text(encoding="utf-8"))
    assert strip_images.notebooks([chapter.parent]) == [chapter]
