"""Computation in superposition, and the privileged basis of neurons."""

from supertoy.chapters.computation import claims, continuation, explorer, kinds, motif, plots

__all__ = ["claims", "continuation", "explorer", "kinds", "motif", "plots"]
