"""What can be derived: the loss as feature benefit against interference, and arrangements of least energy.

Throughout, `importance` is I_i: finite, not negative, and of a shape that broadcasts to [instance, feature].
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from supertoy._engine.series import relu_moments
from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import FeatureDistribution


def linear_loss_terms(
    W: Float[Tensor, "instance hidden feature"], importance: float | Tensor = 1.0
) -> tuple[Float[Tensor, "instance"], Float[Tensor, "instance"]]:
    """Feature benefit and interference, which add up to the loss of a linear model without bias on x ~ Normal(0, 1).

    >>> linear_loss_terms(torch.tensor([[[1.0, -1.0]]]))
    (tensor([0.], dtype=torch.float64), tensor([2.], dtype=torch.float64))

    Feature benefit is Σ_i I_i (1 - ‖W_i‖²)²: the cost of not representing features. Interference is
    Σ_{i≠j} I_j (W_j · W_i)²: the cost of representing them in shared directions.

    Source: paper, "Mathematical understanding", after Saxe, McClelland & Ganguli (2014).
    """
    gram, I = _gram_and_importance(W, importance)
    squared_norm = gram.diagonal(dim1=-2, dim2=-1)
    benefit = (I * (1 - squared_norm).square()).sum(-1)
    interference = (I * (gram.square().sum(-1) - squared_norm.square())).sum(-1)
    return benefit, interference


def principal_components(
    data: FeatureDistribution,
) -> tuple[Float[Tensor, "instance feature"], Float[Tensor, "instance feature feature"]]:
    """Principal components of the data, from its exact covariance, float64.

    >>> variance, _ = principal_components(st.CorrelatedSets(n_sets=1, set_size=2, probability=1.0))
    >>> variance  # of values uniform on [0, 1]
    tensor([[0.0833, 0.0833]], dtype=torch.float64)

    Returns variances, largest first, and unit vectors [instance, feature, component]. If all features are equally important,
    the best linear model with m hidden dimensions keeps the first m components, and its loss is the sum of the other
    variances.

    Source: paper, "Collapsing features" and "Demonstrating superposition", on linear models and PCA.
    """
    moments = data.moments()
    if moments is None:
        raise ValueError(f"data must have known moments, which {type(data).__name__} has not")
    mean, second = moments
    variance, vectors = torch.linalg.eigh(second - mean[:, :, None] * mean[:, None])
    return variance.flip(-1), vectors.flip(-1)


def zero_sparse_loss(b: Float[Tensor, "instance feature"], importance: float | Tensor = 1.0) -> Float[Tensor, "instance"]:
    """L_0 = Σ_i I_i ReLU(b_i)²: the ReLU model's loss on the zero vector.

    >>> zero_sparse_loss(torch.tensor([[-1.0, 0.5]]))
    tensor([0.2500], dtype=torch.float64)

    Source: paper, "Mathematical understanding".
    """
    I = checks.importances(importance, *b.shape).to(b.device)
    return (I * b.double().relu().square()).sum(-1)


def one_sparse_loss_terms(
    W: Float[Tensor, "instance hidden feature"],
    b: Float[Tensor, "instance feature"],
    importance: float | Tensor = 1.0,
) -> tuple[Float[Tensor, "instance"], Float[Tensor, "instance"]]:
    """Feature benefit and interference of the ReLU model where exactly one feature is active; they add up to L_1.

    Feature benefit is the mean over features of ∫ I_i (x - ReLU(‖W_i‖² x + b_i))² dx. Interference is the mean of
    Σ_{j≠i} ∫ I_j ReLU(W_j·W_i x + b_j)² dx. Here x runs from 0 to 1, and both have a closed form. The paper sums over
    features instead of averaging, so its weight of L_1 has to be p (1 - p)^(n-1).

    Source: paper, "Mathematical understanding".
    """
    gram, I = _gram_and_importance(W, importance)
    n = gram.shape[-1]
    offset = b.double()
    _, squared_output = relu_moments(gram, offset[:, :, None])  # [instance, j, i]: output j, input i
    interference = I[:, :, None] * squared_output
    interference.diagonal(dim1=-2, dim2=-1).zero_()

    product, square = relu_moments(gram.diagonal(dim1=-2, dim2=-1), offset)
    benefit = I * (1 / 3 - 2 * product + square)
    return benefit.sum(-1) / n, interference.sum((-2, -1)) / n


def settled(
    energy: Callable[[np.ndarray], tuple[float, np.ndarray]], n_points: int, n_dimensions: int, n_restarts: int, seed: int
) -> np.ndarray:
    """The unit vectors [n_points, n_dimensions] of least energy over random starts.

    >>> settled(lambda unit: (unit.sum(), np.ones_like(unit)), 1, n_dimensions=1, n_restarts=2, seed=0)
    array([[-1.]])

    The function `energy` takes such vectors, and returns its gradient by them too.

    Source: not in the paper.
    """
    random = np.random.default_rng(seed)

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        points = flat.reshape(n_points, n_dimensions)
        norm = np.linalg.norm(points, axis=1, keepdims=True)
        unit = points / norm
        value, d_unit = energy(unit)
        return value, ((d_unit - (d_unit * unit).sum(1, keepdims=True) * unit) / norm).ravel()

    starts = random.standard_normal((n_restarts, n_points * n_dimensions))
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000}
    solutions = [minimize(value_and_gradient, s, jac=True, method="L-BFGS-B", options=options) for s in starts]
    best = min(solutions, key=lambda solution: solution.fun).x.reshape(n_points, n_dimensions)
    return best / np.linalg.norm(best, axis=1, keepdims=True)


def _gram_and_importance(W: Tensor, importance: float | Tensor) -> tuple[Tensor, Tensor]:
    W = W.detach().double()
    return W.mT @ W, checks.importances(importance, W.shape[0], W.shape[2]).to(W.device)


guard(__name__)
