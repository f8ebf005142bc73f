"""How many directions fit, and what comes back: the mathematics behind the superposition hypothesis.

Source: paper, "The superposition hypothesis", which points to almost orthogonal vectors and to compressed sensing.
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy import checks
from supertoy.streams import stream


def almost_orthogonal(
    n_dimensions: int, cosine: float, *, n_most: int = 2000, patience: int = 2000, seed: int = 0
) -> Float[Tensor, "direction dimension"]:
    """Unit vectors that are pairwise almost orthogonal, found by drawing at random and keeping what fits.

    How many fit at all grows exponentially with the number of dimensions; so does what this finds, with a smaller rate.

    Args:
        n_dimensions: d.
        cosine: the largest |cosine| between any two of them, in (0, 1).
        n_most: stop when there are so many.
        patience: stop when so many in a row did not fit.
        seed: of the draws.

    Raises:
        ValueError: n_dimensions, n_most or patience below 1; cosine not in (0, 1).

    Source: the bound is due to Johnson and Lindenstrauss (1984).

    >>> almost_orthogonal(1, cosine=0.5).shape  # on a line there is only one
    torch.Size([1, 1])
    """
    checks.require_int(n_dimensions=n_dimensions, n_most=n_most, patience=patience, at_least=1)
    if not 0 < cosine < 1:
        raise ValueError(f"cosine must lie in (0, 1), got {cosine}")
    generator = stream(seed, n_dimensions, "almost orthogonal")
    kept = torch.zeros(0, n_dimensions)
    missed = 0
    while len(kept) < n_most and missed < patience:
        drawn = torch.randn(256, n_dimensions, generator=generator)
        drawn = torch.nn.functional.normalize(drawn, dim=1)
        fits = ((drawn @ kept.T).abs() < cosine).all(1)
        for candidate, did_fit in zip(drawn, fits.tolist(), strict=True):
            # Those that fitted at first may be too near to one that was kept since.
            if did_fit and bool(((kept @ candidate).abs() < cosine).all()):
                kept, missed = torch.cat([kept, candidate[None]]), 0
            else:
                missed += 1
            if len(kept) == n_most or missed == patience:
                break
    return kept


def recovered_share(n_features: int, n_measurements: int, n_active: int, *, n_trials: int = 50, seed: int = 0) -> float:
    """How often a sparse vector comes back from few random linear measurements, by orthogonal matching pursuit.

    The active features are drawn at random, their values uniform on [1/2, 1] and of either sign; measurements are Gaussian.

    Args:
        n_features: n, the length of the vector.
        n_measurements: m.
        n_active: k, how many of its entries are not zero, at most m.
        n_trials: vectors, each with measurements of its own.
        seed: of the draws.

    Returns:
        The share of trials in which every entry is right to within 1e-6.

    Raises:
        ValueError: sizes below 1; more active features than features or measurements.

    Source: Tropp and Gilbert (2007); about k log(n / k) measurements are enough (Candès and Tao 2006, Donoho 2006).

    >>> recovered_share(50, n_measurements=40, n_active=1)
    1.0
    """
    checks.require_int(
        n_features=n_features, n_measurements=n_measurements, n_active=n_active, n_trials=n_trials, at_least=1
    )
    from sklearn.linear_model import orthogonal_mp  # takes a second, for what not everyone needs

    if n_active > min(n_features, n_measurements):
        raise ValueError(
            f"n_active must be at most the number of features and of measurements, {n_features} and {n_measurements}, "
            f"got {n_active}"
        )
    n_right = 0
    for trial in range(n_trials):
        generator = stream(seed, trial, f"recovery {n_features} {n_measurements} {n_active}")
        random = torch.randn(n_measurements, n_features, generator=generator, dtype=torch.float64)
        directions = (random / random.norm(dim=0)).numpy()
        active = torch.randperm(n_features, generator=generator)[:n_active]
        value = 0.5 + 0.5 * torch.rand(n_active, generator=generator, dtype=torch.float64)
        sign = 2.0 * torch.randint(2, (n_active,), generator=generator) - 1
        x = np.zeros(n_features)
        x[active.numpy()] = (sign * value).numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that it has found everything before the k-th step
            found = orthogonal_mp(directions, directions @ x, n_nonzero_coefs=n_active)
        n_right += bool(np.abs(found - x).max() < 1e-6)
    return n_right / n_trials
