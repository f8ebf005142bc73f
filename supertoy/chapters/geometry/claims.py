"""How the claims of "The geometry of superposition" are judged.

Sparsities ascend. A feature is represented if its norm is above 1/2. `supertoy.polytopes` says which shape a group of
features has.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy.claims import Outcome, registry
from supertoy.claims.words import at_least, below
from supertoy.curves import first_crossing
from supertoy.measures import REPRESENTED, dimensions_per_feature, feature_dimensionality, feature_norms, n_represented
from supertoy.polytopes import POLYTOPES, tegum_factors

#: Dimensionalities of features in the shapes that the paper names.
LEVELS = {"3/4": 3 / 4, "2/3": 2 / 3, "1/2": 1 / 2, "2/5": 2 / 5, "3/8": 3 / 8}


@registry.claim(
    "geometry/sticky",
    says="D* = m / ‖W‖² stays at 1 and at 1/2 while sparsity grows",
    criterion="at each of the two levels, three or more neighbouring sparsities with D* within 5 % of it; 40 sparsities, "
    "evenly spaced on a log axis from 1 / (1 - S) = 1 to 100",
    reason="three neighbours of forty within 5 % is a plateau that one sees; a smooth curve passes each level in one or two",
    figure="fig-dstar",
    numbers={
        "neighbouring sparsities (of 40) on the plateau at 1": "a plateau",
        "neighbouring sparsities (of 40) on the plateau at 1/2": "a plateau",
    },
)
def sticky(W: Float[Tensor, "setting hidden feature"]) -> Outcome:
    """Judge models over sparsity."""
    D = dimensions_per_feature(W)
    longest = {name: _longest_run((D / level - 1).abs() < 0.05) for name, level in (("1", 1.0), ("1/2", 0.5))}
    held = tuple(n >= 3 for n in longest.values())
    text = ", ".join(f"{'three or more' if n >= 3 else 'fewer than three'} at {name}" for name, n in longest.items())
    return Outcome(
        held,
        f"neighbouring sparsities with D* within 5 %: {text}",
        {f"neighbouring sparsities (of {len(D)}) on the plateau at {name}": float(n) for name, n in longest.items()},
    )


@registry.claim(
    "geometry/levels",
    says="feature dimensionalities cluster at 3/4, 2/3, 1/2, 2/5 and 3/8",
    criterion="within 0.01 of each level there are at least twice as many features as an even spread of all "
    "dimensionalities between 0.3 and 1 would put there",
    reason="twice what an even spread gives is a cluster that one sees",
    figure="fig-dimensionalities",
)
def levels(W: Float[Tensor, "setting hidden feature"]) -> Outcome:
    """Judge models over sparsity."""
    D = feature_dimensionality(W)
    D = D[(feature_norms(W) > REPRESENTED) & (D >= 0.3)]
    if not len(D):
        return Outcome((False,) * len(LEVELS), "no feature has a dimensionality of 0.3 or more")
    even = len(D) * 0.02 / 0.7
    excess = {name: float(((D - level).abs() < 0.01).sum()) / even for name, level in LEVELS.items()}
    # The smaller clusters come and go from seed to seed; only what is far above the threshold is worth naming.
    strong = [name for name, times in excess.items() if times >= 5]
    weak = [name for name in LEVELS if name not in strong]
    return Outcome(
        tuple(times >= 2 for times in excess.values()),
        f"more than five times an even spread at {', '.join(strong) or 'none'}; less at {', '.join(weak) or 'none'}",
    )


@registry.claim(
    "geometry/budget",
    says="feature dimensionalities add up to about m, the number of dimensions",
    criterion="the sum is within 5 % of m at 95 % or more of the sparsities",
    reason='"about m when packing is efficient" is read as 5 %, nearly everywhere',
    figure="fig-dimensionalities",
)
def budget(W: Float[Tensor, "setting hidden feature"]) -> Outcome:
    """Judge models over sparsity.

    >>> print(st.claims.check("geometry/budget", [{"W": torch.eye(2).repeat(1, 1, 1)}]))
    geometry/budget: reproduced; within 5 % of m at 100 % of 1 sparsities; off by below 0.01 m
    """
    off = (feature_dimensionality(W).sum(-1) / W.shape[1] - 1).abs()
    share = (off < 0.05).double().mean().item()
    return Outcome(
        (share >= 0.95,), f"within 5 % of m at {at_least(share)} of {len(W)} sparsities; off by {below(off.max())} m"
    )


@registry.claim(
    "geometry/size-free",
    says="D* as a function of S hardly depends on n or m, as long as n is much larger than m",
    criterion="at every sparsity at which at most half of the features of either model are represented, the D* of the two "
    "differ by at most 10 %",
    reason='"hardly" is read as 10 %, where there are features to spare, as the paper asks',
    figure="fig-dstar",
)
def size_free(W: Float[Tensor, "setting _m _n"], W_reference: Float[Tensor, "setting _M _N"]) -> Outcome:
    """Judge models of two sizes at the same sparsities."""
    room = (n_represented(W) <= W.shape[2] / 2) & (n_represented(W_reference) <= W_reference.shape[2] / 2)
    ratio = (dimensions_per_feature(W) / dimensions_per_feature(W_reference))[room]
    if not len(ratio):
        return Outcome((False,), "there is no sparsity at which at most half of the features are represented")
    off = torch.maximum(ratio, 1 / ratio).max().item() - 1
    size = f"n = {W.shape[2]}, m = {W.shape[1]}"
    return Outcome((off <= 0.1,), f"{size}: D* differs by {below(off)} of it where n is large enough")


@registry.claim(
    "geometry/tegum",
    says="the triangular bipyramid is triangle × digon, the octahedron three digons, the pentagonal bipyramid pentagon × "
    "digon; models with m = 3 and as many features find them",
    criterion="the polytope's vertices fall into these factors with the dimensionalities 2/3, 1/2, 2/5; so do the "
    "features of the model of lowest loss. The polytopes are the cases",
    reason="the factors are exact for polytopes, and clusters of a trained model's features are counted as shapes",
    figure="fig-solids",
)
def tegum(name: str, vertices: Float[Tensor, "3 feature"], W: Float[Tensor, "3 feature"], factors: Sequence[str]) -> Outcome:
    """Judge a polytope, whose vertices are columns, and the model of as many features with the lowest loss."""
    ideal = tegum_factors(vertices)
    D = feature_dimensionality(vertices[None])[0]
    wanted = torch.cat([D.new_full((len(f.features),), f.n_dimensions / len(f.features)) for f in ideal])
    decomposes = Counter(f.shape for f in ideal) == Counter(factors)
    decomposes &= bool((D[[i for f in ideal for i in f.features]] - wanted).abs().max() < 1e-4)
    found = Counter(factor.shape for factor in tegum_factors(W))
    shapes = " × ".join(f"{k} {shape}s" if k > 1 else shape for shape, k in found.items())
    return Outcome((decomposes, found == Counter(factors)), f"{name}: the model of lowest loss is {shapes}")


@registry.claim(
    "geometry/low-rank",
    says="polytopes are low-rank WᵀW; projecting the basis of R^n orthogonally to (1, ..., 1) gives the simplex",
    criterion="for n = 2 to 8 the projected basis has n equal norms, n (n - 1) / 2 cosines of -1 / (n - 1) and rank n - "
    "1; of every named shape the Gram matrix of the k vertices has the rank of its dimensions",
    reason="algebra: exact up to rounding",
    figure="fig-solids",
)
def low_rank(
    projected: Sequence[Float[Tensor, "_n _n"]], vertices: Mapping[str, Float[np.ndarray, "_number _dimension"]]
) -> Outcome:
    """Judge the basis of R^n, projected, for n = 2 to 8; and the vertices of each named shape, as rows."""

    def is_simplex(points: Tensor) -> bool:
        n = len(points)
        unit = torch.nn.functional.normalize(points, dim=0)
        cosines = (unit.mT @ unit)[*np.triu_indices(n, 1)]
        norms = points.norm(dim=0)
        same = bool((cosines + 1 / (n - 1)).abs().max() < 1e-6 and (norms - norms[0]).abs().max() < 1e-6)
        return same and int(torch.linalg.matrix_rank(points)) == n - 1

    simplices = sum(is_simplex(points) for points in projected)
    ranks = all(np.linalg.matrix_rank(points @ points.T, tol=1e-6) == points.shape[1] for points in vertices.values())
    all_sizes = [len(points) for points in projected] == list(range(2, 9))
    return Outcome(
        (simplices == len(projected) and all_sizes, ranks and set(vertices) == set(POLYTOPES)),
        f"{simplices} of {len(projected)} projections are simplices; ranks of the {len(vertices)} shapes "
        f"{'are' if ranks else 'are not'} their dimensions",
    )


@registry.claim(
    "geometry/pentagon-stretch",
    says="as one feature of a pentagon becomes denser the others move away from it; as it becomes sparser they move in",
    criterion="mean angle to its two neighbours above 73° where it is twice as dense or more, below 71° where it is half "
    "as dense or less and the best pentagon is still a pentagon",
    reason="72° is the undisturbed pentagon, and 1° more than the noise of training",
    figure="fig-perturbed",
)
def pentagon_stretch(ratio: Float[Tensor, "setting"], W: Float[Tensor, "setting 2 5"]) -> Outcome:
    """Judge the best pentagon for each ratio of the last feature's density to that of the others."""
    angle = torch.atan2(W[:, 1], W[:, 0]).double()
    away = torch.rad2deg((angle[:, :4] - angle[:, 4:]).remainder(2 * math.pi))
    away = torch.minimum(away, 360 - away).sort(1).values[:, :2].mean(1)
    dense, sparse = away[ratio >= 2], away[ratio <= 0.5]
    moves_away, moves_in = len(dense) > 0 and bool((dense > 73).all()), len(sparse) > 0 and bool((sparse < 71).all())
    return Outcome(
        (moves_away, moves_in),
        f"neighbours of the feature, 72° away in a pentagon, are {'' if moves_away else 'not '}more than 73° away at "
        f"twice the density and above, {'' if moves_in else 'not '}less than 71° at half of it and below",
    )


