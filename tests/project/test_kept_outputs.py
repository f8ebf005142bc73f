"""What is built again is not executed again, unless something changed that its outputs depend on."""

import json
import os
import re
from pathlib import PurePosixPath
from types import SimpleNamespace

import kept_outputs
import pytest

from tests.project import scratch_book

# What a chapter printed is the same only if it was not executed in between.
CODE = "import sys, time; sys.path.insert(0, '..'); from supertoy import VALUE; print(f'value={VALUE} at={time.time_ns()}')"


@pytest.fixture
def root(tmp_path):
    """The part of a book that outputs depend on."""
    for name, text in {"supertoy/a.py": "1", "supertoy/explore/a.html": "<p>", "book/data/a.json": "{}"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["supertoy/a.py", "supertoy/explore/a.html", "book/data/a.json", "supertoy/b.py"])
def test_a_changed_or_new_file_is_noticed(root, name):
    before = kept_outputs.fingerprint(root)
    assert kept_outputs.fingerprint(root) == before
    (root / name).write_text("2")
    assert kept_outputs.fingerprint(root) != before


def test_a_removed_and_a_renamed_file_are_noticed(root):
    seen = {kept_outputs.fingerprint(root)}
    (root / "supertoy/a.py").rename(root / "supertoy/b.py")
    seen.add(kept_outputs.fingerprint(root))
    (root / "supertoy/b.py").unlink()
    seen.add(kept_outputs.fingerprint(root))
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["supertoy/__pycache__/a.pyc", "book/index.md", "book/a.ipynb", "tests/a.py", "_toc.yml"])
def test_what_changes_no_output_does_not_count(root, name):
    # Of chapters, myst-nb compares the code cells itself.
    before = kept_outputs.fingerprint(root)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("2")
    os.utime(root / "supertoy/a.py", (0, 0))  # nor does a checkout, which changes times only
    assert kept_outputs.fingerprint(root) == before


def test_another_version_of_a_package_or_of_python_is_noticed(root, monkeypatch):
    seen = {kept_outputs.fingerprint(root)}
    assert "torch==2.13.0" in {line.partition("+")[0] for line in kept_outputs.installed()}
    monkeypatch.setattr(kept_outputs, "installed", lambda: ["torch==2.14.0"])
    seen.add(kept_outputs.fingerprint(root))
    monkeypatch.setattr(kept_outputs.platform, "python_version", lambda: "3.99.0")
    seen.add(kept_outputs.fingerprint(root))
    assert len(seen) == 3


def test_fresh_seeds_are_noticed(root, monkeypatch):
    before = kept_outputs.fingerprint(root)
    monkeypatch.setenv("SUPERTOY_SEED", "1000")
    assert kept_outputs.fingerprint(root) != before


def test_the_folders_used_last_are_kept(tmp_path):
    for age, name in enumerate(["new", "old", "older", "oldest"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    kept_outputs.forget_oldest(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "old"}


def test_nothing_is_executed_where_execution_is_off(root):
    config = SimpleNamespace(nb_execution_mode="off", nb_execution_excludepatterns=["book/old.ipynb"])
    kept_outputs.configure(SimpleNamespace(srcdir=root), config)
    assert any(PurePosixPath("book/ledger.ipynb").match(pattern) for pattern in config.nb_execution_excludepatterns)
    assert "book/old.ipynb" in config.nb_execution_excludepatterns
    assert not (root / "_build").exists()


def test_chapters_that_read_others_are_executed_by_every_build():
    reading = set()
    for path in (scratch_book.ROOT / "book").glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        code = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
        if "supertoy.ledger" in code:
            reading.add(path.stem)
            assert notebook["metadata"]["mystnb"] == {"execution_mode": "force"}
    assert "ledger" in reading


def printed(root, name):
    """What the chapter printed: the value of the package, and when."""
    found = re.search(r"value=(\d+) at=(\d+)", scratch_book.page(root, name))
    assert found, f"{name} printed nothing"
    return found.groups()


def test_books_are_built_again_without_executing_what_did_not_change(tmp_path):
    root = scratch_book.make(tmp_path, {"index": "# A book"}, {"one": CODE, "two": CODE, "gone": "1 + 1"})
    (root / "supertoy").mkdir()
    (root / "supertoy" / "__init__.py").write_text("VALUE = 1")
    assert scratch_book.build(root).returncode == 0
    one, two = printed(root, "one"), printed(root, "two")
    assert one[0] == two[0] == "1"
    assert (root / "_build/html/book/gone.html").exists()

    again = scratch_book.build(root)
    assert again.returncode == 0
    assert "nothing has changed" in again.stdout
    assert (root / "_build/html/book/gone.html").exists()

    # Other words in one chapter, other code in another, and the last one gone.
    scratch_book.write_chapter(root, "one", CODE, "Other words.")
    scratch_book.write_chapter(root, "two", f"{CODE}  # as before")
    scratch_book.list_pages(root, "index", "one", "two")
    assert scratch_book.build(root).returncode == 0
    assert printed(root, "one") == one
    assert "Other words." in scratch_book.page(root, "one")
    assert printed(root, "two") != two
    assert not (root / "_build/html/book/gone.html").exists()

    (root / "supertoy" / "__init__.py").write_text("VALUE = 2")
    assert scratch_book.build(root).returncode == 0
    assert printed(root, "one")[0] == printed(root, "two")[0] == "2"

    # Going back executes nothing; and of a book that is written, only the chapter that is named is executed.
    (root / "supertoy" / "__init__.py").write_text("VALUE = 1")
    scratch_book.write_chapter(root, "two", f"{CODE}  # for the first time")
    scratch_book.write_chapter(root, "three", "print('exe' + 'cuted')")
    scratch_book.list_pages(root, "index", "one", "two", "three")
    assert scratch_book.build(root, BOOK_ONLY="two").returncode == 0
    assert printed(root, "one") == one
    assert printed(root, "two") != two
    assert "executed" not in scratch_book.page(root, "three")
