"""Values of active features that no chapter of the paper uses: exponential, or all the same.

>>> st.Independent(n_features=5, probability=0.1, values=st.research.values.Exponential(mean=0.5))
Independent(n_features=5, probability=0.1, values=Exponential(0.5))

Source: not in the paper.
"""

import math

import numpy as np
import torch
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.values import Values


class Exponential(Values):
    """Exponential on (0, ∞): most values are small, and a few are large."""

    def __init__(self, mean: float) -> None:
        checks.require_number(mean=mean, above=0)
        self.mean, self.largest = float(mean), math.inf
        self.moments = float(mean), 2 * mean**2, 6 * mean**3

    def of_uniform(self, uniform: Tensor) -> Tensor:
        """-mean log u. The number 1 stands for the last step below it, or an active feature would be 0."""
        return self.mean * (-uniform.log()).clamp(min=torch.finfo(uniform.dtype).eps / 4)

    def nodes(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Up to 3 those of Gauss and Laguerre, exact for powers, which lie too far apart for functions that bend.

        From 4 on they are x = -4 mean log t, with t the nodes of Gauss and Legendre on [0, 1].
        """
        if n_nodes < 4:
            x, w = np.polynomial.laguerre.laggauss(n_nodes)
            return self.mean * x, w
        t, w = np.polynomial.legendre.leggauss(n_nodes)
        return -4 * self.mean * np.log((1 + t) / 2), 2 * w * ((1 + t) / 2) ** 3


class Constant(Values):
    """The same value in every active feature."""

    def __init__(self, value: float) -> None:
        if value == 0:
            raise ValueError("value must not be 0, as features are that are not active, got 0")
        self.value, self.largest = float(value), abs(float(value))
        self.moments = float(value), float(value**2), float(value**3)

    def of_uniform(self, uniform: Tensor) -> Tensor:
        """The value, whatever the number."""
        return torch.full_like(uniform, self.value)

    def nodes(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """A single one is exact."""
        return np.array([self.value]), np.ones(1)


guard(__name__)
