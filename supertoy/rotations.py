"""Orientation: which of all the rotated and mirrored copies of a solution is drawn.

The functions are for models that stay the same after W -> O W for any orthogonal O: tied, without a hidden activation.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


def canonical_orientation(W: Float[Tensor, "instance 2 feature"]) -> Float[Tensor, "instance 2 feature"]:
    """Turn and mirror each solution so that equal solutions look equal.

    >>> canonical_orientation(torch.tensor([[[0.0, 2.0], [1.0, 0.0]]])).round().int()
    tensor([[[1, 0],
             [0, 2]]], dtype=torch.int32)

    The first represented feature then points along the positive x axis. The next one that is not parallel to it lies above
    that axis. A feature counts as represented if its norm is at least half the largest.

    Source: paper, "Perturbing the weights of features".
    """
    norm = torch.linalg.vector_norm(W, dim=1)
    represented = norm >= norm.amax(-1, keepdim=True) / 2
    angle = torch.atan2(W[:, 1], W[:, 0])
    angle = angle - _first(angle, represented)
    # |sin| above 0.3 is 17 degrees off the axis: well past the wobble of an antipodal pair.
    side = _first(angle.sin(), represented & (angle.sin().abs() > 0.3))
    mirror = torch.where(side < 0, -1.0, 1.0).to(W.dtype)
    return torch.stack([norm * angle.cos(), mirror * norm * angle.sin()], dim=1)


def aligned(W: Float[Tensor, "step hidden feature"]) -> Float[Tensor, "step hidden feature"]:
    """Turn and mirror each solution of a sequence to be as near as it can be to the one before (orthogonal Procrustes).

    >>> quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> aligned(torch.stack([torch.eye(2), quarter])).round().int()[1]
    tensor([[1, 0],
            [0, 1]], dtype=torch.int32)

    The first stays as it is.

    Source: Schönemann (1966) for the best rotation; not in the paper.
    """
    turned = [W[:1]]
    for step in W[1:].split(1):
        U, _, Vh = torch.linalg.svd(turned[-1] @ step.mT)
        turned.append(U @ Vh @ step)
    return torch.cat(turned)


def _first(values: Tensor, wanted: Tensor) -> Tensor:
    """Each instance's first value where `wanted` holds (its very first if nowhere), [instance, 1]."""
    return values.gather(1, wanted.int().argmax(-1, keepdim=True))


guard(__name__)
