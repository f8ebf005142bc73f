"""Appendix: two other ways to count."""

from supertoy.chapters.appendix import claims, compression, plots

__all__ = ["claims", "compression", "plots"]
