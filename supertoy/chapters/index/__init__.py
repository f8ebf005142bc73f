"""The front page: the opening figure, which readers can train again."""

from supertoy.chapters.index import explorer
from supertoy.chapters.index.retrain import retrain

__all__ = ["explorer", "retrain"]
