"""`make book` keeps the outputs of chapters, `make test` computes them anew, and `make check` tests what changed."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig

import pytest

from tests.project.scratch_book import ROOT

spec = importlib.util.spec_from_file_location("run_steps", ROOT / "scripts" / "run_steps.py")
run_steps = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_steps)

EVERYTHING = {"html", "executed", ".doctrees", "notes.txt"}


@pytest.mark.parametrize(
    ("target", "left"), [("book", {"executed"}), ("test", set()), ("links", EVERYTHING), ("check", EVERYTHING)]
)
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


def test_what_runs_side_by_side_has_one_thread_each():
    side_by_side = [step for step in run_steps.STEPS["test"] if "auto" in step.command]
    assert len(side_by_side) == 3
    assert all(step.variables == {"OMP_NUM_THREADS": "1"} for step in side_by_side)


def test_each_chapter_is_executed_once():
    commands = [step.command for step in run_steps.STEPS["test"]]
    executing = [command for command in commands if "--nbval" in command or "scripts/execute.py" in command]
    assert ["--keep" in command for command in executing] == [True]


ROOM = ["supertoy/chapters/geometry", "tests/chapters/geometry", "tests/chapters/test_claims.py", run_steps.STRUCTURE]


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("supertoy/chapters/geometry/thomson.py", ROOM),
        ("supertoy/chapters/geometry/perturbed_pentagon.js", ROOM),
        ("supertoy/chapters/geometry/removed.py", ROOM),
        ("tests/chapters/geometry/claim_cases.py", ROOM),
        ("supertoy/measures.py", ["supertoy/measures.py", "tests/test_measures.py", run_steps.STRUCTURE]),
        ("supertoy/chapters/seeds.py", ["supertoy/chapters/seeds.py", "tests/chapters/test_seeds.py", run_steps.STRUCTURE]),
        (
            "supertoy/research/_store.py",
            ["supertoy/research/_store.py", "tests/research/test_store.py", run_steps.STRUCTURE],
        ),
        ("supertoy/plots/style.py", ["supertoy/plots/style.py", "tests/plots", run_steps.STRUCTURE]),
        ("supertoy/py.typed", [run_steps.STRUCTURE]),
        ("supertoy/removed.py", [run_steps.STRUCTURE]),
        ("supertoy/research/__init__.py", [run_steps.STRUCTURE]),
        ("tests/test_loss.py", ["tests/test_loss.py"]),
        ("book/_ext/kept_outputs.py", ["tests/project/test_kept_outputs.py"]),
        ("scripts/write.py", ["tests/project/test_write.py"]),
        ("tests/browser/test_checks.py", []),
        ("book/geometry.ipynb", ["tests/project/test_chapters.py"]),
        ("book/index.md", []),
        ("tests/strategies.py", []),
    ],
)
def test_a_change_runs_the_tests_of_its_place(path, tests):
    assert run_steps.tests_of(path) == tests


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two commits, the first one tagged, in which git is as it is without anyone's settings."""
    monkeypatch.setattr(run_steps, "ROOT", tmp_path)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "A")
        monkeypatch.setenv(f"{name}_EMAIL", "a@example.org")
    for folder in ("supertoy", "tests", "book"):
        (tmp_path / folder).mkdir()
    for name in ("supertoy/a.py", "tests/test_a.py", "book/b.ipynb", ".gitignore"):
        (tmp_path / name).write_text("ignored\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    git(tmp_path, "tag", "first")
    (tmp_path / "supertoy/a.py").write_text("")
    git(tmp_path, "commit", "-qam", "Second")
    return tmp_path


def git(root, *arguments):
    subprocess.run(["git", *arguments], cwd=root, check=True)


def test_what_changed_is_what_differs_from_a_commit(repository):
    assert run_steps.changed("HEAD") == []
    assert run_steps.changed("first") == ["supertoy/a.py"]
    for name in ("new.py", "größe.md", "ignored"):
        (repository / name).write_text("1")
    (repository / ".gitignore").write_text("ignored\n*.pyc\n")
    git(repository, "mv", "tests/test_a.py", "tests/test_b.py")
    assert run_steps.changed("HEAD") == [".gitignore", "größe.md", "new.py", "tests/test_a.py", "tests/test_b.py"]
    with pytest.raises(SystemExit, match="nowhere"):
        run_steps.changed("nowhere")


def test_a_check_says_what_it_leaves_out(repository):
    steps, [about] = run_steps.tests_of_changes("HEAD")
    assert not steps
    assert "changed since HEAD: 0" in about
    (repository / "book/b.ipynb").write_text("{}")
    (repository / "new.md").write_text("")
    [step], left = run_steps.tests_of_changes("first")
    assert step.command[-2:] == ("supertoy/a.py", "tests/test_a.py")
    assert left == [
        "== changed since first: 3; what that may break elsewhere is left to `make test`",
        "== book/b.ipynb: left to `make outputs CHAPTER=b` and `make test`",
        "== new.md: left to `make test`",
    ]
