"""Chapters run again with fresh seeds, and what they find is kept."""

from concurrent.futures import Executor, ThreadPoolExecutor

import nbformat
import pytest

from supertoy.ledger import reruns, tables

# A chapter that judges two claims: one that depends on the seed, and one that never holds.
CELLS = """
import torch
import supertoy as st
from supertoy.chapters import chapter_seeds, features, strategic_picture

SEEDS = chapter_seeds(3)
---
angle = [0.0 if seed % 2000 else 1.0 for seed in SEEDS]
rising = torch.tensor([1.0, 2.0, 3.0])
---
st.claims.Table([
    st.claims.check("features/king-queen", [{"answers": [("queen" if a else "king", 0.9)]} for a in angle]),
    st.claims.check("strategic/hybrid", [{"features_per_dimension": rising, "missed": 1 + rising.flip(0)} for _ in SEEDS]),
])
"""


@pytest.fixture
def chapter(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.split("---")]
    path = tmp_path / "small.ipynb"
    nbformat.write(notebook, path)
    return str(path)


def test_runs_are_kept_and_counted_and_not_run_twice(chapter, tmp_path):
    path = tmp_path / "ledger.json"
    with ThreadPoolExecutor(2) as executor:
        reruns.run_chapters([chapter], [1000, 2000], executor, path, {"date": "today"})
        before = reruns.read_kept(path)
        reruns.run_chapters([chapter], [1000, 2000], NoExecutor(), path)
        reruns.run_chapters([chapter], [2000, 4000], executor, path)
    runs = reruns.read_kept(path)["small"]["runs"]
    assert before["small"]["date"] == "today"
    assert before["small"]["runs"]["1000"] == {
        "features/king-queen": {"held": False, "some": False},
        "strategic/hybrid": {"held": False, "some": False},
    }
    assert [*runs] == ["1000", "2000", "4000"]
    assert {seed: found["features/king-queen"]["held"] for seed, found in runs.items()} == {
        "1000": False,
        "2000": True,
        "4000": True,
    }
    counted = tables.over_runs("features/king-queen", reruns.read_kept(path)["small"])
    assert (counted.held, counted.some, counted.n) == (2, 2, 3)


class NoExecutor(Executor):
    def submit(self, *_):
        raise AssertionError("nothing is to be run")


def test_a_cell_that_fails_names_the_chapter_and_the_seed(chapter, tmp_path):
    notebook = nbformat.read(chapter, 4)
    notebook.cells[1].source = "raise ValueError('no such angle')"
    nbformat.write(notebook, chapter)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(RuntimeError, match=r"small.ipynb failed with seed 1000(.|\n)*no such angle"),
    ):
        reruns.run_chapters([chapter], [1000], executor, tmp_path / "ledger.json")


def test_cells_to_explore_are_not_part_of_the_experiment(chapter, tmp_path):
    before = nbformat.read(chapter, 4)
    extended = nbformat.read(chapter, 4)
    extended.cells.insert(1, nbformat.v4.new_code_cell("raise AssertionError", metadata={"tags": ["explore"]}))
    nbformat.write(extended, chapter)
    assert reruns.fingerprint(extended) == reruns.fingerprint(before)
    assert "strategic/hybrid" in reruns.run_chapter(chapter, 1000)
    extended.cells[1].metadata.tags = []
    assert reruns.fingerprint(extended) != reruns.fingerprint(before)
