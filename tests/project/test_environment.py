"""The three lists of packages say the same: pyproject.toml, environment.yml and constraints.txt."""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9._-]+")
NAME_ON_CONDA_FORGE = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "seaborn": "seaborn-base"}
# What the conda environment has besides: Python itself, which BLAS, and where chapters are opened.
NOT_IN_PYPROJECT = {"python", "pip", "libblas", "jupyterlab"}
# Of the extra `book`, what chapters need to run; the rest builds the pages.
IN_CHAPTERS = {"ipykernel", "ipywidgets"}


def split(requirement: str) -> tuple[str, str]:
    """'jupyter-book>=1.0,<2' -> ('jupyter-book', '>=1.0,<2'), the name in its normal form."""
    name = NAME.match(requirement)
    assert name, f"not a requirement: {requirement!r}"
    return re.sub(r"[._-]+", "-", name[0]).lower(), requirement[name.end() :].replace(" ", "")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def conda() -> tuple[list[str], list[str]]:
    """What environment.yml takes from conda-forge, and what it leaves to pip."""
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    by_pip = [line for item in dependencies if isinstance(item, dict) for line in item["pip"]]
    return [item for item in dependencies if isinstance(item, str)], by_pip


def test_environment_has_what_the_package_and_the_chapters_need_and_no_more():
    project = pyproject()
    wanted = project["dependencies"] + [
        item for item in project["optional-dependencies"]["book"] if split(item)[0] in IN_CHAPTERS
    ]
    wanted = {NAME_ON_CONDA_FORGE.get(name, name): version for name, version in map(split, wanted)}
    by_conda, by_pip = conda()
    assert {name: version for name, version in map(split, by_conda) if name not in NOT_IN_PYPROJECT} == wanted
    assert {split(item)[0] for item in by_conda} >= NOT_IN_PYPROJECT | IN_CHAPTERS
    assert by_pip == ["-e ."]


def test_environment_has_everything_that_chapters_import():
    chapters = [nbformat.read(path, as_version=4) for path in (ROOT / "book").glob("*.ipynb")]
    code = "\n".join(cell.source for chapter in chapters for cell in chapter.cells if cell.cell_type == "code")
    imported = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", code, re.MULTILINE)) - set(sys.stdlib_module_names)
    assert imported >= {"torch", "supertoy"}
    assert imported - {"supertoy"} <= {split(item)[0] for item in pyproject()["dependencies"]}


def test_environment_installs_the_package_itself_on_a_python_that_it_supports():
    by_conda, by_pip = conda()
    assert "-e ." in by_pip
    python = next(version for name, version in map(split, by_conda) if name == "python")
    minimum = pyproject()["requires-python"].removeprefix(">=")
    assert tuple(map(int, python.strip("=").split("."))) >= tuple(map(int, minimum.split(".")))


def test_constraints_pin_every_package_exactly():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in lines)
    pinned = dict(map(split, lines))
    project = pyproject()
    wanted = project["dependencies"] + [item for extra in project["optional-dependencies"].values() for item in extra]
    assert {split(item)[0] for item in wanted} <= set(pinned)
    assert pinned["torch"] == "==2.13.0"
