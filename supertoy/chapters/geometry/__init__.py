"""The geometry of superposition: the shapes that features form when they share dimensions."""

from supertoy.chapters.geometry import claims, explorer, plots, thomson

__all__ = ["claims", "explorer", "plots", "thomson"]
