"""The README's example runs as it stands."""

import re
from pathlib import Path

import matplotlib
import pytest

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_readme_has_an_example():
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_readme_example_runs(example):
    matplotlib.use("agg")
    exec(compile(example, README.name, "exec"), {})
    matplotlib.pyplot.close("all")


def test_readme_shows_files_that_exist():
    missing = [
        path
        for path in re.findall(r"\]\(([^)\s]+)\)", README.read_text(encoding="utf-8"))
        if "://" not in path and not (README.parent / path).exists()
    ]
    assert not missing
