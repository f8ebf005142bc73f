"""The front page: the opening figure, to be trained again."""

from supertoy.chapters.index import explorer

__all__ = ["explorer"]
