"""How a model stores sets of features: which share a direction, and which lie opposite each other.

The features of a set follow each other; pairs are sets of two. A `set_size` that does not divide the number of features
raises a ValueError.
"""

import math
from collections import Counter

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, feature_norms

ALIKE = 0.9  #: directions with a larger cosine (26°) count as one, and below the negative of it as opposite

_SAME = math.degrees(math.acos(ALIKE))
_ANGLES = {"collapsed": _SAME, "side by side": 80.0, "orthogonal": 100.0, "obtuse": 180 - _SAME, "antipodal": 181.0}


def partner_angles(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance pair"]:
    """Angle between the two features of each pair, in degrees; NaN where either is not represented.

    >>> partner_angles(torch.tensor([[[1.0, 0.0, 2.0, -1.0], [0.0, 1.0, 0.0, 0.0]]]))
    tensor([[ 90., 180.]])

    Source: paper, "Correlated and anticorrelated features".
    """
    first, second = _by_set(W, 2).unbind(-1)
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=1)
    represented = (feature_norms(W) > REPRESENTED).unflatten(-1, (-1, 2)).all(-1)
    return torch.where(represented, torch.rad2deg(cosine.clamp(-1, 1).acos()), torch.nan)


def arrangement(W: Float[Tensor, "hidden feature"]) -> str:
    """How one model holds its pairs, in words such as "1 collapsed, 2 side by side".

    >>> arrangement(torch.tensor([[1.0, 0.0, 2.0, -1.0], [0.0, 1.0, 0.0, 0.0]]))
    '1 orthogonal, 1 antipodal'

    The angle between partners decides: up to 26° collapsed, up to 80° side by side, up to 100° orthogonal, up to 154°
    obtuse, beyond that antipodal. A pair is "missing" if either of the two is not represented.

    Source: paper, "Correlated and anticorrelated features".
    """
    counts = Counter(_name(angle) for angle in partner_angles(W[None])[0].tolist())
    return ", ".join(f"{counts[name]} {name}" for name in [*_ANGLES, "missing"] if counts[name])


def _name(angle: float) -> str:
    return next((name for name, largest in _ANGLES.items() if angle <= largest), "missing")


def n_directions(W: Float[Tensor, "instance hidden feature"], set_size: int) -> Int[Tensor, "instance set"]:
    """How many directions the represented features of each set have: 1 if they share it, 0 if none is there.

    >>> n_directions(torch.tensor([[[1.0, 1.0, 1.0, 0.0], [0.0, 0.1, 0.0, 1.0]]]), set_size=2)
    tensor([[1, 2]])

    Two features whose directions have a cosine above 0.9 are one direction, and so is a chain of such features.

    Source: paper, "Correlated and anticorrelated features", on sets that collapse.
    """
    columns = _by_set(W, set_size).movedim(2, 1)  # [instance, set, hidden, member]
    unit = torch.nn.functional.normalize(columns, dim=2)
    represented = (feature_norms(W) > REPRESENTED).unflatten(-1, (-1, set_size))
    linked = ((unit.mT @ unit) > ALIKE) & represented[..., None] & represented[..., None, :]
    for _ in range((set_size - 1).bit_length()):  # each round doubles the length of chains
        linked = (linked.float() @ linked.float()) > 0
    first = linked.int().argmax(-1)  # the first member of each member's chain
    return ((first == torch.arange(set_size, device=W.device)) & represented).sum(-1)


def _by_set(W: Tensor, set_size: int) -> Tensor:
    """Columns as [instance, hidden, set, member]."""
    checks.require_int(set_size=set_size, at_least=1)
    if W.shape[2] % set_size:
        raise ValueError(f"set_size must divide the number of features of W, {W.shape[2]}, got {set_size}")
    return W.unflatten(-1, (-1, set_size))


guard(__name__)
