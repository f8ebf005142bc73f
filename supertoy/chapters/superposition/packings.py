"""Arrangements of directions that interfere least: the generalised Thomson problem.

Source: paper, "Mathematical understanding".
"""

import numpy as np
from jaxtyping import Float

from supertoy._util.border import guard
from supertoy.theory import settled


def interference_of(points: Float[np.ndarray, "number dimension"]) -> float:
    """Σ_{i≠j} ∫ ReLU(W_j · W_i x)² dx = Σ_{i≠j} ReLU(W_j · W_i)² / 3 for unit vectors: zero bias, equal importance.

    `points` are [number, dimension], and are scaled to unit length first.

    Source: paper, "Mathematical understanding", the interference part of L_1.
    """
    length = np.linalg.norm(points, axis=1, keepdims=True)
    if not length.all():
        raise ValueError(f"points must not be zero, got zero at number {int((length == 0).argmax())}")
    unit = points / length
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, 0.0)
    return float((np.maximum(cosine, 0) ** 2).sum() / 3)


def least_interference(n_points: int, n_dimensions: int, *, n_restarts: int = 32, seed: int = 0) -> np.ndarray:
    """Unit vectors [n_points, n_dimensions] of least interference, a relative of Thomson's problem of charges on a sphere.

    >>> interference_of(least_interference(4, n_dimensions=2, n_restarts=4)) < 1e-6  # two axes, a point at each end
    True

    The best of `n_restarts` random starts, which `seed` determines.

    Source: paper, "Mathematical understanding".
    """

    def energy(unit: np.ndarray) -> tuple[float, np.ndarray]:
        overlap = np.maximum(unit @ unit.T, 0)
        np.fill_diagonal(overlap, 0.0)
        return float((overlap**2).sum() / 3), 4 / 3 * overlap @ unit

    return settled(energy, n_points, n_dimensions, n_restarts, seed)


guard(__name__)
