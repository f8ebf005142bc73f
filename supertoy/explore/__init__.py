"""Explorers for the reader: drawings that can be turned and played on the page itself, without a kernel or another host."""

from supertoy.explore.trajectory import Trajectory, trajectory

__all__ = ["Trajectory", "trajectory"]
