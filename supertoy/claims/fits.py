"""Straight lines through measurements."""

import numpy as np
from jaxtyping import Float

from supertoy._util.border import guard


def straight_line(x: Float[np.ndarray, "point"], y: Float[np.ndarray, "point"]) -> tuple[float, float]:
    """Slope of the least-squares line through y over x, and the share of the variance of y that it leaves."""
    if not np.ptp(x) > 0:
        raise ValueError(f"x must hold two different numbers or more, got {x.tolist()}")
    fit = np.polynomial.polynomial.polyfit(x, y, 1)
    left = ((y - np.polynomial.polynomial.polyval(x, fit)) ** 2).sum()
    return float(fit[1]), float(left / max(((y - y.mean()) ** 2).sum(), 1e-12))


guard(__name__)
