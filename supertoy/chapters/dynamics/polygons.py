"""Regular polygons of features in a plane, at which training on one active feature at a time can halt.

Source: Chen, Lau, Mendel, Wei & Murfet (2023); not in the paper.
"""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.models import ReLUOutputModel
from supertoy.theory import relu_moments

# Of a feature that is never reconstructed. Any negative bias would do: the output is 0, and stays 0 nearby.
_DEAD_BIAS = -0.25


def k_gon(n_features: int, k: int, *, n_dead: int = 0, dtype: torch.dtype = torch.float64) -> ReLUOutputModel:
    """A regular k-gon: a critical point of the loss with m = 2, on data in which exactly one feature is active at a time.

    >>> k_gon(n_features=5, k=3, n_dead=1).b.detach()  # three corners, a dead feature, and one that answers its mean
    tensor([[ 0.0000,  0.0000,  0.0000, -0.2500,  0.1000]], dtype=torch.float64)

    The data is `st.AnticorrelatedSets(n_sets=1, set_size=n, probability=1.0)`. The weights of the first k features are the
    corners, 2 (an antipodal pair) to n. They share the norm and the bias of lowest exact loss. The others have no weights:
    the next `n_dead` have a negative bias, so that nothing is ever output for them. The bias of the last n - k - n_dead is
    the mean of their value, 1 / 2n.

    Source: Chen, Lau, Mendel, Wei & Murfet (2023), "Dynamical versus Bayesian Phase Transitions in a Toy Model of
    Superposition"; its k^{σ+, φ-} is a k-gon with σ features that answer the mean and φ dead ones.
    """
    return k_gons(n_features, [(k, n_dead)], dtype=dtype)


def k_gons(n_features: int, kinds: Sequence[tuple[int, int]], *, dtype: torch.dtype = torch.float64) -> ReLUOutputModel:
    """As `k_gon`, with one instance for each pair of k and n_dead in `kinds`."""
    checks.require_int(n_features=n_features, at_least=2)
    checks.require_int(number_of_kinds=len(kinds), at_least=1)
    W = torch.zeros(len(kinds), 2, n_features, dtype=torch.float64)
    b = torch.full((len(kinds), n_features), 1 / (2 * n_features), dtype=torch.float64)
    for instance, (k, n_dead) in enumerate(kinds):
        checks.require_int(k=k, at_least=2)
        checks.require_int(n_dead=n_dead, at_least=0)
        if k + n_dead > n_features:
            raise ValueError(f"k + n_dead must be at most n_features = {n_features}, got {k} + {n_dead}")
        norm, bias = _best_norm_and_bias(n_features, k)
        angle = 2 * torch.pi * torch.arange(k, dtype=torch.float64) / k
        W[instance, :, :k] = norm * torch.stack([angle.cos(), angle.sin()])
        b[instance, :k], b[instance, k : k + n_dead] = bias, _DEAD_BIAS
    model = ReLUOutputModel(len(kinds), n_features, 2, dtype=dtype)
    with torch.no_grad():
        model.W.copy_(W)
        model.b.copy_(b)
    return model


def kinds_of_polygon(n_features: int, fewest_corners: int = 3) -> list[tuple[int, int]]:
    """Every k from `fewest_corners` to n with every number of dead features, for `k_gons`.

    >>> kinds_of_polygon(5)
    [(3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (5, 0)]
    """
    return [(k, n_dead) for k in range(fewest_corners, n_features + 1) for n_dead in range(n_features - k + 1)]


@functools.cache
def _best_norm_and_bias(n_features: int, k: int) -> tuple[float, float]:
    """The corners' norm and bias of lowest exact loss."""
    if k <= 4:
        return 1.0, 0.0  # corners that do not interfere are reconstructed without error

    @torch.enable_grad()
    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.tensor(point, requires_grad=True)
        loss = _corner_loss(parameters[0], parameters[1], n_features, k)
        loss.backward()
        assert parameters.grad is not None
        return loss.item(), parameters.grad.numpy()

    # Several starts: from some of them descent ends where the corners are dead.
    starts = [(norm, bias) for norm in (0.8, 1.2, 1.6) for bias in (-1.5, -0.7, -0.2)]
    solutions = [minimize(value_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-10}) for start in starts]
    norm, bias = min(solutions, key=lambda solution: solution.fun).x
    return abs(float(norm)), float(bias)


def _corner_loss(norm: Tensor, bias: Tensor, n_features: int, k: int) -> Tensor:
    """n times the expected error of one corner's output."""
    gain = norm**2 * torch.cos(2 * torch.pi * torch.arange(k, dtype=norm.dtype) / k)  # of each corner on one, itself first
    product, square = relu_moments(gain, bias)
    return 1 / 3 - 2 * product[0] + square.sum() + (n_features - k) * bias.relu() ** 2


guard(__name__, gaps=("n_dead",))  # may be 0
