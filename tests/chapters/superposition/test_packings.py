"""Interference of directions, and the directions that have the least."""

import numpy as np
import pytest

from supertoy.chapters.superposition.packings import interference_of, least_interference


def test_interference_counts_only_angles_below_90_degrees():
    assert interference_of(np.array([[1.0, 0], [-2, 0], [0, 3], [0, -1]])) == 0
    assert interference_of(np.array([[1.0, 0], [1, 0]])) == pytest.approx(2 / 3)
    # A regular pentagon: five pairs at 72°, each counted twice.
    turn = 2 * np.pi * np.arange(5) / 5
    pentagon = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert interference_of(pentagon) == pytest.approx(10 / 3 * np.cos(2 * np.pi / 5) ** 2)


@pytest.mark.parametrize(("n", "d", "least"), [(4, 2, 0.0), (6, 3, 0.0), (5, 2, 10 / 3 * np.cos(2 * np.pi / 5) ** 2)])
def test_packings_reach_the_known_minimum(n, d, least):
    points = least_interference(n, d)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    assert interference_of(points) == pytest.approx(least, abs=1e-8)


def test_points_without_a_direction_are_refused():
    with pytest.raises(ValueError, match="points must not be zero, got zero at number 1"):
        interference_of(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="points must be finite; got nan"):
        interference_of(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="n_points must be at least 1"):
        least_interference(0, 2)
