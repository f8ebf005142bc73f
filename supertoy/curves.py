"""Where measured curves cross.

Source: paper, "Superposition as a phase change".
"""

import math

from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard


def first_crossing(
    x: Float[Tensor, "setting"], falling: Float[Tensor, "setting"], rising: Float[Tensor, "setting"]
) -> float | None:
    """The first x at which `rising` stops being below `falling`; None if it never does.

    >>> x, level = torch.tensor([1.0, 100.0]), torch.ones(2)
    >>> round(first_crossing(x, falling=torch.tensor([2.0, 0.0]), rising=level), 6)
    10.0

    x is positive and rises. Values that were not found are infinite and left out. Between the neighbours that remain the
    curves are straight in log x.
    """
    checks.require_rising(x=x, above=0)
    both = falling.isfinite() & rising.isfinite()
    log_x, difference = x[both].double().log(), (rising - falling)[both].double()
    change = ((difference[:-1] < 0) & (difference[1:] >= 0)).nonzero()
    if not len(change):
        return None
    k = int(change[0])
    share = difference[k] / (difference[k] - difference[k + 1])
    return math.exp(log_x[k] + share * (log_x[k + 1] - log_x[k]))


guard(__name__, gaps=("falling", "rising"))
