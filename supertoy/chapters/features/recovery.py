"""How many directions fit, and how often sparse vectors come back: the mathematics of the superposition hypothesis.

Source: paper, "The superposition hypothesis", which points to almost orthogonal vectors and to compressed sensing.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linprog
from scipy.special import eval_gegenbauer
from scipy.stats import beta
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.research.basis_pursuit import interior_points

_NUMBERS_AT_ONCE = 2**18  # of the measurements in a batch of trials, so that a few times as many fit in the cache
_MOST_STEPS, _CLEAR, _EXACT = 20, 1e-6, 1e-10  # to decide a trial; what is more than rounding, and what is no more


def almost_orthogonal(
    n_dimensions: int, cosine: float, *, n_most: int = 2000, patience: int = 2000, seed: int = 0
) -> Float[Tensor, "direction dimension"]:
    """Unit vectors that are pairwise almost orthogonal, found by drawing at random and keeping what fits.

    >>> almost_orthogonal(1, cosine=0.5).shape  # on a line there is only one
    torch.Size([1, 1])

    The number that fits grows exponentially with the number of dimensions. So does the number found, at a smaller rate.

    Args:
        cosine: all |cosine| between two vectors are below it; in (0, 1).
        n_most: stop at this many vectors.
        patience: stop when this many in a row did not fit.

    Source: the bound is due to Johnson and Lindenstrauss (1984).
    """
    checks.require_int(n_dimensions=n_dimensions, n_most=n_most, patience=patience, at_least=1)
    _require_cosine(cosine)
    generator = keyed_generator(seed, n_dimensions, "almost orthogonal")
    kept, missed = torch.zeros(1, n_dimensions), 0  # the origin, near to nothing; misses in a row since the last that fitted
    while len(kept) <= n_most and missed < patience:
        drawn = torch.nn.functional.normalize(torch.randn(256, n_dimensions, generator=generator), dim=1)
        # These fit with what was kept before, but may be too near to each other: the first comes first.
        fitting = ((kept @ drawn.T).abs_().amax(0) < cosine).nonzero()[:, 0]
        too_near = ((drawn[fitting] @ drawn[fitting].T).abs() >= cosine).numpy()
        free, chosen, last = np.ones(len(fitting), dtype=bool), [], -1 - missed
        for k, place in enumerate(fitting.tolist()):
            if place - last > patience:
                break
            if free[k]:
                free &= ~too_near[k]
                chosen.append(place)
                last = place
        kept = torch.cat([kept, drawn[chosen]])
        missed = len(drawn) - 1 - last
    return kept[1 : n_most + 1]


def guaranteed_directions(n_dimensions: int, cosine: float) -> float:
    """1 / P(|cosine| >= ε) for two random directions: this many fit, whatever has been placed already.

    >>> round(guaranteed_directions(2, cosine=0.5), 6)  # a line in the plane rules out 60° to either side
    1.5

    Each direction rules out its two caps, a share P of the sphere. While there are fewer than 1 / P, some place is left.
    There are at least 2 dimensions; `cosine` is ε, in (0, 1).
    """
    checks.require_int(n_dimensions=n_dimensions, at_least=2)
    _require_cosine(cosine)
    # The squared cosine of a random direction with a fixed one has a beta distribution.
    return float(1 / beta.sf(cosine**2, 0.5, (n_dimensions - 1) / 2))


def delsarte_bound(n_dimensions: int, cosine: float, degree: int = 24) -> float:
    """No more directions than this are pairwise almost orthogonal, |cosine| <= ε.

    >>> round(delsarte_bound(8, cosine=0.5), 2)  # there is one such arrangement, the root system E8
    120.0

    Take a polynomial f(t) = 1 + Σ f_k P_k(t) with all f_k >= 0, where P_k are the even Gegenbauer polynomials and
    P_k(1) = 1. Over all pairs of N unit vectors the sum of P_k is never negative, so the sum of f is at least N². If f is
    nowhere positive on [0, ε], only the N pairs of a vector with itself add to it: N² <= N f(1). A linear program finds the
    f with the least f(1).

    There are at least 3 dimensions; `cosine` is ε, in (0, 1); `degree` is that of f. Infinite if the program finds no f.

    Source: Delsarte, Goethals and Seidel (1977).
    """
    checks.require_int(n_dimensions=n_dimensions, at_least=3)
    checks.require_int(degree=degree, at_least=2)
    _require_cosine(cosine)
    orders = range(2, degree + 1, 2)
    # More nodes near the ends, where f touches zero.
    nodes = cosine * (1 - np.cos(np.linspace(0, np.pi, 400))) / 2
    P = np.stack([_gegenbauer(k, n_dimensions, nodes) for k in orders])
    size = np.abs(P).max(1)  # they differ widely in many dimensions
    solution = linprog(1 / size, A_ub=(P / size[:, None]).T, b_ub=-np.ones(len(nodes)))
    if solution.x is None:
        return float("inf")
    f = solution.x / size
    between = np.linspace(0, cosine, 5001)
    above = max(0.0, (1 + f @ np.stack([_gegenbauer(k, n_dimensions, between) for k in orders])).max())
    # Between the nodes f may rise above zero; lowered by that much, it is a valid f again.
    return float((1 + f.sum() - above) / (1 - above))


def _gegenbauer(order: int, n_dimensions: int, t: np.ndarray) -> np.ndarray:
    """The Gegenbauer polynomial for the sphere in d dimensions, 1 at t = 1."""
    index = n_dimensions / 2 - 1
    return np.asarray(eval_gegenbauer(order, index, t) / eval_gegenbauer(order, index, 1.0))


def _require_cosine(cosine: float) -> None:
    if not 0 < cosine < 1:
        raise ValueError(f"cosine must lie in (0, 1), got {cosine}")


def recovered_share(
    n_features: int,
    n_measurements: int,
    n_active: int,
    *,
    method: Literal["pursuit", "l1"] = "pursuit",
    n_trials: int = 50,
    seed: int = 0,
) -> float:
    """Share of sparse vectors that come back from few random linear measurements, exactly.

    >>> recovered_share(50, n_measurements=40, n_active=1)
    1.0

    Each trial draws Gaussian measurements and a vector: which `n_active` features are active, their values, uniform on [1/2,
    1], and their signs. Orthogonal matching pursuit takes k features one by one, always the one that best fits what is left.
    The other method takes the vector of least L1 norm among all with the same measurements.

    Raises:
        ValueError: more active features than features or measurements.

    Source: Tropp and Gilbert (2007) for the pursuit, Donoho (2006) for L1, for which about k log(n / k) measurements are
    enough.
    """
    checks.require_int(
        n_features=n_features, n_measurements=n_measurements, n_active=n_active, n_trials=n_trials, at_least=1
    )
    if method not in _COMES_BACK:
        raise ValueError(f"method must be 'pursuit' or 'l1', got {method!r}")
    if n_active > min(n_features, n_measurements):
        raise ValueError(
            f"n_active must be at most the number of features and of measurements, {n_features} and {n_measurements}, "
            f"got {n_active}"
        )
    n_right, purpose = 0, f"recovery {n_features} {n_measurements} {n_active}"
    for some in torch.arange(n_trials).split(max(1, _NUMBERS_AT_ONCE // (n_measurements * n_features))):
        parts = [
            _measured(n_features, n_measurements, n_active, keyed_generator(seed, trial, purpose)) for trial in some.tolist()
        ]
        random, active, values = (torch.stack(part) for part in zip(*parts, strict=True))
        directions = torch.nn.functional.normalize(random.double(), dim=1)
        n_right += int(_COMES_BACK[method](directions, active, values).sum())
    return n_right / n_trials


def _measured(n: int, m: int, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Normal numbers [m, n], which k features are active, and their values with signs."""
    random = torch.randn(m, n, generator=generator)  # in float64 it would take six times as long
    active = torch.randperm(n, generator=generator)[:k]
    value = 0.5 + 0.5 * torch.rand(k, generator=generator, dtype=torch.float64)
    sign = 2.0 * torch.randint(2, (k,), generator=generator) - 1
    return random, active, sign * value


