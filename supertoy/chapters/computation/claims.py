"""How the claims of "Computation in superposition" are judged. Values are signed here, so weights of both signs count."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.computation.kinds import is_primary, polysemantic, rescaled
from supertoy.claims import Outcome, registry
from supertoy.claims.words import at_least, below
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.neurons import alignment, in_use, main_feature, monosemantic


@registry.claim(
    "computation/exact-abs",
    says="three features, six neurons: each feature has one ReLU(x) and one ReLU(-x) neuron",
    criterion="loss below 1 % of the outputs' variance; after rescaling each feature has one neuron with weight 1 and one "
    "with -1, all other input weights are below 0.1, and the output weights back to it within 0.1 of 1",
    reason="an exact solution has weights of 1 and 0, and a tenth either way is far from any other solution that "
    "was known when it was set",
    figure="fig-exact",
)
def exact_abs(W1: Float[Tensor, "6 3"], W2: Float[Tensor, "3 6"], unexplained: float) -> Outcome:
    """Judge the small model by its weights; `unexplained` is its loss as a share of the outputs' variance.

    >>> W1 = torch.cat([torch.eye(3), -torch.eye(3)])
    >>> finding = st.claims.check("computation/exact-abs", [{"W1": W1, "W2": W1.T.abs(), "unexplained": 0.0}])
    >>> finding.verdict
    'reproduced'
    """
    inward, outward = (weights[0] for weights in rescaled(W1[None], W2[None]))
    main = inward.abs().argmax(1)
    value = inward.gather(1, main[:, None])[:, 0]
    ends = sorted(zip(main.tolist(), value.sign().tolist(), strict=True))
    in_pairs = ends == [(i, sign) for i in range(3) for sign in (-1.0, 1.0)]
    others = inward.abs().scatter(1, main[:, None], 0).max().item()
    off = (outward[main, torch.arange(6)] - value.abs()).abs().max().item()
    return Outcome(
        (unexplained < 0.01, in_pairs, others < 0.1, off < 0.1),
        f"loss {below(unexplained)} of the variance; {'one neuron' if in_pairs else 'not one neuron'} for each sign of each "
        f"feature; other input weights {below(others)}; output weights off 1 by {below(off)}",
    )


@registry.claim(
    "computation/mono-when-dense",
    says="n = 100, m = 40: at p = 1 and 0.3 all neurons are monosemantic",
    criterion="at both densities one feature has 90 % of the squared input weights of every neuron that is in use",
    reason="nine tenths of the squared weights is one feature for whoever looks at top activations",
    figure="fig-computation",
)
def mono_when_dense(W1: Float[Tensor, "2 hidden feature"]) -> Outcome:
    """Judge the neurons on dense data, at p = 1 and 0.3."""
    mixed, used = polysemantic(W1).sum(1).tolist(), in_use(W1).sum(1).tolist()
    words = [
        f"at p = {p:g} {'all' if not n else 'most' if 2 * n < total else 'less than half of the'} neurons"
        for p, n, total in zip((1, 0.3), mixed, used, strict=True)
    ]
    parts = tuple(n == 0 and total > 0 for n, total in zip(mixed, used, strict=True))
    return Outcome(parts, f"monosemantic: {', '.join(words)}")


@registry.claim(
    "computation/poly-when-sparse",
    says="at p = 0.001 no neuron is monosemantic",
    criterion="no neuron in use has 90 % of its squared input weights in one feature",
    reason="the same nine tenths as where neurons are monosemantic, so that none is counted twice or left out",
    figure="fig-computation",
)
def poly_when_sparse(W1: Float[Tensor, "hidden feature"]) -> Outcome:
    """Judge the neurons on sparse data, at p = 0.001."""
    n, total = int(monosemantic(W1[None]).sum()), int(in_use(W1[None]).sum())
    words = "none" if not n else "some" if 2 * n < total else "most"
    return Outcome((n == 0 and total > 0,), f"{words} of the neurons are monosemantic")


@registry.claim(
    "computation/both",
    says="in between the same model has both kinds, the monosemantic ones on the important features",
    criterion="at p = 0.1, 0.03 and 0.01 there are neurons of both kinds, and the main features of monosemantic ones are on "
    "average more important than those of the others",
    reason='at every density that the paper calls in between; "important" is compared on average, since single '
    "neurons may swap",
    figure="fig-computation",
)
def both(W1: Float[Tensor, "3 hidden feature"]) -> Outcome:
    """Judge the neurons in between, at p = 0.1, 0.03 and 0.01; features go from the most important to the least."""
    main = main_feature(W1).double()
    parts, words = [], []
    for p, index, mono, poly in zip((0.1, 0.03, 0.01), main, monosemantic(W1), polysemantic(W1), strict=True):
        mixed = bool(mono.any() and poly.any())
        ordered = mixed and bool(index[mono].mean() < index[poly].mean())
        parts += [mixed, ordered]
        kinds = "both kinds" if mixed else "one kind"
        words.append(f"{kinds}{', monosemantic ones on the more important features' if ordered else ''} at {p:g}")
    return Outcome(tuple(parts), "; ".join(words))


@registry.claim(
    "computation/primary-secondary",
    says="many neurons have one large and several small features, so that their top activations look pure",
    criterion="at p = 0.01 and 0.001: of polysemantic neurons a third or more have a largest weight of twice the second; "
    "and in the top 1 % of their activations that feature adds most in 90 % or more",
    reason='a weight of twice the next is four times its square; "many" is read as a third, "look pure" as nine in ten',
    figure="fig-top-activations",
    gaps=("purity",),
)
def primary_secondary(W1: Float[Tensor, "2 hidden feature"], purity: Float[Tensor, "2 hidden"]) -> Outcome:
    """Judge how many neurons have a primary feature, and how pure they look, at p = 0.01 and 0.001.

    `purity` is as from `kinds.purity_at_the_top`.
    """
    poly = polysemantic(W1)
    primary = poly & is_primary(W1)
    parts, words = [], []
    for p, one, of, pure in zip((0.01, 0.001), primary, poly, purity, strict=True):
        share = (one.sum() / of.sum().clamp(min=1)).item()
        leads = pure[one].nanmean().item() if one.any() else 0.0
        parts += [share >= 1 / 3, leads >= 0.9]
        many = "a third or more" if share >= 1 / 3 else "less than a third"
        bound = at_least(leads, (50, 75, 90))
        words.append(f"{many} have a primary feature, which leads in {bound} of their top activations, at {p:g}")
    return Outcome(tuple(parts), "of polysemantic neurons " + "; ".join(words))


@registry.claim(
    "computation/asymmetric-motif",
    says="one neuron stores two features unequally (like [2, -1/2] in and [1/2, 2] out), and another inhibits the one "
    "it disturbs",
    criterion="found in one of many small models or more; without the inhibiting weight the loss of such a model is 10 % "
    "higher or more (median)",
    reason="one example is what the paper shows; 10 % of the loss shows that the inhibiting weight is there for something",
    figure="fig-motif",
    gaps=("increase",),  # none, where no motif was found
)
def asymmetric_motif(n_models: int, increase: Float[Tensor, "motif"]) -> Outcome:
    """Judge whether the motif occurs in `n_models` models, and whether its inhibition does anything.

    `increase` is the relative rise of the loss without the inhibiting weight, at each occurrence.
    """
    checks.require_finite(increase=increase)
    if not len(increase):
        return Outcome((False, False), f"found in none of {n_models} models")
    middle = increase.median().item()
    times = max((bound for bound in (2, 5, 10) if 1 + middle >= bound), default=0)
    words = f"{times} times the loss or more" if times else "10 % more loss" if middle >= 0.1 else "hardly more loss"
    return Outcome((True, middle >= 0.1), f"found; without the inhibiting weight {words}")


#: What the paper says, by density: monosemantic neurons, polysemantic ones, and the features in the latter.
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
    """Judge two kinds of hidden layer, with a ReLU and linear, both at p = 0.75 and 0.5.

    >>> relu, linear = torch.eye(2)[None], torch.tensor([[[0.6, 0.8], [-0.8, 0.6]]])
    >>> print(st.claims.check("privileged/aligned", [{"relu": relu, "linear": linear}]))
    privileged/aligned: reproduced; largest neuron's share: 100 % with the ReLU, 75 % or less without
    """
    shares = []
    for W in (relu, linear):
        there = feature_norms(W) > REPRESENTED
        shares.append((alignment(W) * there).sum(1) / there.sum(1))
    low, high = shares[0].min().item(), shares[1].max().item()  # NaN if no feature is represented, so neither holds
    return Outcome(
        (low >= 0.95, high <= 0.75),
        f"largest neuron's share: {at_least(low, (50, 75, 90, 95))} with the ReLU, "
        f"{'75 % or less' if high <= 0.75 else 'more than 75 %'} without",
    )


def regimes(W: Float[Tensor, "setting hidden feature"]) -> Int[Tensor, "setting 3"]:
    """Monosemantic neurons, polysemantic ones, and represented features that have most of their weight in the latter."""
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
    """Judge how many neurons are of which kind at the densities of `REGIMES`."""
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
    """Judge models with a bias in their hidden layer, at each density.

    `positive` is the share of positive pre-activations, `linear_loss` the loss of models with a linear hidden layer.
    """
    least, ratio = positive.min().item(), (loss / linear_loss).max().item()
    compared = "no more than" if ratio <= 1.02 else "more than"
    return Outcome(
        (least >= 0.99, ratio <= 1.02),
        f"{at_least(least, (50, 90, 95, 98, 99))} of pre-activations are positive; loss {compared} 2 % above that of a "
        "linear hidden layer",
    )


guard(__name__)
