"""How the claims of "Superposition as a phase change" are judged.

Points of the plane come as flat tensors, with density p = 1 - S and ratio r, the importance of the extra feature relative to
the others. `phases` says what a phase is. Theory and training are compared outside a band around the boundaries, in which
the best candidate of another phase costs less than 10 % more.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.phase_change.surface import Minimum
from supertoy.claims import Outcome, registry
from supertoy.claims.words import at_least, below

BAND = 0.1  #: in the band around the boundaries, the best candidate of another phase costs at most this share more
TRIPLE_POINT = 4 / 7  #: the density at which p/3 - p²/4 = p²/3, with both features equally important


@registry.claim(
    "phase/theory-n3",
    says="with three features in two dimensions there are four regions",
    criterion="as for n = 2: closed forms within 1e-3, each lowest somewhere, meeting within 5 % of p = 4/7, r = 1",
    reason="as for n = 2",
    figure="fig-phase-n3",
)
@registry.claim(
    "phase/theory-n2",
    says="of the solutions [1, 0], [0, 1] and [1, -1] each is best somewhere; the three regions meet in a triple point",
    criterion="the closed forms are within 1e-3 of the exact loss; each is lowest somewhere; where they differ least is "
    "within 5 % of p = 4/7, r = 1",
    reason="the closed forms are exact; the triple point is algebra, and 5 % is the spacing of the diagram's points",
    figure="fig-phase-n2",
)
def theory(
    losses: Float[Tensor, "candidate point"],
    exact: Float[Tensor, "candidate point"],
    density: Float[Tensor, "point"],
    ratio: Float[Tensor, "point"],
) -> Outcome:
    """Judge the closed forms over the plane against the expected losses of the same candidates."""
    error = ((losses - exact).abs() / exact).max().item()
    n_best = len(losses.argmin(0).unique())
    meeting = int((losses.amax(0) / losses.amin(0)).argmin())
    p, r = density[meeting].item(), ratio[meeting].item()
    at_triple_point = abs(p / TRIPLE_POINT - 1) < 0.05 and abs(r - 1) < 0.05
    return Outcome(
        (error < 1e-3, n_best == len(losses), at_triple_point),
        f"{n_best} regions, meeting at p = {p:.1f}, r = {r:.1f}; closed forms "
        f"{'agree' if error < 1e-3 else 'do not agree'} with the expected loss",
    )


@registry.claim(
    "phase/empirical-n3",
    says="trained models (n = 3, m = 2) are in the phase that theory says, away from the boundaries",
    criterion="as for n = 2",
    reason="as for n = 2",
    figure="fig-phase-n3",
)
@registry.claim(
    "phase/empirical-n2",
    says="trained models (n = 2, m = 1) are in the phase that theory says, away from the boundaries",
    criterion="the same phase at 95 % or more of the points outside the band, in which the best of another phase costs "
    "less than 10 % more",
    reason='"away from the boundaries" is where the other phase costs 10 % more; one point in twenty may go astray',
    figure="fig-phase-n2",
)
def empirical(theory: Int[Tensor, "point"], trained: Int[Tensor, "point"], gap: Float[Tensor, "point"]) -> Outcome:
    """Judge trained models over the plane; the theory and its gap are as from `phases.theoretical_phase`."""
    outside = gap > BAND
    if not outside.any():
        return Outcome((False,), "no point lies outside the band")
    share = (theory == trained)[outside].double().mean().item()
    inside = 1 - outside.double().mean().item()
    return Outcome(
        (share >= 0.95,),
        f"same phase at {at_least(share)} of the points outside the band (a share {below(inside)} of all is inside)",
    )


@registry.claim(
    "phase/first-order",
    says="optimal losses cross, so the derivative of the best loss jumps at the boundary",
    criterion="from one point of a fine line to the next the slope changes by more than half where the phase changes, and "
    "by less than 10 % everywhere else",
    reason="the line is so fine that a smooth curve changes by a per cent or two from point to point",
    figure="fig-phase-crossing",
)
def first_order(slope: Float[Tensor, "point"], phase: Int[Tensor, "point"]) -> Outcome:
    """Judge a line through a boundary by the slope of the lowest loss and the phase of the best candidate."""
    change = slope.diff().abs() / torch.maximum(slope[1:], slope[:-1])
    crossing = phase.diff() != 0
    if int(crossing.sum()) != 1 or len(change) < 2:
        return Outcome((False, False), f"{int(crossing.sum())} changes of phase along the line")
    jump, smooth = change[crossing].item(), change[~crossing].max().item()
    return Outcome(
        (jump > 0.5, smooth < 0.1),
        f"the slope falls by {at_least(jump)} at the crossing, and changes by a share {below(smooth)} from point to point "
        "elsewhere",
    )


@registry.claim(
    "phase/loses-both",
    says="the antipodal model reconstructs [1, 0] and [0, 1], and loses [1, 1]",
    criterion="squared errors below 0.1 on [1, 0] and [0, 1], above 1 on [1, 1]",
    reason="0.1 is a good reconstruction of 1, and an error above 1 is worse than returning zero for one of the two",
    figure="fig-reconstructions",
)
def loses_both(outputs: Float[Tensor, "3 2"]) -> Outcome:
    """Judge what the antipodal model makes of [1, 0], [0, 1] and [1, 1].

    >>> outputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> print(st.claims.check("phase/loses-both", [{"outputs": outputs}]))
    phase/loses-both: reproduced; squared error below 0.01 on [1, 0] and [0, 1], 2.0 on [1, 1]
    """
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    error = (outputs - x).square().sum(1)
    return Outcome(
        (bool((error[:2] < 0.1).all()), error[2].item() > 1),
        f"squared error {below(error[:2].max())} on [1, 0] and [0, 1], {error[2]:.1f} on [1, 1]",
    )


@registry.claim(
    "phase/loss-surface",
    says="n = 2, m = 1 without bias: the expected loss has a closed form over (w1, w2); minima move smoothly in part of the "
    "plane",
    criterion="the closed form is within 1e-6 of the exact loss computed another way, at random points; along a line of at "
    "least 50 points the lowest minimum moves by 0.5 or more in all, never by more than 0.1 at once",
    reason="algebra against integration; 0.1 is a small part of the way that the minimum goes",
    figure="fig-surface",
)
def loss_surface(closed: Float[Tensor, "point"], brute: Float[Tensor, "point"], path: Float[Tensor, "step 2"]) -> Outcome:
    """Judge the closed form, and how its minimum moves.

    At random points `closed` has the closed form and `brute` the exact loss, computed another way. `path` is (w1, w2) of the
    lowest minimum along a line of settings.
    """
    agrees = ((closed - brute).abs() / brute).max().item() < 1e-6
    steps, total = path.diff(dim=0).norm(dim=1), (path[-1] - path[0]).norm().item()
    return Outcome(
        (agrees, len(path) >= 50 and total >= 0.5 and steps.max().item() <= 0.1),
        f"closed form {'exact' if agrees else 'not exact'} at {len(closed)} random points; along a line of {len(path)} "
        f"points the minimum moves by {total:.1f} in steps {below(steps.max())}",
    )


@registry.claim(
    "phase/confused-feature",
    says="where features are dense and both important there is a minimum at w1 ≈ w2 ≈ 1/√2; some settings have two minima",
    criterion="at p = 1, r = 1 the lowest minimum is within 0.05 of (1/√2, 1/√2); at one in ten or more of the settings of "
    "the diagram there are two distinct minima",
    reason="0.05 allows for the bias-free minimum to lie a little off; a tenth of the diagram is a region, not a point",
    figure="fig-paths",
)
def confused_feature(dense: Sequence[Minimum], counts: Int[Tensor, "setting"]) -> Outcome:
    """Judge the minima at p = 1, r = 1, lowest first, and how many there are at each setting of the diagram."""
    w = torch.tensor([dense[0].w1, dense[0].w2])
    distance = (w - 0.5**0.5).norm().item()
    share = (counts >= 2).double().mean().item()
    return Outcome(
        (distance < 0.05, share >= 0.1),
        f"lowest minimum at ({w[0]:.2f}, {w[1]:.2f}) where p = 1, r = 1; two minima at {at_least(share)} of the settings",
    )


@registry.claim(
    "phase/activation-matters",
    says="the diagram looks quite different for other activation functions",
    criterion="the phase is that of the ReLU at fewer than 80 % of the points for some activation, and for three or more",
    reason='"quite different" is read as one point in five, for half of the activations tried',
    figure="fig-activations",
)
def activation_matters(agreement: Mapping[str, float]) -> Outcome:
    """Judge, for each activation, the share of points in the phase that the ReLU has there."""
    different = [name for name, share in agreement.items() if share < 0.8]
    most = min(agreement, key=lambda name: agreement[name])
    text = f"quite different for {len(different)} of {len(agreement)}"
    return Outcome(
        (len(different) >= 1, len(different) >= 3),
        f"{text}; least like the ReLU: {most}, the same phase at a share {below(agreement[most])}",
    )


guard(__name__)