@registry.claim(
    "geometry/pentagon-digon",
    says="when the feature is about 2.5 times sparser than the others, the best solution changes from a pentagon to two "
    "digons without it; the losses of the two cross",
    criterion="the lowest losses of the two geometries cross, both found on either side, with slopes that differ by 10 % "
    "or more; the crossing is 2 to 3 times sparser",
    reason='"about 2.5" is read as 2 to 3; slopes that differ are what first order means',
    figure="fig-snap",
    numbers={
        "times sparser where the losses cross": "about 2.5",
    },
    gaps=("pentagon", "digons"),
)
def pentagon_digon(
    ratio: Float[Tensor, "setting"], pentagon: Float[Tensor, "setting"], digons: Float[Tensor, "setting"]
) -> Outcome:
    """Judge where two geometries cost the same.

    `pentagon` and `digons` are the lowest losses of a pentagon and of two digons without the last feature, at ascending
    ratios of its density to that of the others; infinite where none was found.
    """
    crossing = first_crossing(ratio, falling=pentagon, rising=digons)
    if crossing is None:
        return Outcome((False, False), "the losses do not cross")
    both = pentagon.isfinite() & digons.isfinite()
    above = min(int((ratio[both] < crossing).sum()), int(both.sum()) - 1)  # the first setting at or above the crossing
    slopes = [float(losses[both].diff()[above - 1]) for losses in (pentagon, digons)]
    is_kink = abs(slopes[0] - slopes[1]) > 0.1 * max(map(abs, slopes))
    low = math.floor(2 / crossing) / 2
    return Outcome(
        (is_kink, 1 / 3 <= crossing <= 1 / 2),
        f"losses cross where it is {low:.1f} to {low + 0.5:.1f} times sparser, with slopes that are "
        f"{'different' if is_kink else 'nearly equal'}",
        {"times sparser where the losses cross": float(1 / crossing)},
    )


