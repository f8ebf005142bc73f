"""Chapters run again with fresh seeds, and what they find is kept."""

import importlib.util
import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from supertoy.chapters import CHAPTERS
from supertoy.ledger import reruns, tables
from supertoy.ledger.fingerprints import changed_parts, fingerprint

spec = importlib.util.spec_from_file_location("ledger_script", Path(__file__).parents[2] / "scripts" / "ledger.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

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


class Finding(Executor):
    """Runs nothing: what a run finds is given, by seed, and what else happens during each."""

    def __init__(self, runs, meanwhile=lambda: None):
        self.runs, self.meanwhile = runs, meanwhile

    def submit(self, _, path, seed):
        job = Future()
        job.set_result(self.runs[str(seed)])
        self.meanwhile()
        return job


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def test_runs_are_kept_and_counted_and_not_run_twice(chapter, tmp_path):
    path = tmp_path / "ledger.json"
    with ThreadPoolExecutor(2) as executor:
        reruns.run_chapters([chapter], [1000, 2000], executor, path, {"date": "today"})
        before = reruns.read_kept(path)
        reruns.run_chapters([chapter], [1000, 2000], Finding(None), path)
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


def test_a_cell_that_fails_names_the_chapter_and_the_seed(chapter, tmp_path):
    notebook = nbformat.read(chapter, 4)
    notebook.cells[1].source = "raise ValueError('no such angle')"
    nbformat.write(notebook, chapter)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(RuntimeError, match=r"small.ipynb failed with seed 1000(.|\n)*no such angle"),
    ):
        reruns.run_chapters([chapter], [1000], executor, tmp_path / "ledger.json")


def test_cells_to_explore_are_not_run(chapter):
    notebook = nbformat.read(chapter, 4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("raise AssertionError", metadata={"tags": ["explore"]}))
    nbformat.write(notebook, chapter)
    assert "strategic/hybrid" in reruns.run_chapter(chapter, 1000)


def test_a_chapter_that_changes_while_it_runs_is_not_kept(chapter, tmp_path):
    executor = Finding({"1000": {}}, meanwhile=lambda: edit(chapter, "1.0, 2.0", "1.5, 2.0"))
    with pytest.raises(RuntimeError, match=r"small\.ipynb, or what it imports, was changed while it ran"):
        reruns.run_chapters([chapter], [1000], executor, tmp_path / "ledger.json")
    assert reruns.read_kept(tmp_path / "ledger.json") == {}


def test_a_change_without_effect_is_told_from_one_with(chapter, tmp_path):
    path = tmp_path / "ledger.json"
    with ThreadPoolExecutor(2) as executor:
        reruns.run_chapters([chapter], [1000, 2000], executor, path, {"date": "today"})
        runs = reruns.read_kept(path)["small"]["runs"]
        edit(chapter, "if seed % 2000 else", "if seed % 2000 > 0 else")
        assert reruns.verify_chapters([chapter], 1, executor, path, {"date": "tomorrow"}) == {"small": []}
        assert reruns.read_kept(path) == {
            "small": {
                "code": fingerprint(chapter),
                "date": "today",
                "runs": runs,
                "verified": {"seeds": [1000], "date": "tomorrow"},
            }
        }
        assert reruns.verify_chapters([chapter], 1, Finding(None), path) == {}  # nothing is left to verify
        edit(chapter, "0.0 if seed % 2000 > 0 else 1.0", "1.0")
        [difference] = reruns.verify_chapters([chapter], 1, executor, path)["small"]
    assert difference.startswith("features/king-queen with seed 1000: {'held': False,")
    assert "verified" in reruns.read_kept(path)["small"]  # of the code before
    assert changed_parts(reruns.read_kept(path)["small"]["code"], chapter) == ["notebook"]


RUNS = {
    "1000": {"a/b": {"held": True, "some": True, "values": {"density": 0.39}}, "a/c": {"held": False, "some": True}},
    "9000": {"a/b": {"held": True, "some": True, "values": {"density": 0.4}}},
    "10000": {"a/b": {"held": False, "some": False}},
}


@pytest.fixture
def kept(chapter, tmp_path):
    """Runs of the chapter before it was changed."""
    path = tmp_path / "ledger.json"
    reruns.run_chapters([chapter], map(int, RUNS), Finding(RUNS), path)
    edit(chapter, "1.0, 2.0", "1.5, 2.0")
    return path


def test_the_first_runs_are_verified(chapter, kept):
    rounded = {"a/b": {"held": True, "some": True, "values": {"density": 0.4 * (1 + 1e-12)}}}  # sums in another order
    first = {"1000": RUNS["1000"], "9000": rounded}
    assert reruns.verify_chapters([chapter], 2, Finding(first), kept) == {"small": []}
    assert reruns.read_kept(kept)["small"]["verified"] == {"seeds": [1000, 9000]}


@pytest.mark.parametrize(
    ("seed", "found", "says"),
    [
        ("1000", RUNS["1000"] | {"a/c": {"held": True, "some": True}}, "a/c with seed 1000: "),
        ("1000", RUNS["1000"] | {"a/c": {"held": False, "some": False}}, "a/c with seed 1000: "),
        ("9000", {"a/b": {"held": True, "some": True, "values": {"density": 0.4000001}}}, "a/b with seed 9000: "),
        ("9000", RUNS["9000"] | {"a/c": {"held": True, "some": True}}, "a/c with seed 9000: None before"),
        ("10000", {}, "a/b with seed 10000: {'held': False, 'some': False} before, None now"),
    ],
)
def test_runs_stay_marked_where_one_finds_something_else(chapter, kept, seed, found, says):
    before = kept.read_text()
    [difference] = reruns.verify_chapters([chapter], 3, Finding(RUNS | {seed: found}), kept)["small"]
    assert difference.startswith(says)
    assert kept.read_text() == before


def test_runs_that_were_kept_with_an_older_kind_of_fingerprint_can_be_verified(chapter, kept):
    ledger = reruns.read_kept(kept)
    ledger["small"]["code"] = "5b8c1c7efa6017f2"
    kept.write_text(json.dumps(ledger))
    assert reruns.verify_chapters([chapter], 3, Finding(RUNS), kept) == {"small": []}
    assert reruns.read_kept(kept)["small"]["code"] == fingerprint(chapter)


@pytest.mark.parametrize(
    ("differences", "exit_code"), [({"geometry": []}, 0), ({"geometry": ["x"], "index": []}, 1), ({}, 0)]
)
def test_the_script_fails_where_runs_stay_marked(differences, exit_code, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(script.reruns, "verify_chapters", lambda paths, n, *_: asked.append((len(paths), n)) or differences)
    monkeypatch.setattr("sys.argv", ["ledger.py", "20", "--verify", "2"])
    assert script.main() == exit_code
    assert asked == [(len([chapter for chapter in CHAPTERS if chapter.sections]), 2)]
    assert ("stay marked\n  x" in capsys.readouterr().out) == bool(exit_code)
