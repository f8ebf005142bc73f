"""How the claims of "Superposition and learning dynamics" are judged."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.dynamics.jumps import JUMP, decrease_at_jumps, last_rises
from supertoy.chapters.dynamics.octahedra import antipodes, is_octahedron
from supertoy.claims import Outcome, registry
from supertoy.claims.words import at_least, below


@registry.claim(
    "dynamics/energy-levels",
    says="features jump between levels of dimensionality, and the loss drops when they do",
    criterion="in the end 90 % of represented features within 0.05 of 1/2; half of them rise from 1/8 to 3/8 in a tenth of "
    "training; after the first tenth, windows of ± 5 % around jumps hold twice the decrease that the same windows hold on "
    "average when shifted in time, and more than in 99 % of all shifts",
    reason="a quarter of the way from level to level on either side is a jump, if it takes a tenth of the time "
    "or less; shifted windows say what chance would give",
    figure="fig-levels",
)
def energy_levels(
    steps: Int[Tensor, "snapshot"], D: Float[Tensor, "snapshot feature"], loss: Float[Tensor, "snapshot"]
) -> Outcome:
    """Judge one training by its dimensionalities D and expected loss after each of evenly spaced steps."""
    represented = D[-1] > JUMP
    if not represented.any():
        return Outcome((False, False, False), "no feature is represented")
    in_digons = ((D[-1] - 1 / 2).abs() < 0.05)[represented].double().mean().item()
    length = float(steps[-1])
    duration = (last_rises(steps, D, 3 / 8) - last_rises(steps, D, 1 / 8))[represented]
    sudden = (duration.nan_to_num(torch.inf) < length / 10).double().mean().item()
    share, null = decrease_at_jumps(steps, D, loss)
    more = (share > null).double().mean().item()
    twice = share > 0 and share >= 2 * null.mean().item()
    jumping = "half or more" if sudden >= 0.5 else "less than half"
    return Outcome(
        (in_digons >= 0.9, sudden >= 0.5, twice and more > 0.99),
        f"{at_least(in_digons)} of represented features end at 1/2; {jumping} of them jump; windows around jumps hold "
        f"{at_least(share)} of the decrease after the first tenth, {'all' if more > 0.99 else 'not all'} shifted ones less; "
        f"{'twice' if twice else 'less than twice'} their mean",
    )


@registry.claim(
    "dynamics/geometric-stages",
    says="two sets of three in three dimensions: the loss has plateaus, each a geometric move (the sets separate along one "
    "axis, each becomes a triangle, the triangles an antiprism), and ends at an octahedron",
    criterion="lowest loss is an octahedron; in most runs at least two plateaus lie between the first and the last; on the "
    "first after the start the sets are 154° or more apart; then follow triangles, then the octahedron",
    reason="154° is 26° short of opposite, halfway to the next arrangement that was known when it was set; "
    '"plateaus" asks for two at least',
    figure="fig-stages",
)
def geometric_stages(
    W: Float[Tensor, "3 6"],
    n_between: Int[Tensor, "run"],
    angle: Float[Tensor, "run"],
    in_order: Bool[Tensor, "run"],
) -> Outcome:
    """Judge many trainings.

    Args:
        W: the weights of lowest loss. The first three features are one set.
        n_between: plateaus between the first and the last.
        angle: between the sets on the first plateau after the start, in degrees.
        in_order: whether points, triangles and the octahedron follow each other.
    """
    octahedron = bool(is_octahedron(W[None]))
    shares = [(n_between >= k).double().mean().item() for k in (1, 2)]
    apart, ordered = (angle >= 154).double().mean().item(), in_order.double().mean().item()
    words = "an octahedron" if octahedron else "no octahedron"
    degrees = 10 * round(angle.median().item() / 10)
    return Outcome(
        (octahedron, shares[1] > 0.5, apart > 0.5, ordered > 0.5),
        f"lowest loss: {words}; a plateau between in {_runs(shares[0])}, a second in {_runs(shares[1])}; there the "
        f"sets are along one axis in {_runs(apart)} (median {degrees}°); points, triangles, octahedron in "
        f"this order in {_runs(ordered)}",
    )


def _runs(share: float) -> str:
    """A share of runs in words that do not depend on a single run."""
    return "most runs" if share > 0.5 else "some runs" if share > 0.2 else "few runs or none"


@registry.claim(
    "dynamics/cross-set-antipodes",
    says="in that octahedron antipodal partners come from different sets",
    criterion="in 90 % or more of the octahedra all three antipodal pairs have one feature of each set",
    reason="nine in ten allows for runs that end elsewhere by chance; at random one pairing in five or so would do",
    figure="fig-stages",
)
def cross_set_antipodes(W: Float[Tensor, "run 3 6"]) -> Outcome:
    """Judge how runs end; the first three features of each are one set.

    >>> W = torch.cat([torch.eye(3), -torch.eye(3)], dim=1)
    >>> print(st.claims.check("dynamics/cross-set-antipodes", [{"W": W[None]}]))
    dynamics/cross-set-antipodes: reproduced; most runs end in an octahedron; in 100 % of these all partners come ...
    """
    partner = antipodes(W)
    whole = is_octahedron(W)
    if not whole.any():
        return Outcome((False,), "no run ends in an octahedron")
    own = torch.arange(6) // 3
    crossed = ((partner // 3 != own).all(1))[whole].double().mean().item()
    return Outcome(
        (crossed >= 0.9,),
        f"{_runs(whole.double().mean().item())} end in an octahedron; in {at_least(crossed)} of these all partners come "
        "from different sets",
    )


@registry.claim(
    "dynamics/paths",
    says="runs take a few distinct paths to the octahedron",
    criterion="among 100 runs or more there is more than one path (arrangements at the ends of plateaus), and at most six "
    "of them are taken by 90 % of the runs",
    reason='"a few distinct paths" is read as more than one and at most six for nine runs in ten',
    figure="fig-dynamics",
)
def paths(taken: Sequence[tuple[str, ...]]) -> Outcome:
    """Judge the paths of many runs, each as from `stages.path`."""
    counts = [count for _, count in Counter(taken).most_common()]
    if not taken:
        return Outcome((False, False), "no runs")
    share = sum(counts[:6]) / len(taken)
    return Outcome(
        (len(taken) >= 100 and len(counts) > 1, share >= 0.9),
        f"{'several paths' if len(counts) > 1 else 'one path'}; the most frequent is taken by "
        f"{'more than half' if 2 * counts[0] > len(taken) else 'less than half'} of the runs, six by {at_least(share)}",
    )


@registry.claim(
    "dynamics/pca-first",
    says="an early stage matches the linear (PCA) solution",
    criterion="on the first plateau after the start, in most runs, 95 % or more of ‖W‖² lies in the leading principal "
    "components, and WᵀW is within 10 % of their projection (Frobenius norm)",
    reason='"matches" is read as 95 % of the squared weights, and 10 % in norm',
    figure="fig-stages",
)
def pca_first(inside: Float[Tensor, "run"], distance: Float[Tensor, "run"]) -> Outcome:
    """Judge the first plateau after the start of each run.

    `inside` is the share of ‖W‖² in the leading principal components. `distance` says how far WᵀW is from their projection,
    relative, in Frobenius norm.
    """
    both = ((inside >= 0.95) & (distance <= 0.1)).double().mean().item()
    share, off = inside.median().item(), distance.median()
    return Outcome(
        (both > 0.5,),
        f"both hold in {_runs(both)}; medians: {at_least(share)} of ‖W‖² in the leading components, WᵀW off by {below(off)}",
    )


guard(__name__)
