"""Demonstrating superposition: how many features fit, and why a ReLU changes the answer."""

from supertoy.chapters.superposition import claims, plots

__all__ = ["claims", "plots"]
