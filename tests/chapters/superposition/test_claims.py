"""Judges of this chapter, beyond their cases."""

import math

import numpy as np
import pytest

from supertoy.chapters.superposition.claims import PACKINGS


def test_polytopes_have_their_known_edges():
    for name, cosine in (("tetrahedron", -1 / 3), ("octahedron", 0.0), ("pentagon", math.cos(math.radians(72)))):
        unit = PACKINGS[name] / np.linalg.norm(PACKINGS[name], axis=1, keepdims=True)
        assert (unit @ unit.T - 2 * np.eye(len(unit))).max() == pytest.approx(cosine)
