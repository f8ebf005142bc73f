"""Explorers for the reader: drawings that can be rotated and played on the page itself, without a kernel or another host.

What they share is here; the explorers themselves are in the chapters' rooms.

Source: not in the paper.
"""

from supertoy.explore.frame import Explorer, explorer, rounded, significant
from supertoy.explore.retrain import Retrainable, retrain

__all__ = ["Explorer", "Retrainable", "explorer", "retrain", "rounded", "significant"]
