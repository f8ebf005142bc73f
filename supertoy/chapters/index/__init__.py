"""The front page: the opening figure, which readers can train again."""

from supertoy.chapters.index import explorer

__all__ = ["explorer"]
