"""The values of active features: uniform as in the paper, or those of `supertoy.research.values`.

>>> st.Independent(n_features=5, probability=0.1, values=st.values.Uniform(0.5, 1))
Independent(n_features=5, probability=0.1, values=Uniform(0.5, 1))

A feature that is not active is 0, and this alone tells it from others: where a value may be 0, as in the middle of `SIGNED`,
that has probability 0.

Source: paper, "Demonstrating superposition" (`UNIT`) and "Computation in superposition" (`SIGNED`).
"""

import inspect

import numpy as np
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


class Values:
    """A distribution of values; one of your own is a subclass that says both methods and both attributes."""

    moments: tuple[float, float, float]  #: E x, E x² and E x³
    largest: float  #: the largest |x|, which may be infinite

    def of_uniform(self, uniform: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Values from numbers uniform on (0, 1], by the inverse of the cumulative distribution."""
        raise NotImplementedError(f"{type(self).__name__} must say in of_uniform how values are drawn")

    def nodes(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Values, and the weights with which sums over them are expectations of smooth functions."""
        raise NotImplementedError(f"{type(self).__name__} must say in nodes where functions are to be summed")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        numbers = (getattr(self, name) for name in inspect.signature(type(self)).parameters)
        return f"{type(self).__name__}({', '.join(f'{number:g}' for number in numbers)})"


class Uniform(Values):
    """Uniform on [low, high].

    >>> st.values.Uniform(0, 1).moments
    (0.5, 0.3333333333333333, 0.25)
    """

    def __init__(self, low: float, high: float) -> None:
        if low >= high:
            raise ValueError(f"low must be less than high, got {low} and {high}")
        self.low, self.high, self.largest = float(low), float(high), float(max(abs(low), abs(high)))
        self.moments = (low + high) / 2, (low**2 + low * high + high**2) / 3, (low + high) * (low**2 + high**2) / 4

    def of_uniform(self, uniform: Tensor) -> Tensor:
        """On a line from low to high."""
        return (self.high - self.low) * uniform + self.low

    def nodes(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """`n_nodes` of Gauss and Legendre, or as many on each side of 0, where a ReLU without bias bends."""
        x, w = np.polynomial.legendre.leggauss(n_nodes)
        x, w, low, high = (1 + x) / 2, w / 2, self.low, self.high
        if not low < 0 < high:
            return low + (high - low) * x, w
        return np.concatenate([low * x[::-1], high * x]), np.concatenate([-low * w[::-1], high * w]) / (high - low)


UNIT = Uniform(0, 1)  #: the paper's values
SIGNED = Uniform(-1, 1)  #: those of its absolute-value task


guard(__name__)
