"""While one chapter is written, no other is executed: BOOK_ONLY in the environment names it.

The others show the outputs that were kept from an earlier build and, where there are none, those in the repository, which
lack the figures.
"""

import os
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.config import Config

from kept_outputs import is_kept


def configure(app: Sphinx, config: Config) -> None:
    """Keep every chapter but one, and but those whose outputs are kept, from being executed."""
    only = os.environ.get("BOOK_ONLY")
    if not only or config.nb_execution_mode != "cache":
        return
    cache = get_cache(config.nb_execution_cache_path)
    others = [path for path in sorted(Path(app.srcdir, "book").glob("*.ipynb")) if path.stem != only]
    config.nb_execution_excludepatterns = [
        *config.nb_execution_excludepatterns,
        *(f"book/{path.name}" for path in others if not is_kept(path, cache)),
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", configure, priority=600)  # after kept_outputs, which says where they are
    return {"parallel_read_safe": True, "parallel_write_safe": True}
