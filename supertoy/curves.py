"""Where measured curves cross, and where they rest."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


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


def plateaus(
    steps: Int[Tensor, "snapshot"], loss: Float[Tensor, "snapshot"], *, slope: float = 0.15, length: float = 1.15
) -> list[tuple[int, int]]:
    """Where a loss rests: maximal runs in which it falls more slowly than a power law of small exponent.

    On log-log axes, a run of snapshots between which -d log(loss) / d log(step) is below `slope`.

    Args:
        steps: ascending, above 0; close together on a log axis.
        loss: after each of these steps, positive.
        slope: what counts as flat.
        length: last step of a run divided by its first, at least.

    Returns:
        First and last index of each run, in order.

    Source: paper, "Superposition and learning dynamics", whose plateaus are seen by eye.

    >>> plateaus(torch.tensor([1, 2, 4, 8, 16]), torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]))
    [(0, 1), (2, 4)]
    """
    x, y = steps.double().log(), loss.double().log()
    is_flat = (-y.diff() < slope * x.diff()).tolist()
    runs, start = [], None
    for k, flat in enumerate([*is_flat, False]):
        if flat and start is None:
            start = k
        elif not flat and start is not None:
            if steps[k] >= length * steps[start]:
                runs.append((start, k))
            start = None
    return runs


def last_rises(
    steps: Int[Tensor, "snapshot"], values: Float[Tensor, "snapshot curve"], level: float
) -> Float[Tensor, "curve"]:
    """The step at which each curve rises above `level` for good, interpolated; NaN for one that ends below or never rises.

    Args:
        steps: ascending.
        values: of every curve after each of these steps.
        level: to rise above.

    >>> last_rises(torch.tensor([0, 10, 20]), torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.1]]), level=0.5)
    tensor([15., nan], dtype=torch.float64)
    """
    t, y = steps.double(), values.double()
    rises = (y[:-1] < level) & (y[1:] >= level)
    last = len(t) - 2 - rises.flip(0).int().argmax(0)
    low, high = y.gather(0, last[None])[0], y.gather(0, last[None] + 1)[0]
    crossing = t[last] + (level - low) / (high - low) * (t[last + 1] - t[last])
    return torch.where(rises.any(0) & (y[-1] >= level), crossing, torch.nan)


def decrease_near(
    steps: Int[Tensor, "snapshot"], loss: Float[Tensor, "snapshot"], centres: Float[Tensor, "window"], half_width: float
) -> float:
    """Share of the loss's whole decrease that falls into windows around some steps, overlaps counted once.

    Args:
        steps: ascending.
        loss: after each of these steps.
        centres: steps in the middle of the windows.
        half_width: of a window, in steps.

    >>> steps, loss = torch.tensor([0, 10, 20, 30]), torch.tensor([4.0, 4.0, 1.0, 0.0])
    >>> decrease_near(steps, loss, torch.tensor([15.0]), half_width=5)
    0.75
    """
    middle = (steps[1:] + steps[:-1]).double() / 2
    inside = ((middle[:, None] - centres.double()).abs() <= half_width).any(1)
    decrease = -loss.double().diff()
    return float((decrease * inside).sum() / decrease.sum())
