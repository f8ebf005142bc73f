"""Outputs that were computed once are shown again, for as long as nothing changed that they depend on.

myst-nb finds the outputs of a chapter again by its code cells. They also depend on the package, on the data of the book, and
on what is installed: the folder they are kept in is named after all of that, so a change leads to an empty folder, and every
chapter is executed anew. The ledger reads the other chapters, and asks in its metadata to be executed by every build.
"""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from sphinx.application import Sphinx
from sphinx.config import Config

SOURCES = ("supertoy", "book/data")
N_KEPT = 10  # folders: going back to what was built before, on another branch say, executes nothing


def kept_in(root: Path) -> Path:
    """The folder for the outputs of the chapters as everything they depend on is now."""
    return root / "_build" / "executed" / fingerprint(root)


def kept(root: Path) -> JupyterCacheAbstract:
    """What is in that folder, which is made if need be."""
    folder = kept_in(root)
    folder.mkdir(parents=True, exist_ok=True)
    return get_cache(folder)


def keep(path: Path, notebook: nbformat.NotebookNode, cache: JupyterCacheAbstract) -> None:
    """Keep the outputs of a notebook that was executed."""
    cache.cache_notebook_bundle(CacheBundleIn(notebook, str(path)), check_validity=False, overwrite=True)


def is_kept(path: Path, cache: JupyterCacheAbstract) -> bool:
    """Whether there are outputs of the notebook's code cells as they are now."""
    try:
        cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    return True


def fingerprint(root: Path, names: Sequence[str] = SOURCES, variables: tuple[str, ...] = ("SUPERTOY_",)) -> str:
    """Twenty letters and digits that change with anything that a chapter's outputs depend on, its code cells aside.

    Args:
        root: of the repository.
        names: files and folders in it.
        variables: how the names begin of the variables of the environment that count.
    """
    dependencies = {
        "sources": {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources(root, names)
        },
        "python": platform.python_version(),
        "installed": installed(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(variables)},
    }
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()[:20]


def sources(root: Path, names: Sequence[str] = SOURCES) -> list[Path]:
    """Every file of these, by default of the package and of the book's data; what Python compiled aside."""
    paths = [path for name in names for path in [root / name, *(root / name).rglob("*")]]
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def installed() -> list[str]:
    """What is installed, as name==version."""
    return sorted({f"{distribution.name}=={distribution.version}" for distribution in distributions()})


def forget_oldest(folder: Path, n_kept: int = N_KEPT) -> None:
    """Remove all but the last used of the folders in this one."""
    newest_first = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[n_kept:]:
        shutil.rmtree(path)


def configure(app: Sphinx, config: Config) -> None:
    """Tell myst-nb, before it looks for outputs, where they are."""
    if config.nb_execution_mode == "off":  # for the ledger too, whatever its metadata say
        config.nb_execution_excludepatterns = [*config.nb_execution_excludepatterns, "*.ipynb"]
    if config.nb_execution_mode != "cache":
        return
    folder = kept_in(Path(app.srcdir))
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    forget_oldest(folder.parent)
    config.nb_execution_cache_path = str(folder)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", configure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
