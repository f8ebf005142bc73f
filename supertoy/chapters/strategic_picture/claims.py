"""How the claims of "Strategic picture" are judged."""

from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from supertoy._util.border import guard
from supertoy.claims import Outcome, registry
from supertoy.claims.words import at_least, below


@registry.claim(
    "strategic/l1-removes",
    says="an L1 penalty on hidden activations removes superposition, at a higher loss",
    criterion="without the penalty the mean superposition of represented features is above 0.5; at some strength it is "
    "below 0.05 while at least half as many features are represented as there are dimensions, and the loss is there at "
    "least 10 % above that without penalty",
    reason="0.05 is hardly any interference, 0.5 a good deal of it; with fewer than half a feature per dimension "
    "nothing is left to be in superposition; 10 % is above the noise of training",
    figure="fig-l1-importance",
)
def l1_removes(
    superposition: Float[Tensor, "strength"],
    features_per_dimension: Float[Tensor, "strength"],
    loss: Float[Tensor, "strength"],
) -> Outcome:
    """Judge models over the strength of the penalty, ascending from 0.

    `superposition` is the mean over represented features, `features_per_dimension` counts these over m, and `loss` leaves
    out the penalty.
    """
    gone = (superposition < 0.05) & (features_per_dimension >= 0.5)
    removes = bool(superposition[0] > 0.5 and gone.any())
    ratio = (loss[gone].min() / loss[0]).item() if gone.any() else 0.0
    if not removes:
        return Outcome((removes, ratio >= 1.1), "superposition is above 0.05 wherever half a feature per dimension is left")
    return Outcome((removes, ratio >= 1.1), f"superposition below 0.05, at {_times(ratio)} the loss without penalty")


def _times(ratio: float) -> str:
    return f"more than {max(step for step in (0, 1, 1.5, 2, 3, 5, 10) if step <= ratio):g} times"


@registry.claim(
    "strategic/dictionary-recovers",
    says="sparse dictionary learning on hidden activations recovers the true directions when features are sparse, and "
    "stops when they are not",
    criterion="at least 90 % of the represented features are found (cosine above 0.9) at each density up to 0.03, and at "
    "most half of them at some density",
    reason="nine in ten is nearly all; half is a dictionary that one could not trust; 0.03 is where the paper's "
    "basic models are all in superposition",
    figure="fig-dictionary-density",
)
def dictionary_recovers(probability: Float[Tensor, "density"], share_found: Float[Tensor, "density"]) -> Outcome:
    """Judge dictionaries over density, by the share of the represented features that they find."""
    sparse = share_found[probability < 0.031]
    recovers, stops = bool(len(sparse) and (sparse >= 0.9).all()), bool((share_found <= 0.5).any())
    found = at_least(sparse.min().item()) if len(sparse) else "nothing"
    ends = f"at most half at {probability[share_found <= 0.5].min():.1g}" if stops else "more than half at every density"
    return Outcome((recovers, stops), f"{found} found at densities up to 0.03; {ends}")


@registry.claim(
    "strategic/hybrid",
    says="a model with less superposition is easier to decode afterwards",
    criterion="over the strengths of the penalty the share that decoding misses has a Spearman correlation of 0.9 or more "
    "with features per dimension, and at the least superposition is at most half of that at the most",
    reason='"easier" should show as an order (0.9) and as an amount (half)',
    figure="fig-hybrid",
)
def hybrid(features_per_dimension: Float[Tensor, "strength"], missed: Float[Tensor, "strength"]) -> Outcome:
    """Judge how well models over the strength of the penalty can be decoded, against their ‖W‖² / m."""
    features, share = features_per_dimension.double().numpy(), missed.double().numpy()
    follows = bool(spearmanr(features, share).statistic >= 0.9)
    most, least = share[features.argmax()], share[features.argmin()]
    easier = bool(least <= 0.5 * most)
    return Outcome(
        (follows, easier),
        f"what decoding misses {'follows' if follows else 'does not always follow'} superposition; where there is least, it "
        f"is {'less' if easier else 'more'} than half of what it is where there is most",
    )


