"""Where measured curves cross, and where they rest.

Source: paper, "Superposition as a phase change" and "Superposition and learning dynamics", where curves cross and rest.
"""

import math

from jaxtyping import Float, Int
from torch import Tensor

_FLAT, _LONG = 0.15, 1.15  # a loss rests below this exponent, for at least this growth of the step number


def first_crossing(
    x: Float[Tensor, "setting"], falling: Float[Tensor, "setting"], rising: Float[Tensor, "setting"]
) -> float | None:
    """The first x at which `rising` stops being below `falling`; None if it never does.

    >>> x, level = torch.tensor([1.0, 100.0]), torch.ones(2)
    >>> round(first_crossing(x, falling=torch.tensor([2.0, 0.0]), rising=level), 6)
    10.0

    x is positive and ascending. Values that were not found are infinite and left out. Between the neighbours that remain the
    curves are straight in log x.
    """
    both = falling.isfinite() & rising.isfinite()
    log_x, difference = x[both].double().log(), (rising - falling)[both].double()
    change = ((difference[:-1] < 0) & (difference[1:] >= 0)).nonzero()
    if not len(change):
        return None
    k = int(change[0])
    share = difference[k] / (difference[k] - difference[k + 1])
    return math.exp(log_x[k] + share * (log_x[k + 1] - log_x[k]))


def plateaus(steps: Int[Tensor, "snapshot"], loss: Float[Tensor, "snapshot"]) -> list[tuple[int, int]]:
    """Where a loss rests: the first and last index of each stretch in which it hardly falls.

    >>> plateaus(torch.tensor([1, 2, 4, 8, 16]), torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]))
    [(0, 1), (2, 4)]

    Each is as long as possible. From one snapshot to the next -d log(loss) / d log(step) stays below 0.15, and from end to
    end the step number grows by 15 % or more. Steps are ascending, above 0 and close together on a log axis; losses
    are positive.

    Source: paper, "Superposition and learning dynamics", whose plateaus are seen by eye.
    """
    x, y = steps.double().log(), loss.double().log()
    is_flat = (-y.diff() < _FLAT * x.diff()).tolist()
    runs, start = [], None
    for k, flat in enumerate([*is_flat, False]):
        if flat and start is None:
            start = k
        elif not flat and start is not None:
            if steps[k] >= _LONG * steps[start]:
                runs.append((start, k))
            start = None
    return runs
