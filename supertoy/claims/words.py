"""Measurements in words that are the same on every machine: bounds from a coarse scale, and few digits."""

import math

from torch import Tensor

from supertoy._util.border import guard


def coarse_bound(value: float | Tensor) -> float:
    """The next of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, ... above the value."""
    value = max(float(value), 0.005)
    for exponent in range(-2, 6):
        for step in (1, 2, 5):
            bound = round(step * 10.0**exponent, 2)
            if value < bound:
                return bound
    return math.inf


def below(value: float | Tensor) -> str:
    """A bound above the value, as "below 0.05"."""
    return f"below {coarse_bound(value):g}"


def at_least(share: float, bounds: tuple[int, ...] = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98)) -> str:
    """A share in per cent, as the largest of some coarse bounds that it reaches: "95 % or more"."""
    bound = max((b for b in bounds if b <= 100 * share), default=0)
    return "100 %" if share > 1 - 1e-6 else f"{bound} % or more"


guard(__name__, gaps=("value", "share"))  # what was measured, whatever it is
