"""How the claims of "Privileged basis" are judged.

Monosemantic or not is judged by positive weights: features are never negative here, so these alone make a ReLU neuron fire.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy.claims._claim import Outcome, registry
from supertoy.claims._words import at_least
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.neurons import alignment, monosemantic, polysemantic

#: By density: monosemantic neurons, polysemantic ones, and the features in the latter, as the paper has them.
REGIMES = {0.75: (5, 0, 0), 0.35: (3, 2, 3), 0.15: (2, 3, 5), 0.12: (1, 4, 6), 0.06: (0, 5, 8), 0.03: (0, 5, 10)}


@registry.claim(
    "privileged/aligned",
    says="with a ReLU in the hidden layer W aligns with the neurons; with a linear hidden layer it does not",
    criterion="share of a represented feature's squared norm in its largest neuron, averaged over features: 95 % or more "
    "with the ReLU, 75 % or less without, at p = 0.75 and 0.5",
    reason="rotated at random, the largest of five entries holds about half of the square; the two bounds stand well apart",
    figure="fig-privileged-weights",
)
def aligned(relu: Float[Tensor, "setting hidden feature"], linear: Float[Tensor, "setting hidden feature"]) -> Outcome:
    """Judge two kinds of hidden layer.

    Args:
        relu: weights of the models with a ReLU in it, at p = 0.75 and 0.5.
        linear: weights of those without.

    >>> relu, linear = torch.eye(2)[None], torch.tensor([[[0.6, 0.8], [-0.8, 0.6]]])
    >>> print(st.claims.check("privileged/aligned", [{"relu": relu, "linear": linear}]))
    privileged/aligned: reproduced; largest neuron's share: 100 % with the ReLU, 75 % or less without
    """
    shares = []
    for W in (relu, linear):
        there = feature_norms(W) > REPRESENTED
        shares.append((alignment(W) * there).sum(1) / there.sum(1))
    low, high = shares[0].min().item(), shares[1].max().item()  # NaN, and so neither, where no feature is represented
    return Outcome(
        (low >= 0.95, high <= 0.75),
        f"largest neuron's share: {at_least(low, (50, 75, 90, 95))} with the ReLU, "
        f"{'75 % or less' if high <= 0.75 else 'more than 75 %'} without",
    )


def regimes(W: Float[Tensor, "setting hidden feature"]) -> Int[Tensor, "setting 3"]:
    """Monosemantic neurons, polysemantic ones, and represented features that have most of their weight in the latter.

    Args:
        W: weights at each density.
    """
    W = W.clamp(min=0)
    mono, poly = monosemantic(W), polysemantic(W)
    squares = W.square()
    inside = (squares * poly[..., None]).sum(1) > 0.5 * squares.sum(1)
    features = inside & (feature_norms(W) > REPRESENTED)
    return torch.stack([mono.sum(1), poly.sum(1), features.sum(1)], 1)


@registry.claim(
    "privileged/mono-to-poly",
    says="monosemantic neurons disappear with sparsity: all five at p ≥ 0.5; three, and three features in the other two, at "
    "0.2 to 0.5; five features in three at 0.15; six in four at 0.12; eight in five at 0.05 to 0.08; a pair of neurons for "
    "each feature at 0.04 and below",
    criterion="these numbers at p = 0.75, 0.35, 0.15, 0.12, 0.06 and, with ten features in pairs, 0.03; a neuron is "
    "monosemantic if one feature has 90 % of its squared (positive) weights",
    reason="the paper's numbers at densities in the middle of its ranges",
    figure="fig-privileged",
)
def mono_to_poly(W: Float[Tensor, "6 hidden feature"]) -> Outcome:
    """Judge how many neurons are of which kind.

    Args:
        W: weights at the densities of `REGIMES`.
    """
    found = regimes(W)
    parts = [tuple(row) == expected for row, expected in zip(found.tolist(), REGIMES.values(), strict=True)]
    active = W[-1].clamp(min=0)
    n_neurons = (active >= 0.5 * active.amax(0)).sum(0)[feature_norms(active[None])[0] > REPRESENTED]
    parts[-1] = parts[-1] and bool((n_neurons == 2).all())
    words = []
    for p, (n_mono, n_poly, n_features) in zip(REGIMES, found.tolist(), strict=True):
        rest = f", {n_features} features in {n_poly}" if n_poly else ""
        words.append(f"{n_mono} monosemantic{rest} at {p:g}")
    pairs = "each on two neurons" if bool((n_neurons == 2).all()) else "not all on two neurons"
    return Outcome(tuple(parts), "; ".join(words) + f", {pairs}")


@registry.claim(
    "privileged/avoids-relu",
    says="with a hidden bias the model moves all neurons into the linear range",
    criterion="99 % or more of all pre-activations are positive, and the loss is at most 2 % above that of a linear hidden "
    "layer, at p = 0.5, 0.15 and 0.03",
    reason='"all neurons" is read as 99 % of what they see; a loss within 2 % of the linear one is the linear solution',
    figure="fig-privileged",
)
def avoids_relu(
    positive: Float[Tensor, "setting"], loss: Float[Tensor, "setting"], linear_loss: Float[Tensor, "setting"]
) -> Outcome:
    """Judge models with a bias in their hidden layer.

    Args:
        positive: share of positive pre-activations at each density.
        loss: of these models.
        linear_loss: of models with a linear hidden layer.
    """
    least, ratio = positive.min().item(), (loss / linear_loss).max().item()
    compared = "no more than" if ratio <= 1.02 else "more than"
    return Outcome(
        (least >= 0.99, ratio <= 1.02),
        f"{at_least(least, (50, 90, 95, 98, 99))} of pre-activations are positive; loss {compared} 2 % above that of a "
        "linear hidden layer",
    )
