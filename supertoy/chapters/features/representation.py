"""Where a representation stands: four properties, each stricter than the one before.

A representation takes features x to hidden numbers h. It is *decomposable* if what one feature adds to h does not depend on
the others. It is *linear* if that is also proportional to the feature's value, and *not in superposition* if the features'
directions are also independent, so that a matrix can undo it. It is *basis-aligned* if each direction is also that of one
neuron.

Source: paper, "Definitions and motivation: features, directions, and superposition".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.measures import REPRESENTED
from supertoy.neurons import MONOSEMANTIC
from supertoy.values import UNIT, Values

Representation = Callable[[Tensor], Tensor]  #: from x [row, feature] to h [row, hidden]

#: From the weakest to the strictest.
PROPERTIES = ("decomposable", "linear", "not in superposition", "basis-aligned")

#: A hundredth of the variance is a tenth of the amplitude. A matrix that shrinks one direction to less than a tenth of
#: another cannot be undone under noise. For alignment the bound is `neurons.MONOSEMANTIC`, as wherever neurons are counted.
TOLERANCE, INDEPENDENT = 0.01, 0.1


class Properties(NamedTuple):
    """How far a representation is from each property, and so which it has.

    Attributes:
        not_additive: share of the variance of h that is left when two inputs exchange some features; 0 if decomposable.
        not_linear: share of the variance of h that the best W x + c does not explain; 0 if linear.
        independence: smallest singular value of W over its largest, for represented features alone; 0 if their directions
            are dependent, 1 if they are orthogonal and equally long.
        alignment: share of ‖W_i‖² in its largest entry, for the represented feature where it is least; 1 if aligned.
    """

    not_additive: float
    not_linear: float
    independence: float
    alignment: float

    @property
    def holds(self) -> tuple[bool, bool, bool, bool]:
        """For each of `PROPERTIES`, whether the representation has it and all that come before it."""
        decomposable = self.not_additive <= TOLERANCE
        linear = decomposable and self.not_linear <= TOLERANCE
        independent = linear and self.independence >= INDEPENDENT
        return decomposable, linear, independent, independent and self.alignment >= MONOSEMANTIC

    @property
    def highest(self) -> str:
        """The strictest property that it has, or "none"."""
        return next((name for name, held in zip(PROPERTIES[::-1], self.holds[::-1], strict=True) if held), "none")


def properties_of(
    representation: Representation, n_features: int, values: Values = UNIT, *, n_rows: int = 4096, seed: int = 0
) -> Properties:
    """Measure a representation, on inputs in which every feature is active.

    >>> properties_of(lambda x: x @ torch.tensor([[1.0, -1.0], [1.0, 1.0]]).double(), n_features=2).highest
    'not in superposition'
    >>> properties_of(lambda x: x.prod(1, keepdim=True), n_features=2).highest
    'none'

    *Additivity* by exchange: take two inputs and swap some of their features. If each feature adds its own part, h(x) + h(y)
    stays what it was. The measure is E ‖h(x) + h(y) - h(x') - h(y')‖² / (4 E ‖h - E h‖²) for a random choice of features. It
    is 0 exactly if the representation is decomposable. Otherwise it is between half and all of the share of the variance
    that comes from interactions (all of it with two features).

    *Linearity* by regression, which also gives the W of the last two properties. A feature counts as represented if its
    ‖W_i‖ is above half of the largest.

    Args:
        representation: gets x in float64.
        values: of all features.
        n_rows: inputs of each kind, more than features.

    Raises:
        ValueError: h has another shape than [row, hidden], is not finite, or is the same for every x.
    """
    checks.require_int(n_rows=n_rows, at_least=n_features + 1)
    generator = keyed_generator(seed, n_features, "representation")
    x, y = torch.rand(2, n_rows, n_features, generator=generator, dtype=torch.float64)
    x, y = values.of_uniform(x), values.of_uniform(y)
    h, h_y = (_hidden(representation, each) for each in (x, y))
    variance = (h - h.mean(0)).square().sum(1).mean()
    if not variance > 0:
        raise ValueError("representation must depend on x, got the same h for every x")
    swap = _some(n_rows, n_features, generator)
    swapped = [torch.where(swap, a, b) for a, b in ((x, y), (y, x))]
    left = h + h_y - sum(_hidden(representation, each) for each in swapped)
    not_additive = left.square().sum(1).mean() / (4 * variance)

    centred, h = x - x.mean(0), h - h.mean(0)
    W = torch.linalg.lstsq(centred, h).solution.T  # [hidden, feature]
    not_linear = (h - centred @ W.T).square().sum(1).mean() / variance
    independence, alignment = _of_directions(W)
    return Properties(not_additive.item(), not_linear.item(), independence, alignment)


def _hidden(representation: Representation, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row hidden"]:
    h = representation(x)
    if h.ndim != 2 or len(h) != len(x):
        raise ValueError(f"representation must return h [{len(x)} rows, hidden], got shape {list(h.shape)}")
    checks.require_finite(h=h)
    return h.detach().double()


def _some(n_rows: int, n_features: int, generator: torch.Generator) -> Tensor:
    """For each row some features: neither none nor all, unless there is only one."""
    chosen = torch.rand(n_rows, n_features, generator=generator) < 0.5
    same = (chosen == chosen[:, :1]).all(1)
    one = torch.randint(n_features, (n_rows,), generator=generator)
    chosen[same, one[same]] = ~chosen[same, one[same]]
    return chosen


def _of_directions(W: Float[Tensor, "hidden feature"]) -> tuple[float, float]:
    """Independence and alignment of the represented features' columns."""
    norm = torch.linalg.vector_norm(W, dim=0)
    if not norm.max() > 0:
        return 0.0, 0.0
    kept = W[:, norm > REPRESENTED * norm.max()]
    singular = torch.linalg.svdvals(kept)
    independence = 0.0 if kept.shape[1] > kept.shape[0] else (singular.min() / singular.max()).item()
    squares = kept.square()
    return independence, (squares.amax(0) / squares.sum(0)).min().item()


guard(__name__)
