"""CONTRIBUTING names files, commands and variables that exist."""

import re

from tests.project.scratch_book import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", TEXT) + re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_files_exist():
    named = {word for code in CODE for word in re.findall(r"[\w./-]*\w\.(?:py|md|yml|ipynb|txt|json)\b", code)}
    assert "supertoy/chapters/NAME/claims.py" in named
    # A name without a folder may stand for a workflow, next to the one whose folder is given; NAME is a chapter.
    named = {name.replace("NAME", "geometry") for name in named}
    assert not {name for name in named if not (list(ROOT.glob(name)) or list(ROOT.glob(f".github/*/{name}")))}


def test_commands_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for code in CODE for name in re.findall(r"\bmake ([a-z]+)", code)}
    assert named >= {"test", "check", "book", "write", "outputs", "ledger", "links"}
    assert named <= targets


def test_variables_are_read():
    paths = [*(ROOT / "book" / "_ext").glob("*.py"), *(ROOT / ".github" / "workflows").glob("*.yml")]
    read = "".join(path.read_text(encoding="utf-8") for path in paths)
    named = {code for code in CODE if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code)} - {"ALL_MODELS"}
    assert named >= {"BOOK_REPOSITORY", "TORCH_CPU_INDEX"}
    assert not [name for name in named if name not in read]
