"""How the claims of "Correlated and anticorrelated features" are judged.

Judges take the solution of lowest expected loss among many starts; the cases are groups of starts. The features of a pair or
set follow each other. `supertoy.sets` says when features count as opposite or as one direction.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.correlation.collapse import collapsed
from supertoy.claims import Outcome, registry
from supertoy.claims.words import below
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.sets import partner_angles

COLLAPSED_AT = {0.04: 0, 0.1: 1, 0.175: 2, 0.35: 3}  #: pairs by density, in the middle of the paper's ranges
DENSE = 0.75  #: a density at which only PCA is left


@registry.claim(
    "correlation/orthogonal",
    says="two correlated pairs in two dimensions: the features of each pair are orthogonal",
    criterion="in the solution of lowest loss both pairs are represented, with their two features 85° to 95° apart",
    reason="5° is what noise in training leaves of a right angle",
    figure="fig-orthogonal",
)
def orthogonal(W: Float[Tensor, "2 4"]) -> Outcome:
    """Judge the solution of lowest loss.

    >>> W = torch.tensor([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])
    >>> print(st.claims.check("correlation/orthogonal", [{"W": W}]))
    correlation/orthogonal: reproduced; partners within 5° of 90° in the solution of lowest loss
    """
    return _both_pairs(W, 90.0)


@registry.claim(
    "correlation/antipodal",
    says="two anticorrelated pairs in two dimensions: the features of each pair are antipodal",
    criterion="in the solution of lowest loss both pairs are represented, with their two features 175° or more apart",
    reason="5° is what noise in training leaves of opposite directions",
    figure="fig-antipodal",
)
def antipodal(W: Float[Tensor, "2 4"]) -> Outcome:
    """Judge the solution of lowest loss."""
    return _both_pairs(W, 180.0)


def _both_pairs(W: Tensor, wanted: float) -> Outcome:
    angles = partner_angles(W[None])[0]
    if angles.isnan().any():
        return Outcome((False,), "a feature is not represented")
    off = (angles - wanted).abs().max().item()
    held = off <= 5
    return Outcome((held,), f"partners {'' if held else 'not '}within 5° of {wanted:g}° in the solution of lowest loss")


@registry.claim(
    "correlation/side-by-side",
    says="three correlated pairs in two dimensions form a hexagon with partners side by side, which independent features do "
    "not; sometimes a pair collapses",
    criterion="p = 0.05: of lowest loss is a hexagon (six features, neighbours 45° to 75° apart) with all partners "
    "neighbours; of independent features, a solution that is no hexagon; in some of the starts a pair has collapsed",
    reason="15° about the 60° of a regular hexagon, half of what separates it from four directions or a pentagon "
    "with a sixth in it",
    figure="fig-side-by-side",
)
def side_by_side(
    W: Float[Tensor, "2 6"], W_independent: Float[Tensor, "2 6"], has_collapsed: Bool[Tensor, "start"]
) -> Outcome:
    """Judge the solutions of lowest loss, and in which of the starts a pair has collapsed."""
    partners = partner_angles(W[None])[0]
    together = _is_hexagon(W) and bool((partners < 75).all())
    alone = _is_hexagon(W_independent)
    share = has_collapsed.double().mean().item()
    return Outcome(
        (together, not alone, share > 0),
        f"lowest loss: {'a hexagon with partners side by side' if together else 'not a hexagon with partners side by side'}"
        f"; of independent features {'a hexagon as well' if alone else 'no hexagon'}; a pair has collapsed in "
        f"{'some' if share > 0 else 'none'} of the starts",
    )


def _is_hexagon(W: Tensor) -> bool:
    if not (feature_norms(W[None]) > REPRESENTED).all():
        return False
    angle = torch.rad2deg(torch.atan2(W[1], W[0])).sort().values
    steps = torch.cat([angle.diff(), angle[:1] + 360 - angle[-1:]])
    return bool(((steps > 45) & (steps < 75)).all())


@registry.claim(
    "correlation/local-bases",
    says="two correlated sets of ten features in ten dimensions: each set is nearly orthogonal within itself",
    criterion="p = 0.05, lowest loss: all features represented, no |cosine| within a set above 0.2, mean squared cosine "
    "across sets at least 5 times that within; the model of independent features has a |cosine| above 0.2 within them",
    reason="a cosine of 0.2 has a square of 4 %, hardly interference; ten independent features in ten dimensions "
    "would not be spread so",
    figure="fig-bases",
)
def local_bases(W: Float[Tensor, "10 20"], W_independent: Float[Tensor, "10 20"]) -> Outcome:
    """Judge the solutions of lowest loss."""
    largest, within, across = _cosines(W)
    all_there = bool((feature_norms(W[None]) > REPRESENTED).all())
    other = _cosines(W_independent)[0]
    return Outcome(
        (all_there and largest < 0.2, across >= 5 * within, other > 0.2),
        f"|cosines| within a set {below(largest)}; mean squared cosine {below(within)} within, {below(across)} across; "
        f"independent features: |cosines| {'of more' if other > 0.2 else 'of not more'} than 0.2",
    )


def _cosines(W: Tensor) -> tuple[float, float, float]:
    """Largest |cosine| within the two halves, mean squared cosine within them, and across."""
    unit = torch.nn.functional.normalize(W, dim=0)
    gram = (unit.mT @ unit).double()
    half = W.shape[1] // 2
    across = gram[:half, half:].square().mean().item()
    inside = torch.stack([gram[:half, :half], gram[half:, half:]])
    inside = inside[:, ~torch.eye(half, dtype=torch.bool)]
    return inside.abs().max().item(), inside.square().mean().item(), across


@registry.claim(
    "correlation/collapse",
    says="three correlated pairs over density: none collapsed up to p = 0.05, one to 0.15, two to 0.2, all three from 0.25 "
    "to 0.5, beyond it PCA; a collapsed pair is stored as (a + b) / √2",
    criterion="lowest loss: 0, 1, 2 and 3 collapsed pairs (both features there, in one direction) at p = 0.04, 0.1, 0.175 "
    "and 0.35; at 0.75 the eigenvalues of WWᵀ within 10 % of 1 and the loss within 2 % of PCA's; in collapsed pairs norms "
    "within 0.1 of 1/√2",
    reason="densities in the middle of the paper's ranges; norms within 0.1 tell 1/√2 from 1, and PCA has eigenvalues of 1",
    figure="fig-collapse",
    numbers={
        "density at which pair 1 collapses": "0.05",
        "density at which pair 2 collapses": "0.15",
        "density at which pair 3 collapses": "0.2 to 0.25",
    },
)
def collapse(
    density: Float[Tensor, "density"],
    W: Float[Tensor, "density 2 6"],
    loss: Float[Tensor, "density"],
    pca_loss: Float[Tensor, "density"],
    crossings: Sequence[float | None] = (),
) -> Outcome:
    """Judge the solution of lowest loss at each density of the pairs.

    `pca_loss` is what the first two principal components leave. `crossings` are the densities at which one, two and three
    collapsed pairs become better than one fewer; None for never.
    """
    is_collapsed = collapsed(W, 2)
    norms = feature_norms(W).unflatten(-1, (-1, 2))
    counts, halves = {}, True
    for p in COLLAPSED_AT:
        k = _nearest(density, p)
        counts[p] = int(is_collapsed[k].sum())
        halves &= counts[p] == 0 or bool((norms[k][is_collapsed[k]] - 0.5**0.5).abs().max() < 0.1)
    k = _nearest(density, DENSE)
    spectrum = torch.linalg.eigvalsh(W[k] @ W[k].mT)
    is_pca = bool((spectrum - 1).abs().max() < 0.1) and bool(loss[k] < 1.02 * pca_loss[k])
    held = tuple(counts[p] == wanted for p, wanted in COLLAPSED_AT.items())
    found = ", ".join(f"{count} at {p:g}" for p, count in counts.items())
    return Outcome(
        (*held, is_pca, halves),
        f"collapsed pairs at lowest loss: {found}; at {DENSE:g} {'PCA' if is_pca else 'not PCA'}; collapsed features "
        f"{'have' if halves else 'do not have'} norm 1/√2",
        {f"density at which pair {k} collapses": float(p) for k, p in enumerate(crossings, 1) if p},
    )


def _nearest(density: Tensor, p: float) -> int:
    return int((density - p).abs().argmin())


guard(__name__)
