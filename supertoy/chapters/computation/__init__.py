"""Computation in superposition, and the privileged basis of neurons."""

from supertoy.chapters.computation import claims, continuation, explorer, motif, plots

__all__ = ["claims", "continuation", "explorer", "motif", "plots"]
