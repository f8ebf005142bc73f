"""What every test run shares: names for the examples in docstrings, and how notebooks are compared."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("TQDM_DISABLE", "1")  # a notebook's progress bars are no outputs

pytest_plugins = ["tests.keeping_plugin", "tests.numbers_plugin"]

# Figures are drawn anew by every build, so no image data is committed and none can be compared. The text beside it,
# <Figure size ...>, still is. The same goes for explorers, which come in HTML. nbval leaves out only the first two of
# these by itself.
IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "application/pdf", "text/html")


def pytest_collect_file(file_path: Path) -> None:
    """Import the package before pytest imports one of its modules for the examples, of which there would be two copies."""
    if "supertoy" in file_path.parts:
        import supertoy  # noqa: F401


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep image data out of nbval's comparison; everything else is text, which tests/numbers_plugin.py compares."""
    notebook = item.parent
    if hasattr(notebook, "skip_compare"):
        notebook.skip_compare = tuple({*notebook.skip_compare, *IMAGES})


@pytest.fixture(autouse=True)
def _docstring_names(request: pytest.FixtureRequest) -> None:
    """Examples in docstrings may use torch and st without importing them."""
    if isinstance(request.node, pytest.DoctestItem):
        import torch

        import supertoy as st

        request.getfixturevalue("doctest_namespace").update(torch=torch, st=st)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts are heard even if a shell started the tests in the background, which ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
