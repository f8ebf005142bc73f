"""What a weight matrix says about its features: norms, overlap, dimensionality.

All are pure functions of W, the weights of a batch of models: a finite floating-point tensor [instance, hidden, feature].
Column W_i of an instance is feature i. Here and elsewhere in supertoy, measures of W refuse anything else with an error that
names it: a TypeError unless it is a floating-point tensor, a ValueError for other axes or a NaN or infinite entry. The same
goes for measures of a single model, whose W is [hidden, feature]. Products are computed in float64, since fourth powers of
small or large weights leave the range of float32. Results are on W's device, in its dtype, or in float32 if that is shorter.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy._util.checks import require_number
from supertoy._util.precision import double

#: Norms are near 1 or near 0, so a feature counts as represented above 0.5, halfway between. It counts as being in
#: superposition when others lie along its direction with more than a quarter of its strength.
REPRESENTED, SUPERPOSED = 0.5, 0.25


def feature_norms(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """‖W_i‖: about 1 for a feature that is represented, 0 for one that is not.

    >>> feature_norms(torch.tensor([[[1.0, 0.0, 3.0], [0.0, 0.0, 4.0]]]))
    tensor([[1., 0., 5.]])

    Source: paper, "Basic results".
    """
    return torch.linalg.vector_norm(W, dim=1, dtype=_at_least_single(W))


def superposition(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """Σ_{j≠i} (Ŵ_i · W_j)²: how much the other features share feature i's direction.

    >>> superposition(torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]]))
    tensor([[1., 1., 0.]])

    The book also calls this number the feature's *overlap*. It is 0 when all others are orthogonal to the feature. From 1 on
    they can activate its direction as strongly as the feature itself does. A feature whose weights are zero has overlap 0.

    Source: paper, "Basic results".
    """
    gram, squared_norm = _gram(W)
    others = gram.square().sum(-1) - squared_norm.square()
    # Rounding can make the difference slightly negative where nothing is shared.
    return _like(W, torch.where(squared_norm > 0, others.clamp(min=0) / squared_norm, 0.0))


def feature_dimensionality(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """Fraction of a hidden dimension that each feature has to itself.

    >>> feature_dimensionality(torch.tensor([[[1.0, -1.0]]]))  # two features in opposite directions share one dimension
    tensor([[0.5000, 0.5000]])

    D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)²: 1 for a dimension of its own, 1/2 in an antipodal pair, 2/5 in a pentagon, 0 for a
    feature that is not represented. The D_i add up to at most `hidden`.

    Source: paper, "Feature dimensionality".
    """
    gram, squared_norm = _gram(W)
    # ‖W_i‖⁴ / Σ_j (W_i·W_j)² is the same ratio without dividing by a norm that may be zero.
    shares = squared_norm.square() / gram.square().sum(-1)
    return _like(W, torch.where(squared_norm > 0, shares, 0.0))


def dimensions_per_feature(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance"]:
    """D* = m / ‖W‖_F²: hidden dimensions per represented feature; infinite where W is zero.

    >>> dimensions_per_feature(torch.tensor([[[1.0, -1.0]]]))
    tensor([0.5000])

    Source: paper, "Uniform superposition".
    """
    return _like(W, W.shape[1] / double(W).square().sum((1, 2)))


def n_represented(W: Float[Tensor, "instance hidden feature"], threshold: float = REPRESENTED) -> Int[Tensor, "instance"]:
    """How many features have a norm above `threshold`, which must be above 0.

    >>> n_represented(torch.tensor([[[1.0, -0.9, 0.1]]]))
    tensor([2])

    Source: paper, "Basic results".
    """
    require_number(above=0, threshold=threshold)
    return (feature_norms(W) > threshold).sum(-1)


def _gram(W: Tensor) -> tuple[Tensor, Tensor]:
    """WᵀW and its diagonal, ‖W_i‖², in float64."""
    gram = double(W).mT @ double(W)
    return gram, gram.diagonal(dim1=-2, dim2=-1)


def _like(W: Tensor, values: Tensor) -> Tensor:
    return values.to(_at_least_single(W)).to(W.device)


def _at_least_single(W: Tensor) -> torch.dtype:
    return torch.promote_types(W.dtype, torch.float32)


guard(__name__)
