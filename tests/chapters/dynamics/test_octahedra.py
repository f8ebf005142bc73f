"""Features opposite each other."""

from supertoy.chapters.dynamics import octahedra
from tests.chapters.correlation.claim_cases import DIGONS


def test_antipodes_point_at_each_other():
    assert octahedra.antipodes(DIGONS[None]).tolist() == [[1, 0, 3, 2]]
    assert octahedra.antipodes(0.1 * DIGONS[None]).tolist() == [[-1] * 4]