def _by_pursuit(directions: Tensor, active: Tensor, values: Tensor) -> Bool[Tensor, "trial"]:
    """Whether every step takes an active feature: after the last one all are known, and so are their values."""
    trial = torch.arange(len(directions))
    left = values[:, None] @ _columns(directions, active).mT  # [trial, 1, m]
    right, basis = torch.ones(len(trial), dtype=torch.bool), left[:, :0]
    for _ in range(active.shape[1]):
        best = (left @ directions)[:, 0].abs_().argmax(1)
        right &= (active == best[:, None]).any(1)
        if not right.any():
            break
        taken = directions[trial, :, best][:, None]
        taken = torch.nn.functional.normalize(taken - taken @ basis.mT @ basis, dim=2)
        left = left - left @ taken.mT * taken
        basis = torch.cat([basis, taken], dim=1)
    return right


def _by_l1(directions: Tensor, active: Tensor, values: Tensor) -> Bool[Tensor, "trial"]:
    """Whether the vector x has the least L1 norm of all with its measurements, and no other has.

    It has if some y proves it: |a_j · y| is below 1 at all features, but a_j · y is the sign of x_j at active ones. It has
    not if one of the others is seen to be smaller. Steps to the least one soon show either.
    """
    n_trials, n_dimensions, n_features = directions.shape
    if n_dimensions >= n_features:
        return torch.ones(n_trials, dtype=torch.bool)  # as many equations as unknowns
    own, sign, size = _columns(directions, active), values.sign(), values.abs().sum(1)
    measured = (values[:, None] @ own.mT)[:, 0]
    factor, _ = torch.linalg.cholesky_ex(own.mT @ own)
    right = wrong = torch.zeros(n_trials, dtype=torch.bool)
    for _, (x, y) in zip(range(_MOST_STEPS), interior_points(directions, measured, signed=True), strict=False):
        signs_off = sign - (y[:, None] @ own)[:, 0]
        y = y + (own @ torch.cholesky_solve(signs_off[..., None], factor))[..., 0]  # the nearest that has them right
        product = (y[:, None] @ directions)[:, 0]
        at_active, others = product.gather(1, active) - sign, product.scatter(1, active, 0.0)
        right = right | (others.abs().amax(1) < 1 - _CLEAR) & (at_active.abs().amax(1) < _EXACT)
        missed = (x[:, None] @ directions.mT)[:, 0] - measured
        wrong = wrong | (x.abs().sum(1) < size * (1 - _CLEAR)) & (missed.abs().amax(1) < _EXACT)
        if (right | wrong).all():
            break
    for trial in (~(right | wrong)).nonzero()[:, 0].tolist():  # too close for that: slower, and to the last digit
        found = _least_l1(directions[trial].numpy(), measured[trial].numpy())
        right[trial] = np.allclose(found[active[trial]], values[trial], rtol=0, atol=1e-6)
    return right


