"""Levels of dimensionality over training: when features jump to them, and how much of the loss falls at these times.

Source: paper, "Superposition and learning dynamics", discrete energy level jumps.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard

JUMP = 1 / 4  #: Halfway from 0 to the 1/2 of a digon.
START, HALF_WIDTH = 0.1, 0.05  #: Shares of training: what is left out at the beginning, and half a window.


def last_rises(
    steps: Int[Tensor, "snapshot"], values: Float[Tensor, "snapshot curve"], level: float
) -> Float[Tensor, "curve"]:
    """The step at which each curve rises above `level` for good, interpolated; NaN if it ends below or never rises.

    >>> last_rises(torch.tensor([0, 10, 20]), torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.1]]), level=0.5)
    tensor([15., nan], dtype=torch.float64)
    """
    t, y = steps.double(), values.double()
    rises = (y[:-1] < level) & (y[1:] >= level)
    last = len(t) - 2 - rises.flip(0).int().argmax(0)
    low, high = y.gather(0, last[None])[0], y.gather(0, last[None] + 1)[0]
    crossing = t[last] + (level - low) / (high - low) * (t[last + 1] - t[last])
    return torch.where(rises.any(0) & (y[-1] >= level), crossing, torch.nan)


def jumps(steps: Int[Tensor, "snapshot"], D: Float[Tensor, "snapshot feature"]) -> Float[Tensor, "jump"]:
    """The steps at which features jump: their dimensionality D rises above 1/4 for good, after the first tenth of training.

    Source: paper, "Superposition and learning dynamics", discrete energy level jumps.
    """
    rises = last_rises(steps, D, JUMP)
    return rises[rises >= START * float(steps[-1])].sort().values


def decrease_near(
    steps: Int[Tensor, "snapshot"],
    loss: Float[Tensor, "snapshot"],
    centres: Float[Tensor, "window"],
    *,
    half_width: float,
    shift: float = 0.0,
) -> float:
    """Share of the loss's whole decrease that falls into windows around some steps, overlaps counted once.

    >>> steps, loss = torch.tensor([0, 10, 20, 30]), torch.tensor([4.0, 4.0, 1.0, 0.0])
    >>> decrease_near(steps, loss, torch.tensor([15.0]), half_width=5)
    0.75

    Windows reach `half_width` steps to either side. All move by `shift` steps; what leaves at one end comes in at the other.
    """
    checks.require_finite(centres=centres)
    middle, length = (steps[1:] + steps[:-1]).double() / 2, float(steps[-1] - steps[0])
    away = (middle[:, None] - centres.double() - shift).remainder(length)
    inside = (torch.minimum(away, length - away) <= half_width).any(1)
    decrease = -loss.double().diff()
    return float((decrease * inside).sum() / decrease.sum())


def decrease_at_jumps(
    steps: Int[Tensor, "snapshot"], D: Float[Tensor, "snapshot feature"], loss: Float[Tensor, "snapshot"]
) -> tuple[float, Float[Tensor, "shift"]]:
    """Share of the loss's decrease after the first tenth of training that falls near jumps, and near shifted windows.

    Windows reach 5 % of training to either side of a jump. They are shifted by every hundredth of the last nine tenths. The
    steps must be evenly spaced.
    """
    length = float(steps[-1])
    later = steps >= START * length
    at, options = jumps(steps, D), {"half_width": HALF_WIDTH * length}
    shifts = (1 - START) * length * torch.arange(1, 100) / 100
    near = [decrease_near(steps[later], loss[later], at, shift=s, **options) for s in [0.0, *shifts.tolist()]]
    return near[0], torch.tensor(near[1:], dtype=torch.float64)


guard(__name__, gaps=("centres",))  # none, where nothing jumps
