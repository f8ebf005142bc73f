"""Correlated and anticorrelated features: who shares a dimension with whom."""

from supertoy.chapters.correlation import claims, collapse, pca, plots

__all__ = ["claims", "collapse", "pca", "plots"]
