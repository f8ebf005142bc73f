"""Charges on a sphere."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from supertoy.chapters.geometry import thomson


@pytest.mark.parametrize(
    ("n", "energy"), [(2, 1 / 2), (4, 3.674234614), (5, 6.474691495), (6, 9.985281374), (8, 19.675287861), (9, 25.759986531)]
)
def test_electrons_settle_at_the_known_energies(n, energy):
    points = thomson.thomson_points(n)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    assert (1 / pdist(points)).sum() == pytest.approx(energy, abs=1e-7)
