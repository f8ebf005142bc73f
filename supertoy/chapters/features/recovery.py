"""How many directions fit, and how often sparse vectors come back: the mathematics of the superposition hypothesis.

Source: paper, "The superposition hypothesis", which points to almost orthogonal vectors and to compressed sensing.
"""

import warnings
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linprog
from scipy.special import eval_gegenbauer
from scipy.stats import beta
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator


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
    kept = torch.zeros(0, n_dimensions)
    missed = 0
    while len(kept) < n_most and missed < patience:
        drawn = torch.randn(256, n_dimensions, generator=generator)
        drawn = torch.nn.functional.normalize(drawn, dim=1)
        fits = ((drawn @ kept.T).abs() < cosine).all(1)
        for candidate, did_fit in zip(drawn, fits.tolist(), strict=True):
            # It fitted when the batch was drawn, but may be too near to one kept since.
            if did_fit and bool(((kept @ candidate).abs() < cosine).all()):
                kept, missed = torch.cat([kept, candidate[None]]), 0
            else:
                missed += 1
            if len(kept) == n_most or missed == patience:
                break
    return kept


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
    """Share of sparse vectors that come back from few random linear measurements, every entry to within 1e-6.

    >>> recovered_share(50, n_measurements=40, n_active=1)
    1.0

    Each trial draws Gaussian measurements and a vector: which `n_active` features are active, their values, uniform on [1/2,
    1], and their signs. Orthogonal matching pursuit takes k features one by one, always the one that best fits what is left.
    The other method looks for the vector of least L1 norm among all with the same measurements, by following the lasso's
    path to its end.

    Raises:
        ValueError: more active features than features or measurements.

    Source: Tropp and Gilbert (2007) for the pursuit, Donoho (2006) for L1, for which about k log(n / k) measurements are
    enough; Efron et al. (2004) for the path.
    """
    checks.require_int(
        n_features=n_features, n_measurements=n_measurements, n_active=n_active, n_trials=n_trials, at_least=1
    )
    if method not in ("pursuit", "l1"):
        raise ValueError(f"method must be 'pursuit' or 'l1', got {method!r}")
    if n_active > min(n_features, n_measurements):
        raise ValueError(
            f"n_active must be at most the number of features and of measurements, {n_features} and {n_measurements}, "
            f"got {n_active}"
        )
    n_right = 0
    for trial in range(n_trials):
        generator = keyed_generator(seed, trial, f"recovery {n_features} {n_measurements} {n_active}")
        random = torch.randn(n_measurements, n_features, generator=generator, dtype=torch.float64)
        directions = (random / random.norm(dim=0)).numpy()
        active = torch.randperm(n_features, generator=generator)[:n_active]
        value = 0.5 + 0.5 * torch.rand(n_active, generator=generator, dtype=torch.float64)
        sign = 2.0 * torch.randint(2, (n_active,), generator=generator) - 1
        x = np.zeros(n_features)
        x[active.numpy()] = (sign * value).numpy()
        measured = directions @ x
        found = _pursuit(directions, measured, n_active) if method == "pursuit" else _least_l1(directions, measured)
        n_right += bool(np.abs(found - x).max() < 1e-6)
    return n_right / n_trials


def _pursuit(directions: np.ndarray, measured: np.ndarray, n_active: int) -> np.ndarray:
    from sklearn.linear_model import orthogonal_mp  # takes a second, and not everyone needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it may have found everything before the k-th step
        return np.asarray(orthogonal_mp(directions, measured, n_nonzero_coefs=n_active))


def _least_l1(directions: np.ndarray, measured: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import lars_path

    with warnings.catch_warnings():
        # Near its end the path may go on for long, with a warning for each step that is too small to take.
        warnings.simplefilter("ignore")
        options = {"method": "lasso", "max_iter": 4 * len(measured), "return_path": False}
        try:
            return np.asarray(lars_path(directions, measured, **options)[2])
        except ValueError:  # scikit-learn loses count if two features leave at once; slower, same result:
            both = np.hstack([directions, -directions])
            positive, negative = np.split(linprog(np.ones(both.shape[1]), A_eq=both, b_eq=measured).x, 2)
            return np.asarray(positive - negative)


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
