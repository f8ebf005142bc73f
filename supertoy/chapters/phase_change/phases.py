"""The phase change: what becomes of an extra feature when there is no room for it, in theory and in trained models.

There are n = 2 or 3 features and m = n - 1 dimensions. All features have importance 1 but the last, the extra one: `ratio`
is its importance relative to the others, and `density` is p = 1 - S. Each candidate solution either gives one feature up or
lets two share a dimension as an antipodal pair, and its expected loss is a line of algebra. Whichever is lowest at a density
and a ratio is the phase.

Source: paper, "Superposition as a phase change".
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.measures import REPRESENTED, SUPERPOSED, feature_norms, superposition


class Phase(IntEnum):
    """What a model does with the extra feature."""

    NOT_REPRESENTED = 0  #: its direction is zero
    SUPERPOSITION = 1  #: it shares its direction
    OWN_DIMENSION = 2  #: no other feature does


@dataclass(frozen=True)
class Candidate:
    """A solution that may be the best.

    Attributes:
        name: what it does.
        W: its weights, [hidden, feature].
        dropped: the feature that it does not represent and answers with the mean, if any.
        phase: what it does with the extra feature.
        loss: its expected loss in closed form, from density p and ratio r.
    """

    name: str
    W: tuple[tuple[float, ...], ...]
    dropped: int | None
    phase: Phase
    loss: Callable[[Tensor, Tensor], Tensor]


def _variance(p: Tensor) -> Tensor:
    """E x² - (E x)²: what answering a feature of importance 1 with its mean costs."""
    return p / 3 - p**2 / 4


#: Solutions by the number of features.
#:
#: :meta hide-value:
CANDIDATES = {
    2: (
        Candidate("extra feature dropped", ((1, 0),), 1, Phase.NOT_REPRESENTED, lambda p, r: r * _variance(p)),
        Candidate("antipodal pair", ((1, -1),), None, Phase.SUPERPOSITION, lambda p, r: (1 + r) * p**2 / 6),
        Candidate("first feature dropped", ((0, 1),), 0, Phase.OWN_DIMENSION, lambda p, r: _variance(p)),
    ),
    3: (
        Candidate("extra feature dropped", ((1, 0, 0), (0, 1, 0)), 2, Phase.NOT_REPRESENTED, lambda p, r: r * _variance(p)),
        Candidate(
            "pair with the extra feature",
            ((1, 0, 0), (0, 1, -1)),
            None,
            Phase.SUPERPOSITION,
            lambda p, r: (1 + r) * p**2 / 6,
        ),
        Candidate("pair of the others", ((1, -1, 0), (0, 0, 1)), None, Phase.OWN_DIMENSION, lambda p, r: p**2 / 3),
        Candidate("other feature dropped", ((0, 1, 0), (0, 0, 1)), 0, Phase.OWN_DIMENSION, lambda p, r: _variance(p)),
    ),
}


def candidate_weights(n_features: int) -> tuple[Float[Tensor, "candidate hidden feature"], Int[Tensor, "candidate feature"]]:
    """W of each candidate, and 1 where it answers a feature with its mean instead (its bias is p/2 there, 0 elsewhere).

    Source: paper, "Superposition as a phase change".
    """
    candidates = _candidates(n_features)
    W = torch.tensor([candidate.W for candidate in candidates], dtype=torch.float64)
    dropped = torch.tensor([[int(i == candidate.dropped) for i in range(n_features)] for candidate in candidates])
    return W, dropped


def candidate_losses(
    n_features: int, density: Float[Tensor, "*point"], ratio: Float[Tensor, "*point"]
) -> Float[Tensor, "candidate *point"]:
    """Expected loss of each candidate, in closed form.

    >>> candidate_losses(2, torch.tensor([4 / 7]), torch.tensor([1.0])).T  # where all three meet
    tensor([[0.1088, 0.1088, 0.1088]])

    Dropping a feature costs its importance times its variance p/3 - p²/4. An antipodal pair errs only when both features are
    active. Then both outputs are off by the smaller of the two values, and E min(x, y)² = 1/6.

    Source: paper, "Superposition as a phase change".
    """
    candidates = _candidates(n_features)
    checks.probabilities(density.reshape(1, -1), "density", density.numel(), "point")
    bad = ~((ratio >= 0) & ratio.isfinite())
    if bad.any():
        raise ValueError(f"ratio must be finite and not negative, got {ratio[bad][0]:g}")
    # Not every loss depends on both.
    return torch.stack([candidate.loss(density, ratio).expand_as(density + ratio) for candidate in candidates])


def theoretical_phase(
    n_features: int, density: Float[Tensor, "*point"], ratio: Float[Tensor, "*point"]
) -> tuple[Int[Tensor, "*point"], Float[Tensor, "*point"]]:
    """Phase of the candidate of lowest loss, and by how much the best of another phase costs more, relative to the lowest.

    >>> phase, gap = theoretical_phase(2, density=torch.tensor([0.9, 0.1]), ratio=torch.tensor([0.5, 1.0]))
    >>> [Phase(number).name for number in phase.tolist()]
    ['NOT_REPRESENTED', 'SUPERPOSITION']

    Source: paper, "Superposition as a phase change".
    """
    losses = candidate_losses(n_features, density, ratio)
    candidates = torch.tensor([candidate.phase for candidate in _candidates(n_features)])
    by_phase = torch.stack([losses[candidates == phase].amin(0) for phase in Phase])
    lowest = by_phase.sort(0).values
    return by_phase.argmin(0), lowest[1] / lowest[0] - 1


def phase_of(W: Float[Tensor, "instance hidden feature"]) -> Int[Tensor, "instance"]:
    """Phase of the last feature, the extra one, in each model.

    >>> phase_of(torch.tensor([[[1.0, 0.0]], [[1.0, -1.0]], [[0.0, 1.0]]]))
    tensor([0, 1, 2])

    It is represented if its norm is above 1/2. Then it is in superposition if Σ_{j≠i} (Ŵ_i·W_j)² is above 1/4, and has a
    dimension of its own if not.

    Source: paper, "Superposition as a phase change".
    """
    shared = superposition(W)[:, -1] > SUPERPOSED
    phase = torch.where(shared, int(Phase.SUPERPOSITION), int(Phase.OWN_DIMENSION))
    return torch.where(feature_norms(W)[:, -1] > REPRESENTED, phase, int(Phase.NOT_REPRESENTED))


def _candidates(n_features: int) -> tuple[Candidate, ...]:
    if n_features not in CANDIDATES:
        raise ValueError(f"n_features must be 2 or 3, got {n_features}")
    return CANDIDATES[n_features]


guard(__name__)
