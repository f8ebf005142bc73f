"""Demonstrating superposition: how many features fit, and why a ReLU changes the answer."""

from supertoy.chapters.superposition import claims, packings, plots, sparse_losses

__all__ = ["claims", "packings", "plots", "sparse_losses"]
