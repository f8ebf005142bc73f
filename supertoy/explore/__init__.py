"""Explorers for the reader: drawings that can be turned and played on the page itself, without a kernel or another host.

Source: not in the paper.
"""

from supertoy.explore._explorer import Explorer
from supertoy.explore.geometry import geometry
from supertoy.explore.neurons import neurons
from supertoy.explore.opening import opening
from supertoy.explore.perturbed_pentagon import perturbed_pentagon
from supertoy.explore.phase_plane import phase_plane
from supertoy.explore.retrain import Retrainable, retrain
from supertoy.explore.trajectory import trajectory

__all__ = [
    "Explorer",
    "Retrainable",
    "geometry",
    "neurons",
    "opening",
    "perturbed_pentagon",
    "phase_plane",
    "retrain",
    "trajectory",
]
