"""Superposition as a phase change: what becomes of one feature too many."""

from supertoy.chapters.phase_change import claims, explorer, phases, plots, rotation, surface

__all__ = ["claims", "explorer", "phases", "plots", "rotation", "surface"]
