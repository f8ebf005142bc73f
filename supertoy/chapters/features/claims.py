"""How the claims of "Features" are judged."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy.chapters.features.relations import Parallelism, SuccessRate
from supertoy.claims import Outcome, registry
from supertoy.claims.fits import straight_line
from supertoy.claims.words import at_least, below


@registry.claim(
    "features/king-queen",
    says="V(king) - V(man) + V(woman) is nearest to V(queen), the query words left out",
    criterion="of all words but the three, queen has the largest cosine with the sum",
    reason="this is what the paper says, and leaving out the query words is the custom",
    figure="fig-king-queen",
)
def king_queen(answers: Sequence[tuple[str, float]]) -> Outcome:
    """Judge an analogy by its answers, words with their cosines, best first, as from `words.analogy`.

    >>> print(st.claims.check("features/king-queen", [{"answers": [("queen", 0.8), ("princess", 0.7)]}]))
    features/king-queen: reproduced; nearest is queen, with a cosine of 0.80
    """
    word, cosine = answers[0]
    return Outcome((word == "queen",), f"nearest is {word}, with a cosine of {cosine:.2f}")


@registry.claim(
    "features/analogy-directions",
    says="differences of gender pairs, and of other relations, point the same way, far above chance",
    criterion="for every relation: at most 1 % of arrangements with shuffled partners are as parallel, and the share of "
    "right analogies has a 95 % interval above that of the nearest word",
    reason="1 % and disjoint 95 % intervals are customary",
    figure="fig-analogies",
)
def analogy_directions(parallel: Mapping[str, Parallelism], success: Mapping[str, SuccessRate]) -> Outcome:
    """Judge relations by what `relations.parallelism` and `relations.success_rate` found for each."""
    aligned = [name for name, measured in parallel.items() if measured.p_value <= 0.01]
    better = [name for name, measured in success.items() if measured.interval[0] > measured.baseline_interval[1]]
    return Outcome(
        (len(aligned) == len(parallel), len(better) == len(success)),
        f"{len(aligned)} of {len(parallel)} relations have parallel differences, {len(better)} of {len(success)} answer "
        "analogies better than the nearest word does",
    )


@registry.claim(
    "features/rotation-free",
    says="rotating the hidden space of a ReLU-output model changes no output",
    criterion="under each random rotation outputs change by less than 1e-5 of their root mean square, and hidden "
    "activations by more than a tenth of theirs",
    reason="1e-5 is rounding; a tenth shows that something was rotated",
    figure="fig-turned",
)
def rotation_free(outputs: Float[Tensor, "rotation"], hidden: Float[Tensor, "rotation"]) -> Outcome:
    """Judge the relative change of outputs and of hidden activations under each rotation."""
    same, turned = bool((outputs < 1e-5).all()), bool((hidden > 0.1).all())
    return Outcome(
        (same, turned),
        f"outputs {'stay' if same else 'do not stay'} while hidden activations {'move' if turned else 'hardly move'}",
    )


@registry.claim(
    "features/rotation-breaks",
    says="rotating the hidden space of a ReLU-hidden-layer model changes its outputs: the basis is privileged",
    criterion="under each random rotation outputs change by more than a tenth of their root mean square; under each "
    "permutation of the neurons by less than 1e-5 of it",
    reason="a tenth of the outputs' size is a broken model, 1e-5 is rounding",
    figure="fig-turned",
)
def rotation_breaks(outputs: Float[Tensor, "rotation"], permuted: Float[Tensor, "permutation"]) -> Outcome:
    """Judge the relative change of outputs under each rotation and under each permutation of the neurons."""
    broken, kept = bool((outputs > 0.1).all()), bool((permuted < 1e-5).all())
    least = "by more than a tenth of their size" if broken else f"in the least case by {below(outputs.min())} of their size"
    return Outcome((broken, kept), f"rotations change outputs {least}, permutations {'do not' if kept else 'do as well'}")


@registry.claim(
    "features/almost-orthogonal",
    says="the number of directions with all |cosine| < ε that fit in d dimensions grows exponentially in d",
    criterion="for every ε, a straight line through the logarithm of the number found leaves less over d than over log d, "
    "and explains 99 %; at every d the number found is at least 1 / P(|cosine| >= ε), which is known to fit",
    reason="a power law is what else could look straight; 99 % asks for a good fit besides a better one",
    figure="fig-almost-orthogonal",
)
def almost_orthogonal(
    n_dimensions: Int[Tensor, "size"], counts: Float[Tensor, "cosine size"], guaranteed: Float[Tensor, "cosine size"]
) -> Outcome:
    """Judge how many directions were found for each ε and d, and how many are known to fit; d ascends."""
    d, log_counts = n_dimensions.double().numpy(), counts.double().log().numpy()
    by_d, by_log_d = ([straight_line(x, y)[1] for y in log_counts] for x in (d, np.log(d)))
    exponential = all(line < power and line <= 0.01 for line, power in zip(by_d, by_log_d, strict=True))
    enough = bool((counts >= guaranteed).all())
    growth = "exponential at each ε" if exponential else "not exponential at each ε"
    return Outcome((exponential, enough), f"growth {growth}; {'at least' if enough else 'fewer than'} the guaranteed number")


@registry.claim(
    "features/compressed-sensing",
    says="a k-sparse vector is recovered from about k log(n / k) linear measurements; recovery breaks down at a sharp "
    "boundary",
    criterion="the number of measurements that recovers half of the vectors is 1 to 4 times k ln(n / k) for each n and k, "
    "and the multiple differs by at most a factor of 1.5; from 90 % to 10 % takes at most a third of it for the largest n, "
    "and less of it than for the smallest",
    reason='"about" is read as one constant within a factor of 1.5; a boundary of a third of its place that '
    "narrows is sharp",
    figure="fig-recovery",
)
def compressed_sensing(
    n_features: Int[Tensor, "setting"],
    n_active: Int[Tensor, "setting"],
    needed: Float[Tensor, "setting 3"],
) -> Outcome:
    """Judge how many measurements are needed for 10, 50 and 90 % of the vectors to come back."""
    n, k = n_features.double(), n_active.double()
    tenth, half, most = needed.double().unbind(1)
    multiple = half / (k * (n / k).log())
    constant = bool(multiple.max() <= 1.5 * multiple.min())
    scales = bool((multiple >= 1).all() and (multiple <= 4).all()) and constant
    width = (most - tenth) / half
    largest, smallest = width[n == n.max()].mean(), width[n == n.min()].mean()
    sharp = bool(largest <= 1 / 3 and largest < smallest)
    return Outcome(
        (scales, sharp),
        f"half are recovered from {math.floor(multiple.min())} to {math.ceil(multiple.max())} times k ln(n / k) "
        f"measurements, {'nearly the same multiple' if constant else 'another multiple'} for every n and k; the boundary is "
        f"{'sharp, and sharper' if sharp else 'not sharp, or not sharper'} for larger n",
    )


@registry.claim(
    "features/linear-interference",
    says="with one sparse feature active, reading the others linearly shows interference; a ReLU with a negative bias "
    "removes most of it",
    criterion="the squared errors that one active feature makes at the others are above a tenth of its own square when read "
    "linearly; ReLU and bias remove at least three quarters of them; all biases are negative",
    reason='a tenth is enough to be mistaken for a feature; "most" is read as three quarters',
    figure="fig-interference",
)
def linear_interference(
    linear: Float[Tensor, "feature"], after_relu: Float[Tensor, "feature"], b: Float[Tensor, "feature"]
) -> Outcome:
    """Judge what one active feature does to the outputs of the others, which have the biases b.

    Both errors are in units of the feature's own square, as from `interference.read_linearly` and
    `interference.through_relu`.
    """
    shows = bool(linear.mean() > 0.1)
    removed = 1 - (after_relu.sum() / linear.sum().clamp(min=1e-12)).item()
    negative = bool((b < 0).all())
    return Outcome(
        (shows, removed >= 0.75, negative),
        f"interference {'above' if shows else 'below'} a tenth of the feature's own square; ReLU and bias remove "
        f"{at_least(removed)}; biases are {'all' if negative else 'not all'} negative",
    )


@registry.claim(
    "features/universality",
    says="(beyond the paper) models trained from different seeds agree up to rotation and permutation",
    criterion="in each setting, after the best rotation and permutation, W differs by at most 5 % of its squared length in "
    "at least 90 % of the pairs of seeds",
    reason="5 % is well below the 30 to 50 % between random arrangements; one pair in ten may end in a local minimum",
    figure="fig-universality",
)
def universality(distance: Mapping[str, Float[Tensor, "pair"]]) -> Outcome:
    """Judge how far models from different seeds are from each other, by setting, as from `universality.distance`."""
    agree = {name: bool(torch.mean((d <= 0.05).double()) >= 0.9) for name, d in distance.items()}
    without = [name for name, does in agree.items() if not does]
    some = f"{sum(agree.values())} of {len(agree)} settings, not for {', '.join(without)}"
    words = some if without else "all settings"
    return Outcome(tuple(agree.values()), f"seeds agree in {words}")


guard(__name__)