@registry.claim(
    "geometry/norm-bias",
    says="in pentagon solutions biases are slightly negative and norms compensate: ‖W_i‖ = 1 / (1 - b_i)",
    criterion="all biases between -0.5 and 0, all norms above 1; the printed relation holds within 2 %, with b as it is "
    "or with its size |b| (as printed, norms above 1 and negative biases exclude each other)",
    reason="2 % is many times the noise of long training and less than the two relations differ by",
    figure="fig-perturbed",
)
def norm_bias(norm: Float[Tensor, "feature"], b: Float[Tensor, "feature"]) -> Outcome:
    """Judge one pentagon by its norms ‖W_i‖ and the biases of its outputs."""
    compensates = bool((b < 0).all() and (b > -0.5).all() and (norm > 1).all())

    def off(ratio: Tensor) -> float:
        return (ratio - 1).abs().max().item()

    printed, with_size, squared = off(norm * (1 - b)), off(norm * (1 - b.abs())), off(norm**2 / (1 - b))
    return Outcome(
        (compensates, min(printed, with_size) < 0.02),
        f"b around {b.mean():.1f}, norms {norm.mean():.1f}; off by: ‖W‖ = 1 / (1 - b) {below(printed)}, 1 / (1 - |b|) "
        f"{below(with_size)}, ‖W‖² = 1 - b {below(squared)}",
    )


def _longest_run(flags: Tensor) -> int:
    longest = run = 0
    for flag in flags.tolist():
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


guard(__name__)
