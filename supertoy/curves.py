"""Where measured curves cross, and where they rest.

Source: paper, "Superposition as a phase change" and "Superposition and learning dynamics", where curves cross and rest.
"""

import math

from jaxtyping import Float, Int
from torch import Tensor

_FLAT, _LONG = 0.15, 1.15  # exponent below which a loss rests, and growth of the step over which it has to


def first_crossing(
    x: Float[Tensor, "setting"], falling: Float[Tensor, "setting"], rising: Float[Tensor, "setting"]
) -> float | None:
    """The first x at which `rising` stops being below `falling`; None if it never does.

    Interpolated linearly in log x, between neighbours among the settings at which both are finite.

    Args:
        x: positive, ascending.
        falling: values of one curve; infinite where it was not found.
        rising: values of the other.

    >>> x, level = torch.tensor([1.0, 100.0]), torch.ones(2)
    >>> round(first_crossing(x, falling=torch.tensor([2.0, 0.0]), rising=level), 6)
    10.0
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
    """Where a loss rests: maximal runs in which it falls more slowly than a power law of small exponent.

    On log-log axes, a run of snapshots between which -d log(loss) / d log(step) is below 0.15, and over which the number of
    the step grows by 15 % or more.

    Args:
        steps: ascending, above 0; close together on a log axis.
        loss: after each of these steps, positive.

    Returns:
        First and last index of each run, in order.

    Source: paper, "Superposition and learning dynamics", whose plateaus are seen by eye.

    >>> plateaus(torch.tensor([1, 2, 4, 8, 16]), torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]))
    [(0, 1), (2, 4)]
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
