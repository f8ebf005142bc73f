"""Superposition and learning dynamics: how a model gets there."""

from supertoy.chapters.dynamics import (
    claims,
    curvature,
    explorer,
    jumps,
    learning_coefficient,
    octahedra,
    plots,
    polygons,
    stages,
)

__all__ = ["claims", "curvature", "explorer", "jumps", "learning_coefficient", "octahedra", "plots", "polygons", "stages"]
