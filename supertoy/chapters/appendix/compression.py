"""Two dense values in one number: what a nonlinear code could do that superposition does not.

For x and y in [0, 1], let t = (⌊Z x⌋ + y) / Z. The digits of t in base Z say which of Z intervals x lies in, and where in
it y is. So y comes back exactly, and x to within its interval. A network has no jumps, but it can have steep segments:
their `width` ε goes from 0, the jump itself, to 1, no step at all. `n_intervals` is Z.

Source: paper, appendix "Nonlinear compression".
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


def steep_floor(u: Float[Tensor, "*shape"], width: float) -> Float[Tensor, "*shape"]:
    """⌊u⌋ for u ≥ 0, with a straight segment over the last `width` before each jump in its place.

    >>> steep_floor(torch.tensor([0.5, 0.95, 1.0]), width=0.1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if not 0 <= width <= 1:
        raise ValueError(f"width must lie in [0, 1], got {width}")
    whole = u.floor()
    if width == 0:
        return whole
    return whole + ((u - whole - (1 - width)) / width).clamp(min=0)


def compress(
    x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"], n_intervals: int, width: float
) -> Float[Tensor, "*shape"]:
    """t = (⌊Z x⌋ + y) / Z, with steep segments for jumps. It lies in [0, 1 + 1/Z]."""
    return (steep_floor(n_intervals * x, width) + y) / n_intervals


def decompress(
    t: Float[Tensor, "*shape"], n_intervals: int, width: float
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """What t says of x, the middle of its interval, and of y.

    >>> t = compress(torch.tensor([0.4]), torch.tensor([0.25]), n_intervals=3, width=0.1)
    >>> decompress(t, n_intervals=3, width=0.1)  # x to within its third, y exactly
    (tensor([0.5000]), tensor([0.2500]))
    """
    interval = steep_floor(n_intervals * t, width)
    return ((interval + 0.5) / n_intervals).clamp(max=1), n_intervals * t - interval


def compression_loss(n_intervals: int, width: float, n_points: int = 1000) -> float:
    """E (x - x')² + (y - y')² for x and y uniform on [0, 1], by the midpoint rule with `n_points` in each direction.

    >>> round(compression_loss(3, width=0.0), 4), round(1 / (12 * 3**2), 4)
    (0.0093, 0.0093)

    With jumps it is 1 / (12 Z²). For comparison: it costs 1/12 to keep one value and the mean of the other, and just as much
    to keep only the mean of the two.
    """
    points = (torch.arange(n_points, dtype=torch.float64) + 0.5) / n_points
    x, y = torch.meshgrid(points, points, indexing="ij")
    x_back, y_back = decompress(compress(x, y, n_intervals, width), n_intervals, width)
    return ((x - x_back).square() + (y - y_back).square()).mean().item()


guard(__name__)
