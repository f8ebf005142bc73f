"""Correlated and anticorrelated features: who shares a dimension with whom."""

from supertoy.chapters.correlation import claims, collapse, plots

__all__ = ["claims", "collapse", "plots"]
