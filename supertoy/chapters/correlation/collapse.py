"""Sets of features that are stored as one."""

from jaxtyping import Bool, Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.sets import n_directions


def collapsed(W: Float[Tensor, "instance hidden feature"], set_size: int) -> Bool[Tensor, "instance set"]:
    """Whether each set is stored as one: all its features are represented, in one direction (see `n_directions`).

    >>> collapsed(torch.tensor([[[1.0, 1.0, 1.0, 0.0], [0.0, 0.1, 0.0, 0.0]]]), set_size=2)
    tensor([[ True, False]])

    Source: paper, "Correlated and anticorrelated features", on sets that collapse.
    """
    one_direction = n_directions(W, set_size) == 1
    return one_direction & (feature_norms(W) > REPRESENTED).unflatten(-1, (-1, set_size)).all(-1)


guard(__name__)
