"""`make book` keeps the outputs of chapters, and `make test` computes them anew."""

import importlib.util

import pytest

from tests.project.scratch_book import ROOT

spec = importlib.util.spec_from_file_location("run_steps", ROOT / "scripts" / "run_steps.py")
run_steps = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_steps)

EVERYTHING = {"html", "executed", ".doctrees", "notes.txt"}


@pytest.mark.parametrize(("target", "left"), [("book", {"executed"}), ("test", set()), ("links", EVERYTHING)])
def test_what_was_built_before_is_cleared(target, left, tmp_path, monkeypatch):
    monkeypatch.setattr(run_steps, "BUILD", tmp_path)
    for name in EVERYTHING - {"notes.txt"}:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    (tmp_path / "notes.txt").write_text("")
    run_steps.clear(target)
    assert {path.name for path in tmp_path.iterdir()} == left
    if target == "book":
        assert (tmp_path / "executed" / "file").exists()


def test_nothing_is_there_to_clear_in_a_new_clone(tmp_path, monkeypatch):
    monkeypatch.setattr(run_steps, "BUILD", tmp_path / "_build")
    run_steps.clear("book")
    assert not (tmp_path / "_build").exists()
