"""How different two trained models are, apart from differences that mean nothing.

Where there is no hidden activation, the hidden space can be rotated (W -> O W with O orthogonal) and no output changes. A
ReLU hidden layer only lets its neurons change places. And where features are alike, their order means nothing either (W -> W
P). The distance is what remains after the best O and P.

Source: not in the paper.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.features.privileged_basis import random_orthogonal

Matrix = Float[np.ndarray, "rows columns"]  #: in float64


def distance(
    W: Float[Tensor, "hidden feature"],
    other: Float[Tensor, "_hidden _feature"],
    *,
    up_to: Literal["rotation", "neurons"] = "rotation",
    any_feature: bool = True,
    n_starts: int = 32,
    seed: int = 0,
) -> float:
    """‖O W P - W'‖² / (‖W‖ ‖W'‖) for the O and P that make it least: 0 for equal models, at most about 2.

    >>> pentagon = torch.stack([f(2 * torch.pi / 5 * torch.arange(5)) for f in (torch.cos, torch.sin)])
    >>> round(distance(pentagon, pentagon.flip(0).roll(2, 1)), 6) + 0
    0.0

    Given O, the best P is an assignment problem; given P, the best O is Procrustes' problem (or another assignment). Both
    are solved exactly, in turn, from several starts. So this is an upper bound of the least distance; without `any_feature`
    it is exact.

    Args:
        up_to: O is any orthogonal matrix, "rotation", or a permutation of the "neurons".
        any_feature: P is any permutation; otherwise features keep their places, P = 1.
        n_starts: the P that best fits the features' neighbourhoods, then O = 1, then random O.

    Raises:
        ValueError: W or other is zero.

    Source: not in the paper. Schönemann (1966) for the best rotation.
    """
    A, B = _same_shape(W, other)
    if up_to not in ("rotation", "neurons"):
        raise ValueError(f"up_to must be 'rotation' or 'neurons', got {up_to!r}")
    best_turn: Callable[[Matrix], Matrix] = _procrustes if up_to == "rotation" else _assignment
    if not any_feature:
        agreement = float((best_turn(A @ B.T) @ A * B).sum())  # O alone needs no turns
    else:
        turns = [np.eye(len(A)), *random_orthogonal(len(A), n_starts, seed).numpy()]
        starts = [A[:, _by_neighbours(A, B)], *(A[:, _order(O @ A, B)] for O in turns)][:n_starts]
        agreement = max(_in_turn(each, B, best_turn) for each in starts)
    size = float(np.linalg.norm(A)), float(np.linalg.norm(B))
    return float(max(0.0, (size[0] ** 2 + size[1] ** 2 - 2 * agreement) / (size[0] * size[1])))


def pairwise_distances(
    W: Float[Tensor, "model hidden feature"],
    *,
    up_to: Literal["rotation", "neurons"] = "rotation",
    any_feature: bool = True,
    n_starts: int = 32,
    seed: int = 0,
) -> Float[Tensor, "pair"]:
    """The `distance` of every pair of at least two models, (0, 1), (0, 2), ..., (1, 2), ..."""
    if len(W) < 2:
        raise ValueError(f"W must hold at least two models, got {len(W)}")
    options = {"up_to": up_to, "any_feature": any_feature, "n_starts": n_starts, "seed": seed}
    return torch.tensor([distance(a, b, **options) for a, b in combinations(W, 2)])  # type: ignore[arg-type]


def _same_shape(W: Tensor, other: Tensor) -> tuple[Matrix, Matrix]:
    if W.shape != other.shape:
        raise ValueError(f"W and other must have one shape, got {list(W.shape)} and {list(other.shape)}")
    if not (W.any() and other.any()):
        raise ValueError("W and other must not be zero: they have no direction")
    return W.detach().double().numpy(), other.detach().double().numpy()


def _in_turn(A: Matrix, B: Matrix, best_turn: Callable[[Matrix], Matrix]) -> float:
    """The largest ⟨O A P, B⟩ reached from A when the best O and the best P take turns."""
    agreement = -np.inf
    while True:
        O = best_turn(A @ B.T)
        A = A[:, _order(O @ A, B)]
        reached = float((O @ A * B).sum())
        if reached <= agreement + 1e-12:
            return reached
        agreement = reached


def _procrustes(product: Matrix) -> Matrix:
    """The orthogonal O with the largest trace of O A Bᵀ, given A Bᵀ."""
    U, _, V = np.linalg.svd(product)
    return np.asarray((U @ V).T)


def _assignment(product: Matrix) -> Matrix:
    """The permutation matrix O with the largest trace of O A Bᵀ, given A Bᵀ."""
    rows, columns = linear_sum_assignment(product, maximize=True)
    O = np.zeros_like(product)
    O[columns, rows] = 1
    return O


def _order(A: Matrix, B: Matrix) -> np.ndarray:
    """The order of A's columns that fits B's best."""
    return np.asarray(linear_sum_assignment(B.T @ A, maximize=True)[1])


def _by_neighbours(A: Matrix, B: Matrix) -> np.ndarray:
    """The order in which the features' sorted products with all features are most alike."""
    sorted_a, sorted_b = (np.sort(X.T @ X, axis=1) for X in (A, B))
    cost = np.square(sorted_b[:, None] - sorted_a[None]).sum(-1)
    return np.asarray(linear_sum_assignment(cost)[1])


guard(__name__)
