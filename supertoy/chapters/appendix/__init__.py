"""Appendix: two other ways to count."""

from supertoy.chapters.appendix import claims, plots

__all__ = ["claims", "plots"]
