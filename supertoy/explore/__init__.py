"""Explorers: drawings that a reader can rotate and play on the page itself, without a kernel or another host.

This is what they share. The explorers themselves are in the chapters' rooms.

Source: not in the paper.
"""

from supertoy.explore.frame import Explorer, explorer, rounded, significant

__all__ = ["Explorer", "explorer", "rounded", "significant"]
