"""Computation in superposition, and the privileged basis of neurons."""

from supertoy.chapters.computation import claims, continuation, explorer, kinds, motif, plots
from supertoy.chapters.computation.hidden_bias import HiddenBiasModel

__all__ = ["HiddenBiasModel", "claims", "continuation", "explorer", "kinds", "motif", "plots"]
