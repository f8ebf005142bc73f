"""Solutions turned towards a target, so that neighbours in the plane look alike."""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


def rotated_towards(
    W: Float[Tensor, "instance hidden feature"], target: Float[Tensor, "hidden feature"]
) -> Float[Tensor, "instance hidden feature"]:
    """Turn and mirror each solution to be as near as it can be to a target (orthogonal Procrustes).

    >>> rotated_towards(torch.tensor([[[-1.0, 0.9]], [[0.0, -1.0]]]), target=torch.tensor([[1.0, -1.0]]))[:, 0]
    tensor([[ 1.0000, -0.9000],
            [ 0.0000, -1.0000]])

    The target has the shape of one instance. Its scale does not matter.

    Source: Schönemann (1966); not in the paper.
    """
    U, _, Vh = torch.linalg.svd(target.to(W) @ W.mT)
    return U @ Vh @ W


guard(__name__)
