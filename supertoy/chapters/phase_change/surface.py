"""The loss surface of the smallest model: two features, one hidden dimension, no bias, in closed form.

With W = (w1, w2) the outputs are ReLU(w1² x1 + w1 w2 x2) and ReLU(w1 w2 x1 + w2² x2). Where w1 w2 >= 0 no ReLU ever cuts
anything, and the loss is a polynomial. Where w1 w2 < 0 each ReLU cuts the unit square along a line through the origin, and
the integrals over what is left are elementary too. The density is p = 1 - S; the ratio r is the importance of the second
feature relative to the first.

Source: T. McGrath's comment on the paper, "Superposition as a phase change".
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard


def loss_surface(
    w1: Float[Tensor, "*point"],
    w2: Float[Tensor, "*point"],
    density: float | Float[Tensor, "*#point"],
    ratio: float | Float[Tensor, "*#point"],
) -> Float[Tensor, "*point"]:
    """E (x_1 - x'_1)² + r E (x_2 - x'_2)² of a ReLU-output model with n = 2, m = 1 and no bias; exact.

    >>> loss_surface(torch.tensor(1.0), torch.tensor(-1.0), 0.1, 1.0)  # the antipodal pair: p² / 3
    tensor(0.0033)

    Autograd gives its slope. On the axes the slope has a kink, and autograd gives that of one side.

    Source: T. McGrath's comment on the paper, "Superposition as a phase change".
    """
    if bool((torch.as_tensor(ratio) < 0).any()):
        raise ValueError(f"ratio must not be negative, got {torch.as_tensor(ratio).min():g}")
    p = density
    return _output_loss(w1, w2, p) + ratio * _output_loss(w2, w1, p)


def _output_loss(own: Tensor, other: Tensor, p: float | Tensor) -> Tensor:
    """E (x - ReLU(a x + c y))², a = own², c = own other; x is this output's feature, y the other."""
    a, c = own**2, own * other
    alone = (1 - a) ** 2 / 3  # x active, y not: E x² = 1/3
    disturbed = c.clamp(min=0) ** 2 / 3  # y active, x not
    return p * (1 - p) * (alone + disturbed) + p**2 * _both_active(a, c)


def _both_active(a: Tensor, c: Tensor) -> Tensor:
    """E (x - ReLU(a x + c y))² for x, y uniform on [0, 1]."""
    k = (-c).clamp(min=0)
    linear = (1 - a) ** 2 / 3 - (1 - a) * c / 2 + c**2 / 3
    # c = -k < 0. The pre-activation z = a x - k y is positive below the line y = (a / k) x.
    # If that line leaves the square at the right, a <= k: E ReLU(z)² = a³ / 12k and E x ReLU(z) = a² / 8k.
    # If it leaves at the top, what is cut off is a triangle: E ReLU(-z)² = k³ / 12a, E x ReLU(-z) = k³ / 24a², and
    # ReLU(z) = z + ReLU(-z).
    cut_right, cut_top = (c < 0) & (a <= k), (c < 0) & (a > k)
    slope, inverse = a / torch.where(cut_right, k, 1), k / torch.where(cut_top, a, 1)
    right = 1 / 3 - a * slope / 4 + a**2 * slope / 12
    top = linear - k**2 * inverse / 12 - k * inverse**2 / 12
    return torch.where(cut_right, right, torch.where(cut_top, top, linear))


@dataclass(frozen=True)
class Minimum:
    """A local minimum of the loss surface.

    Attributes:
        w1: weight of the first feature, not negative (W and -W are the same model).
        w2: weight of the second.
        loss: at the minimum.
    """

    w1: float
    w2: float
    loss: float

    @property
    def name(self) -> str:
        """What the model does: "first feature", "second feature", "antipodal pair", or "confused features"."""
        if min(abs(self.w1), abs(self.w2)) < 0.25 * max(abs(self.w1), abs(self.w2)):
            return "first feature" if abs(self.w1) > abs(self.w2) else "second feature"
        return "antipodal pair" if self.w1 * self.w2 < 0 else "confused features"


def minima(density: float, ratio: float) -> list[Minimum]:
    """All local minima of the loss surface, lowest first.

    >>> [minimum.name for minimum in minima(density=0.1, ratio=1.0)]
    ['antipodal pair', 'confused features']

    A fine grid covers w1 in [0, 1.5] and w2 in [-1.5, 1.5]. A descent, BFGS on the closed form, starts from each cell that
    lies below its eight neighbours. Starts that lead to the same point count once.

    Source: T. McGrath's comment on the paper, "Superposition as a phase change".
    """
    checks.require_number(above=0, ratio=ratio)
    line = torch.arange(-75, 76, dtype=torch.float64) / 50  # with an exact 0, where minima with w1 = 0 lie
    w1, w2 = torch.meshgrid(line, line, indexing="ij")
    loss = loss_surface(w1, w2, density, ratio)
    lowest_near = -torch.nn.functional.max_pool2d(-loss[None], 3, stride=1, padding=1)[0]
    starts = torch.stack([w1, w2], -1)[(loss == lowest_near) & (w1 >= 0)]

    @torch.enable_grad()
    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        w = torch.tensor(point, requires_grad=True)
        value = loss_surface(w[0], w[1], density, ratio)
        value.backward()
        assert w.grad is not None
        return value.item(), w.grad.numpy()

    found: list[Minimum] = []
    for start in starts.numpy():
        solution = minimize(value_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-9})
        a, b = solution.x if solution.x[0] >= 0 else -solution.x
        if all(min(np.hypot(a - m.w1, b - m.w2), np.hypot(a + m.w1, b + m.w2)) > 1e-2 for m in found):
            found.append(Minimum(float(a), float(b), float(solution.fun)))
    return sorted(found, key=lambda minimum: minimum.loss)


guard(__name__)
