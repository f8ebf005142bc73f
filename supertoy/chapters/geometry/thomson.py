"""Charges on a sphere, whose shapes the solutions of toy models are compared with."""

import numpy as np

from supertoy._util.border import guard
from supertoy.theory import settled


def thomson_points(n_points: int, *, n_restarts: int = 32, seed: int = 0) -> np.ndarray:
    """Where electrons settle on a sphere: unit vectors [n_points, 3] that minimise Σ_{i<j} 1 / ‖x_i - x_j‖.

    This is Thomson's problem. Restarts and seed are those of `settled`.

    Source: Thomson (1904); paper, "Geometry of superposition", compares the solutions of toy models with these.
    """

    def energy(unit: np.ndarray) -> tuple[float, np.ndarray]:
        difference = unit[:, None] - unit
        distance = np.linalg.norm(difference, axis=-1)
        np.fill_diagonal(distance, np.inf)
        return float((1 / distance).sum() / 2), -(difference / distance[..., None] ** 3).sum(1)

    return settled(energy, n_points, 3, n_restarts, seed)


guard(__name__)
