"""How the claims of "Demonstrating superposition" are judged.

Judges take the weights of one seed, the most important feature first. Where they look at several densities, the densest
comes first. A feature is represented if its norm is above 1/2, and in superposition if Σ_{j≠i} (Ŵ_i·W_j)² is above 1/4.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy import polytopes
from supertoy._util.border import guard
from supertoy.chapters.superposition.packings import interference_of
from supertoy.claims import Outcome, registry
from supertoy.claims.words import below, coarse_bound
from supertoy.measures import REPRESENTED, SUPERPOSED, feature_norms, n_represented, superposition


@registry.claim(
    "superposition/dense-orthogonal",
    says="S = 0: the two most important features get orthogonal directions, the others nothing",
    criterion="norms of the first two above 0.8, of the others below 0.3; |cosine| between the two below 0.1",
    reason="0.8 and 0.3 stand clear of the halfway mark between represented and not; a cosine of 0.1 is 6° off a "
    "right angle",
    figure="fig-opening",
)
def dense_orthogonal(W: Float[Tensor, "2 feature"]) -> Outcome:
    """Judge one model."""
    norm, cosine = _norms(W), _cosines(W)
    rest = norm[2:].max().item()
    holds = bool(norm[:2].min() > 0.8) and rest < 0.3 and abs(cosine[0, 1].item()) < 0.1
    kept = ", ".join(f"{length:.1f}" for length in norm[:2].tolist())
    return Outcome((holds,), f"norms {kept}, cosine {below(cosine[0, 1].abs())} in size; other norms {below(rest)}")


@registry.claim(
    "superposition/antipodal-at-80",
    says="S = 0.8: the four most important features form two antipodal pairs, the fifth is not embedded",
    criterion="norms of the first four above 0.8, of the fifth below 0.3; each of the four has a partner with cosine below "
    "-0.95, and |cosine| below 0.15 with the other two",
    reason="a cosine of -0.95 is 18° off opposite, as far as features of unequal importance might push each other",
    figure="fig-opening",
)
def antipodal_at_80(W: Float[Tensor, "2 5"]) -> Outcome:
    """Judge one model."""
    norm, cosine = _norms(W), _cosines(W)[:4, :4]
    partner = cosine.min(-1)
    others = cosine.abs().sort(-1).values[:, :2].max()  # the two smaller of the three |cosines|
    pairs = {frozenset((i, j)) for i, j in enumerate(partner.indices.tolist())}
    holds = bool(norm[:4].min() > 0.8 and norm[4] < 0.3 and (partner.values < -0.95).all() and others < 0.15)
    return Outcome(
        (holds and len(pairs) == 2,),
        f"{len(pairs)} antipodal pairs; norm of the fifth {below(norm[4])}, of the others {_span(norm[:4])}",
    )


@registry.claim(
    "superposition/pentagon-at-90",
    says="S = 0.9: all five features form a pentagon, with some positive interference",
    criterion="all norms above 0.8; neighbouring directions 72° apart to within 10°; some W_i·W_j above 0.1",
    reason="10° is a tilt that importances may cause, and far from the 90° of digons; 0.1 is interference that one sees",
    figure="fig-opening",
)
def pentagon_at_90(W: Float[Tensor, "2 5"]) -> Outcome:
    """Judge one model.

    >>> angle = 2 * torch.pi * torch.arange(5) / 5
    >>> pentagon = torch.stack([angle.cos(), angle.sin()])
    >>> print(st.claims.check("superposition/pentagon-at-90", [{"W": pentagon}]))
    superposition/pentagon-at-90: reproduced; norms 1.0; gaps within 0.01° of 72°; W_i·W_j up to 0.3
    """
    norm = _norms(W)
    angle = torch.rad2deg(torch.atan2(W[1], W[0]).double()).sort().values
    gaps = torch.diff(angle, append=angle[:1] + 360)
    interference = _off_diagonal(W.mT @ W).max().item()
    holds = bool(norm.min() > 0.8 and ((gaps - 72).abs() < 10).all()) and interference > 0.1
    return Outcome(
        (holds,),
        f"norms {_span(norm)}; gaps within {coarse_bound((gaps - 72).abs().max())}° of 72°; "
        f"W_i·W_j up to {interference:.1f}",
    )


@registry.claim(
    "superposition/linear-is-pca",
    says="the linear model keeps the top m features orthogonally at every sparsity; b is 0 on them and p/2 on the others",
    criterion="at every density WᵀW is within 0.05 of the identity on the first m features and of 0 elsewhere, and b is "
    "within 0.05 p of 0 and p/2",
    reason="the exact solution is the identity; 0.05 is what training leaves",
    figure="fig-basic-results",
)
def linear_is_pca(
    W: Float[Tensor, "instance hidden feature"],
    b: Float[Tensor, "instance feature"],
    probability: Float[Tensor, "instance"],
) -> Outcome:
    """Judge linear models over density."""
    kept = torch.arange(W.shape[2]) < W.shape[1]
    gram_error = (W.mT @ W - kept.float().diag()).abs().max().item()
    mean = torch.where(kept, 0.0, probability[:, None] / 2)
    bias_error = ((b - mean).abs() / probability[:, None]).max().item()
    return Outcome(
        (gram_error < 0.05, bias_error < 0.05),
        f"WᵀW off by {below(gram_error)}, b off by {below(bias_error)} p, over {len(W)} densities",
    )


@registry.claim(
    "superposition/relu-dense-like-linear",
    says="at p = 1 the ReLU model does the same as the linear one",
    criterion="WᵀW is within 0.1 of the identity on the first m features and of 0 elsewhere; b within 0.05 of 0 and 1/2",
    reason="the same with room for the ReLU, which pushes the last features a little",
    figure="fig-basic-results",
)
def relu_dense_like_linear(W: Float[Tensor, "hidden feature"], b: Float[Tensor, "feature"]) -> Outcome:
    """Judge one model."""
    kept = torch.arange(W.shape[1]) < W.shape[0]
    gram_error = (W.mT @ W - kept.float().diag()).abs().max().item()
    bias_error = (b - torch.where(kept, 0.0, 0.5)).abs().max().item()
    return Outcome((gram_error < 0.1, bias_error < 0.05), f"WᵀW off by {below(gram_error)}, b by {below(bias_error)}")


@registry.claim(
    "superposition/count-grows",
    says="the number of represented features grows with sparsity, from m towards n",
    criterion="the count never falls from one density to the next sparser one, starts at m and ends at 3/4 n or more",
    reason='"towards n" is read as three quarters of them',
    figure="fig-count",
)
def count_grows(W: Float[Tensor, "instance hidden feature"]) -> Outcome:
    """Judge models over density."""
    counts = n_represented(W, REPRESENTED).tolist()
    _, m, n = W.shape
    grows, reaches = counts == sorted(counts) and counts[0] == m, counts[-1] >= 0.75 * n
    end = (
        "three quarters of n or more"
        if reaches
        else f"{'more' if counts[-1] > n / 2 else 'less'} than half of n, short of 3/4"
    )
    return Outcome(
        (grows, reaches), f"{counts[0]} at the densest, {'never' if grows else 'sometimes'} falling, in the end {end}"
    )


@registry.claim(
    "superposition/least-important-first",
    says="superposition starts with less important features and reaches important ones last",
    criterion="wherever some represented features are in superposition and some are not, those that are have the higher "
    "mean index (are less important); of the m features with a dimension of their own at the densest setting, the most "
    "important is the last to enter, or never does",
    reason="an order, which needs no threshold",
    figure="fig-basic-results",
)
def least_important_first(W: Float[Tensor, "instance hidden feature"]) -> Outcome:
    """Judge models over density."""
    represented, superposed = _states(W)
    index = torch.arange(W.shape[2], dtype=torch.float64)
    mixed = [k for k in range(len(W)) if superposed[k].any() and (represented[k] & ~superposed[k]).any()]
    ordered = [bool(index[superposed[k]].mean() > index[represented[k] & ~superposed[k]].mean()) for k in mixed]
    onset = [int(column.int().argmax()) if column.any() else len(W) for column in superposed.T]
    first_is_last = onset[0] == max(onset[: W.shape[1]])
    return Outcome(
        (bool(mixed) and all(ordered), first_is_last),
        f"superposed features less important at {sum(ordered)} of {len(mixed)} mixed densities; the most important "
        f"feature {'enters last' if first_is_last else 'does not enter last'}",
    )


@registry.claim(
    "superposition/antipodal-first",
    says="early superposition is antipodal pairs",
    criterion="at the densest setting with superposition, at least two thirds of the superposed features have a partner "
    "with cosine below -0.9",
    reason='"early superposition is antipodal pairs" should hold for most, two thirds; -0.9 is 26° off opposite',
    figure="fig-basic-results",
)
def antipodal_first(W: Float[Tensor, "instance hidden feature"]) -> Outcome:
    """Judge models over density."""
    represented, superposed = _states(W)
    k = int(superposed.any(-1).int().argmax())
    columns = W[k][:, represented[k]]
    partner = _cosines(columns).min(-1).values[superposed[k][represented[k]]]
    n_superposed, n_paired = len(partner), int((partner < -0.9).sum())
    holds = n_superposed > 0 and n_paired >= 2 / 3 * n_superposed
    return Outcome((holds,), f"{n_paired} of the first {n_superposed} superposed features are antipodal to another")


@registry.claim(
    "superposition/sparse-negative-bias",
    says="at high sparsity there is positive interference, and biases turn negative",
    criterion="at the sparsest setting some W_i·W_j is above 0.1 and most represented features have a negative bias; at the "
    "densest no such W_i·W_j, and no bias below -0.01",
    reason="0.1 is interference that one sees; most is more than half; -0.01 is zero up to noise",
    figure="fig-basic-results",
)
def sparse_negative_bias(W: Float[Tensor, "instance hidden feature"], b: Float[Tensor, "instance feature"]) -> Outcome:
    """Judge models over density."""
    represented, _ = _states(W)
    positive = [_off_diagonal(w.mT @ w).max().item() for w in (W[0], W[-1])]
    negative = (b[-1][represented[-1]] < 0).double().mean().item()
    return Outcome(
        (positive[1] > 0.1 > positive[0], negative > 0.5 and b[0].min().item() > -0.01),
        f"W_i·W_j up to {positive[1]:.1f} at the sparsest and {below(positive[0])} at the densest; at the sparsest "
        f"{'most' if negative > 0.5 else 'few'} represented features have b < 0",
    )


@registry.claim(
    "superposition/rescales",
    says="n = 80, m = 20 looks like a rescaled n = 20, m = 5",
    criterion="at every density the represented share of all features differs by at most 0.15",
    reason="15 % of the features is three in the small model, as many as single starts differ by",
    figure="fig-large",
)
def rescales(W: Float[Tensor, "instance _m _n"], W_large: Float[Tensor, "instance _M _N"]) -> Outcome:
    """Judge models of two sizes at the same densities."""
    small, large = (n_represented(w, REPRESENTED) / w.shape[2] for w in (W, W_large))
    difference = (small - large).abs().max().item()
    return Outcome((difference <= 0.15,), f"represented shares differ by {below(difference)} at {len(W)} densities")


@registry.claim(
    "superposition/linear-loss-identity",
    says="for a linear model, feature benefit plus interference is the loss (Gaussian x, no bias)",
    criterion="the formula is within 4 standard errors of the sampled loss, and these are below 0.5 % of it",
    reason="algebra against sampling: four standard errors, small enough to mean something",
    figure="fig-basic-results",
)
def linear_loss_identity(
    predicted: Float[Tensor, "instance"], measured: Float[Tensor, "instance"], standard_error: Float[Tensor, "instance"]
) -> Outcome:
    """Judge the formula against the loss measured on samples."""
    agrees, precise, text = _agreement(predicted, measured, standard_error)
    return Outcome((agrees and precise,), text)


@registry.claim(
    "superposition/k-sparse-expansion",
    says="the expansion in the number k of active features equals the measured loss; L_0 and L_1 have closed forms",
    criterion="the weighted sum of L_k is within 4 standard errors of the sampled loss, and these are below 0.5 % of it; "
    "the closed forms agree with L_0 and L_1 to 1 part in 10^6",
    reason="algebra against sampling: four standard errors, small enough to mean something; closed forms are "
    "exact up to rounding",
    figure="fig-expansion",
)
def k_sparse_expansion(
    predicted: Float[Tensor, "instance"],
    measured: Float[Tensor, "instance"],
    standard_error: Float[Tensor, "instance"],
    closed_forms: Float[Tensor, "instance 2"],
    k_sparse: Float[Tensor, "instance n_active"],
) -> Outcome:
    """Judge the weighted sum of all L_k, from L_0 on, against the loss measured on samples; and the closed forms."""
    agrees, precise, text = _agreement(predicted, measured, standard_error)
    scale = k_sparse[:, 1:2]  # L_0 itself may be zero
    exact = ((closed_forms - k_sparse[:, :2]).abs() / scale).max().item() < 1e-6
    return Outcome(
        (agrees and precise, exact), text + f"; closed forms of L_0 and L_1 {'agree' if exact else 'do not agree'}"
    )


def _square_antiprism(height: float) -> np.ndarray:
    turn = np.arange(8) * math.pi / 4
    z = np.where(np.arange(8) % 2, height, -height)
    return np.stack([np.cos(turn), np.sin(turn), z], axis=1)


def _packings() -> dict[str, np.ndarray]:
    # The square antiprism has one free number, its height. Here it has the least interference; in `polytopes` it has another
    # height, at which the eight points share their dimensions equally.
    heights = np.linspace(0.3, 1.2, 901)
    height = min(heights, key=lambda h: interference_of(_square_antiprism(h)))
    return {
        "pentagon": polytopes.POLYTOPES["pentagon"],
        "tetrahedron": polytopes.POLYTOPES["tetrahedron"],
        "octahedron": np.concatenate([np.eye(3), -np.eye(3)]),
        "square antiprism": _square_antiprism(height),
    }


#: The packings that the paper names, as vertices at unit length.
#:
#: :meta hide-value:
PACKINGS = _packings()


@registry.claim(
    "superposition/thomson",
    says="with unit norms, zero bias and equal importance, least interference gives Thomson-like packings: pentagon, "
    "tetrahedron, octahedron, square antiprism",
    criterion="the sorted cosines of the packing found are within 0.02 of the polytope's; the polytopes are the cases",
    reason="0.02 is 1 or 2°, less than any two packings differ by",
    figure="fig-packings",
)
def thomson(name: str, packing: Float[np.ndarray, "number dimension"]) -> Outcome:
    """Judge a packing: unit vectors of least interference, as rows."""
    if name not in PACKINGS:
        raise ValueError(f"name must be one of {', '.join(PACKINGS)}, got {name!r}")
    polytope = PACKINGS[name]
    same = np.abs(_sorted_cosines(packing) - _sorted_cosines(polytope)).max() < 0.02
    if same:
        return Outcome((True,), f"{name} found")
    tied = interference_of(polytope) <= interference_of(packing) + 1e-9
    return Outcome((False,), f"{name} not found: {'it shares the minimum with others' if tied else 'not the minimum'}")


def _sorted_cosines(points: np.ndarray) -> np.ndarray:
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return np.sort((unit @ unit.T)[np.triu_indices(len(unit), 1)])


def _agreement(predicted: Tensor, measured: Tensor, standard_error: Tensor) -> tuple[bool, bool, str]:
    agrees = bool(((predicted - measured).abs() < 4 * standard_error).all())
    precise = bool((standard_error < 0.005 * measured).all())
    text = f"{'within' if agrees else 'beyond'} 4 standard errors in {len(measured)} settings"
    return agrees, precise, text + ("" if precise else ", but these are above 0.5 % of the loss")


def _states(W: Tensor) -> tuple[Tensor, Tensor]:
    """Which features are represented, and which of those are in superposition."""
    represented = feature_norms(W) > REPRESENTED
    return represented, represented & (superposition(W) > SUPERPOSED)


def _norms(W: Tensor) -> Tensor:
    return torch.linalg.vector_norm(W, dim=0)


def _cosines(W: Tensor) -> Tensor:
    """Cosines between columns, [feature, feature], with zeros on the diagonal."""
    unit = torch.nn.functional.normalize(W, dim=0)
    return _off_diagonal(unit.mT @ unit)


def _off_diagonal(gram: Tensor) -> Tensor:
    return gram - gram.diagonal().diag()


def _span(values: Tensor) -> str:
    """The smallest and the largest value, as "0.3 to 1.2"."""
    low, high = f"{values.min():.1f}", f"{values.max():.1f}"
    return low if low == high else f"{low} to {high}"


guard(__name__)
