"""Features that lie opposite each other, and octahedra, which six of them form."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.sets import ALIKE


def antipodes(W: Float[Tensor, "instance hidden feature"]) -> Int[Tensor, "instance feature"]:
    """For each feature the number of the one opposite to it (cosine below -0.9, the lowest if several); -1 if none is.

    >>> antipodes(torch.tensor([[[1.0, 0.0, -2.0], [0.0, 1.0, 0.0]]]))
    tensor([[ 2, -1,  0]])

    Source: paper, "Demonstrating superposition", on antipodal pairs.
    """
    unit = torch.nn.functional.normalize(W, dim=1)
    represented = feature_norms(W) > REPRESENTED
    cosine = torch.where(represented[:, None] & represented[:, :, None], unit.mT @ unit, 0.0)
    lowest, partner = cosine.min(-1)
    return torch.where(lowest < -ALIKE, partner, -1)


def is_octahedron(W: Float[Tensor, "instance hidden 6"]) -> Bool[Tensor, "instance"]:
    """Whether six features form an octahedron: each has one opposite, and all others are at 60° or more to its axis.

    >>> is_octahedron(torch.cat([torch.eye(3), -torch.eye(3)], dim=1)[None])
    tensor([True])

    Source: paper, "Superposition and learning dynamics".
    """
    unit = torch.nn.functional.normalize(W, dim=1)
    cosine = unit.mT @ unit
    has_one_opposite = ((cosine < -ALIKE).sum(-1) == 1).all(-1)
    others_apart = ((cosine.abs() < 0.5).sum(-1) == 4).all(-1)
    return has_one_opposite & others_apart & (feature_norms(W) > REPRESENTED).all(-1)


guard(__name__)