@registry.claim(
    "strategic/cosine-peril",
    says="judging by cosine similarity with known examples raises false alarms under superposition; unfolding with the "
    "recovered dictionary (or having no superposition) removes them",
    criterion="where nine tenths of the inputs with the feature are flagged: at least twice as many false alarms with "
    "superposition as without; unfolding removes at least 80 % of the excess",
    reason='twice as many is a difference that matters; "removes" is read as four fifths',
    figure="fig-roc",
)
def cosine_peril(superposed: float, dedicated: float, unfolded: float) -> Outcome:
    """Judge false alarms, as shares of the inputs without the feature.

    >>> case = {"superposed": 0.2, "dedicated": 0.02, "unfolded": 0.03}
    >>> print(st.claims.check("strategic/cosine-peril", [case]).verdict)
    reproduced

    They are for a model with superposition, for one without, and for the first one after unfolding.
    """
    excess = superposed - dedicated
    raises = superposed >= 2 * dedicated and excess > 0
    removed = (superposed - unfolded) / excess if excess > 0 else 0.0
    amount = next((f"{100 * share:.0f} % or more" for share in (0.95, 0.8, 0.5) if removed >= share), "less than half")
    return Outcome(
        (raises, removed >= 0.8),
        f"{'at least' if raises else 'less than'} twice as many false alarms with superposition as without; unfolding "
        f"removes {amount} of the excess",
    )


@registry.claim(
    "strategic/pure-features",
    says="an activation is decomposed into the few features that made it",
    criterion="with the recovered dictionary the three largest codes are the three active features in at least 90 % of "
    "random composites; on average at most 4 codes, and at least twice as many neurons, make up 90 % of the squared length",
    reason="nine in ten is nearly always; four codes for three features is a short description, and neurons "
    "should need twice as many for it to be an improvement",
    figure="fig-dog",
)
def pure_features(right: float, n_codes: float, n_neurons: float) -> Outcome:
    """Judge how activations are described.

    Args:
        right: share of the composites in which the three largest codes are the three features.
        n_codes: how many codes make up 90 % of the squared length, on average.
        n_neurons: how many neurons do.
    """
    few = n_codes <= 4 and n_neurons >= 2 * n_codes
    return Outcome(
        (right >= 0.9, few),
        f"the three features in {at_least(min(right, 0.999))} of the composites, by {n_codes:.0f} codes or "
        f"{n_neurons:.0f} neurons",
    )


@registry.claim(
    "strategic/loss-per-activation",
    says="per unit of neuron activation frequency, superposition is not better than dedicated neurons, and approaches them "
    "as features get sparser",
    criterion="loss reduced per neuron activation, relative to dedicated neurons: at most 1.02 at every density, at least "
    "0.8 at the sparsest, and over densities a Spearman correlation with sparsity of 0.8 or more",
    reason='2 % allows for what counts as silent; "approaches" is read as coming within a fifth, and as an order',
    figure="fig-firing",
)
def loss_per_activation(probability: Float[Tensor, "density"], relative: Float[Tensor, "density"]) -> Outcome:
    """Judge what activations are worth at each density; `relative` is as from `firing.gain_per_activation`."""
    not_better = bool((relative <= 1.02).all())
    sparsest = relative[probability.argmin()].item()
    rises = bool(spearmanr((-probability).double().numpy(), relative.double().numpy()).statistic >= 0.8)
    amount = at_least(sparsest, (80, 90, 95)) if sparsest >= 0.8 else below(max(sparsest, 0.06))
    return Outcome(
        (not_better, sparsest >= 0.8, rises),
        f"relative to dedicated neurons {'never more' if not_better else 'somewhere more'} than 1, {amount} at the "
        f"sparsest, {'rising' if rises else 'not rising'} with sparsity",
    )


guard(__name__)
