"""The package as it is installed."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_subpackage_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {init.parent.relative_to(ROOT) for init in (ROOT / "supertoy").rglob("__init__.py")}
    assert set(listed) == {".".join(folder.parts) for folder in folders}
