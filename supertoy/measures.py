"""What a weight matrix says about its features: norms, superposition, dimensionality. Pure functions of W."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.checks import require_number, require_weights

#: Norms are near 1 or near 0, so halfway between the two is where a feature counts as represented; and it counts as being in
#: superposition when others lie along its direction with a quarter of its strength.
REPRESENTED, SUPERPOSED = 0.5, 0.25


def feature_norms(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """‖W_i‖: about 1 for a feature that is represented, 0 for one that is not.

    Args:
        W: weights.

    Raises:
        ValueError: W is not [instance, hidden, feature] or has a NaN or infinite entry.

    Source: paper, "Basic results".

    >>> feature_norms(torch.tensor([[[1.0, 0.0, 3.0], [0.0, 0.0, 4.0]]]))
    tensor([[1., 0., 5.]])
    """
    require_weights(W=W)
    return torch.linalg.vector_norm(W, dim=1)


def superposition(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """Σ_{j≠i} (Ŵ_i · W_j)²: how much the other features share feature i's direction.

    0 when all others are orthogonal to it; at 1 and above they can activate it as strongly as the feature itself does. Zero
    for a feature that is not represented at all.

    Args:
        W: weights.

    Raises:
        ValueError: W is not [instance, hidden, feature] or has a NaN or infinite entry.

    Source: paper, "Basic results".

    >>> superposition(torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]]))
    tensor([[1., 1., 0.]])
    """
    require_weights(W=W)
    gram = W.mT @ W
    squared_norm = gram.diagonal(dim1=-2, dim2=-1)
    others = gram.square().sum(-1) - squared_norm.square()
    # Rounding can leave a difference of order -ε where there is nothing to share.
    return (others.clamp(min=0) / squared_norm).nan_to_num(0.0, posinf=0.0)


def feature_dimensionality(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """Fraction of a hidden dimension that each feature has to itself.

    D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)²: 1 for a dimension of its own, 1/2 in an antipodal pair, 2/5 in a pentagon, 0 for a
    feature that is not represented. Dimensionless; the D_i add up to at most `hidden`.

    Args:
        W: weights.

    Raises:
        ValueError: W is not [instance, hidden, feature] or has a NaN or infinite entry.

    Source: paper, "Feature dimensionality".

    >>> feature_dimensionality(torch.tensor([[[1.0, -1.0]]]))
    tensor([[0.5000, 0.5000]])
    """
    require_weights(W=W)
    gram = W.mT @ W
    squared_norm = gram.diagonal(dim1=-2, dim2=-1)
    # ‖W_i‖⁴ / Σ_j (W_i·W_j)² is the same ratio without dividing by a norm that may be zero.
    return (squared_norm.square() / gram.square().sum(-1)).nan_to_num(0.0)


def dimensions_per_feature(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance"]:
    """D* = m / ‖W‖_F²: hidden dimensions per represented feature; infinite where W is zero.

    Args:
        W: weights.

    Raises:
        ValueError: W is not [instance, hidden, feature] or has a NaN or infinite entry.

    Source: paper, "Uniform superposition".

    >>> dimensions_per_feature(torch.tensor([[[1.0, -1.0]]]))
    tensor([0.5000])
    """
    require_weights(W=W)
    return W.shape[1] / W.square().sum((1, 2))


def n_represented(W: Float[Tensor, "instance hidden feature"], threshold: float = REPRESENTED) -> Int[Tensor, "instance"]:
    """How many features have a norm above `threshold`.

    Args:
        W: weights.
        threshold: above 0.

    Raises:
        ValueError: W is not [instance, hidden, feature] or has a NaN or infinite entry; threshold is not above 0.

    Source: paper, "Basic results".

    >>> n_represented(torch.tensor([[[1.0, -0.9, 0.1]]]))
    tensor([2])
    """
    require_number(above=0, threshold=threshold)
    return (feature_norms(W) > threshold).sum(-1)
