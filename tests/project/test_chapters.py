"""Every chapter is committed the way nbval can compare it: run from top to bottom, outputs kept."""

from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


@each_chapter
def test_every_cell_was_run_in_order(path):
    # nbval compares nothing for a cell without an execution count.
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_chapter
def test_no_stored_output_is_an_error_or_a_warning(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


@each_chapter
def test_kernel_has_the_name_that_every_machine_knows(path):
    assert nbformat.read(path, as_version=4).metadata.kernelspec.name == "python3"


def test_every_page_of_the_book_is_in_its_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = {toc["root"]} | {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    pages = [path for path in (ROOT / "book").iterdir() if path.suffix in (".ipynb", ".md")]
    assert {f"book/{path.stem}" for path in pages} == listed
