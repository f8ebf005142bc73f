"""`make book` keeps the outputs of chapters, and `make test` computes them anew."""

import importlib.util
import os
import re
import sys
import sysconfig

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


def programs():
    return {step.command[0] for steps in run_steps.STEPS.values() for step in steps}


def test_steps_need_nothing_but_this_python_and_what_is_installed_beside_it():
    """No shell, no make and no tool of one system: what they call comes from Python packages."""
    assert programs() == {"python", "ruff", "mypy", "pytest", "jupyter-book"}
    for name in programs():
        path, *_ = run_steps.in_full((name, "--version"))
        assert os.path.dirname(path) in {sysconfig.get_path("scripts"), os.path.dirname(sys.executable)}
    assert run_steps.in_full(("python", "a", "b c")) == [sys.executable, "a", "b c"]


def test_programs_are_found_in_the_environment_of_this_python_before_the_path(tmp_path, monkeypatch):
    """As in `Scripts` on Windows, where an environment has no `bin`, and is not on the PATH unless it was activated."""
    names = [f"Scripts/ruff{'.exe' if os.name == 'nt' else ''}", f"elsewhere/ruff{'.exe' if os.name == 'nt' else ''}"]
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(run_steps.sysconfig, "get_path", lambda name: str(tmp_path / "Scripts"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert run_steps.in_full(("ruff", "check")) == [str(tmp_path / names[0]), "check"]
    (tmp_path / names[0]).unlink()
    assert run_steps.in_full(("ruff", "check")) == [str(tmp_path / names[1]), "check"]
    with pytest.raises(SystemExit, match=re.escape(f"mypy is not installed for {sys.executable}: pip install -c")):
        run_steps.in_full(("mypy",))


def test_a_step_runs_with_its_variables_and_says_whether_it_passed(tmp_path, monkeypatch):
    monkeypatch.setattr(run_steps, "ROOT", tmp_path)
    code = "import os, pathlib; pathlib.Path('out').write_text(os.environ['OMP_NUM_THREADS'] + os.environ['PYTHONUTF8'])"
    assert run_steps.run(run_steps.Step("write", 1, ("python", "-c", code), {"OMP_NUM_THREADS": "7"}))
    assert (tmp_path / "out").read_text() == "71"
    assert not run_steps.run(run_steps.Step("fail", 1, ("python", "-c", "raise SystemExit(3)")))


def test_chapters_are_compared_with_one_thread_each():
    [step] = [step for step in run_steps.STEPS["test"] if "--nbval" in step.command]
    assert step.variables == {"OMP_NUM_THREADS": "1"}
