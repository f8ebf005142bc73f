"""The least sum of absolute values that explains a target, for many small problems at once, by an interior-point method.

>>> directions = torch.tensor([[[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]]])  # three in the plane
>>> for _, (x, y) in zip(range(12), interior_points(directions, torch.tensor([[1.2, 1.6]]), signed=True)):
...     pass
>>> x.abs().round(decimals=3)  # twice the third direction: the sum is 2, and that of the two others would be 2.8
tensor([[0., 0., 2.]])

First-order methods take thousands of steps to tell the least sum from one that is nearly as small. Here a step costs as much
as solving for all weights of a least-squares problem, but ten to fifteen are enough, and each says how far it has come.

Source: Mehrotra (1992), "On the implementation of a primal-dual interior point method", for the steps.
"""

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


def interior_points(
    directions: Float[Tensor, "problem dimension direction"],
    target: Float[Tensor, "problem dimension"],
    *,
    slack: float = 0.0,
    signed: bool = False,
) -> Iterator[tuple[Float[Tensor, "problem direction"], Float[Tensor, "problem dimension"]]]:
    """Better and better x, y for min Σ_j |x_j| + ‖b - A x‖² / (2 slack), without end; with no slack, A x = b.

    A has the directions a_j as its columns, b is the target. Unless `signed`, no x_j is negative. Each y proves how good
    any x can be: up to rounding |a_j · y| < 1 (a_j · y < 1 unless signed), so no x costs less than b · y - slack ‖y‖² / 2.
    At the end x_j is zero where |a_j · y| stays below 1.

    Raises:
        ValueError: a negative slack; no slack, and more dimensions than directions.
    """
    if slack < 0:
        raise ValueError(f"slack must not be negative, got {slack}")
    if not slack and directions.shape[1] > directions.shape[2]:
        raise ValueError(f"directions must be at least as many as dimensions, got shape {list(directions.shape)}")
    return _points(directions, target, slack, signed)


def _points(A: Tensor, target: Tensor, slack: float, signed: bool) -> Iterator[tuple[Tensor, Tensor]]:
    sign, eps = A.new_tensor([[1.0], [-1.0]] if signed else [[1.0]]), torch.finfo(A.dtype).eps
    ridge = slack * torch.eye(A.shape[1], dtype=A.dtype, device=A.device)
    y, x = torch.zeros_like(target), _times(torch.linalg.solve(A @ A.mT + ridge, target), A)
    # x is p - q, or p, and gaps are 1 - a_j · y, and 1 + a_j · y: [problem, one or two, direction], all above 0. Their
    # products with each other, of p with the first and of q with the second, have to come down to 0.
    parts = (sign * x[:, None]).relu() + (0.1 * x.abs().amax(1)).clamp(min=eps**2)[:, None, None]
    gaps = torch.ones_like(parts)
    while True:
        x = (sign * parts).sum(1)
        yield x, y
        normal = A * (parts / gaps).sum(1)[:, None] @ A.mT + ridge
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += 10 * eps * diagonal.amax(1, keepdim=True)  # towards the end few directions are left in it
        left = target - _times(x, A.mT) - slack * y
        newton = partial(_newton, A, sign, torch.linalg.cholesky_ex(normal)[0], left, parts, gaps)

        # How far a step straight to the end would get says how small the products can be made at once.
        products = parts * gaps
        _, d_parts, d_gaps = newton(-products)
        ahead = (parts + _most(parts, d_parts) * d_parts) * (gaps + _most(gaps, d_gaps) * d_gaps)
        mean, mean_ahead = (each.mean((1, 2), keepdim=True) for each in (products, ahead))
        d_y, d_parts, d_gaps = newton((mean_ahead / mean) ** 3 * mean - products - d_parts * d_gaps)
        far, far_y = _most(parts, d_parts), _most(gaps, d_gaps)
        if slack:
            far = far_y = torch.minimum(far, far_y)  # x and y meet in what is left
        y, parts, gaps = y + far_y[:, 0] * d_y, parts + far * d_parts, gaps + far_y * d_gaps


def _newton(
    A: Tensor, sign: Tensor, factor: Tensor, left: Tensor, parts: Tensor, gaps: Tensor, change: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of y, parts and gaps that change the products by so much, and what is left to nothing, to first order."""
    own = change / gaps
    d_y = torch.cholesky_solve((left - _times((sign * own).sum(1), A.mT))[..., None], factor)[..., 0]
    d_gaps = -sign * _times(d_y, A)[:, None]
    return d_y, own - parts / gaps * d_gaps, d_gaps


def _times(vector: Tensor, matrix: Tensor) -> Tensor:
    """Each row times its matrix: five times faster than matrix times column."""
    return (vector[:, None] @ matrix)[:, 0]


def _most(positive: Tensor, change: Tensor) -> Tensor:
    """How much of a change leaves all numbers of a problem positive, up to the whole, [problem, 1, 1]."""
    return 0.99 / (-change / positive).amax((1, 2), keepdim=True).clamp(min=0.99)


guard(__name__)