def _least_l1(directions: np.ndarray, measured: np.ndarray) -> np.ndarray:
    both = np.hstack([directions, -directions])
    positive, negative = np.split(linprog(np.ones(both.shape[1]), A_eq=both, b_eq=measured).x, 2)
    return np.asarray(positive - negative)


def _columns(directions: Tensor, chosen: Tensor) -> Float[Tensor, "trial dimension chosen"]:
    return directions.gather(2, chosen[:, None].expand(-1, directions.shape[1], -1))


_COMES_BACK = {"pursuit": _by_pursuit, "l1": _by_l1}


def measurements_needed(
    n_measurements: Int[Tensor, "size"], recovered: Float[Tensor, "size"], shares: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> Float[Tensor, "share"]:
    """From how many measurements on given shares of vectors come back.

    >>> measurements_needed(torch.tensor([10, 20, 30]), torch.tensor([0.0, 0.5, 1.0]).double())
    tensor([12., 20., 28.], dtype=torch.float64)

    The measured shares are made to rise (isotonic regression) and interpolated.

    Raises:
        ValueError: n_measurements does not rise; a share is reached from the first size on, or not at all.
    """
    from sklearn.isotonic import isotonic_regression

    m = n_measurements.double().numpy()
    if recovered.shape != n_measurements.shape or not (np.diff(m) > 0).all():
        raise ValueError(f"n_measurements must rise, with a share for each, got {m.tolist()} for {len(recovered)} shares")
    rising = isotonic_regression(recovered.double().numpy())
    if not all(rising[0] < share <= rising[-1] for share in shares):
        raise ValueError(f"shares must be crossed between {rising[0]:g} and {rising[-1]:g}, got {shares}")
    crossings = []
    for share in shares:
        k = int(np.argmax(rising >= share))  # the first that reaches it; the one before does not
        step = (share - rising[k - 1]) / (rising[k] - rising[k - 1])
        crossings.append(m[k - 1] + step * (m[k] - m[k - 1]))
    return torch.tensor(crossings, dtype=torch.float64)


guard(__name__)
