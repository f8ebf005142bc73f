"""Relations between words, and whether word vectors have a direction for each.

A relation is a list of pairs. If it is a direction, analogies between its pairs come out right and the differences of its
pairs are parallel.

Source: paper, "Features as directions".
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy._util.intervals import wilson
from supertoy.chapters.features.words import WordVectors

Pairs = Sequence[tuple[str, str]]  #: Pairs of words that stand in a relation: two or more, no word twice.


def _pairs(text: str) -> list[tuple[str, str]]:
    first, second = text.split()[::2], text.split()[1::2]
    return list(zip(first, second, strict=True))


#: All words are among the 10,000 most frequent of GloVe 6B. The lists were written down before anything was measured on
#: them. Each keeps its first 25 pairs whose words are there; gender has only 23.
#:
#: :meta hide-value:
RELATIONS: dict[str, list[tuple[str, str]]] = {
    "gender": _pairs("""
        man woman king queen boy girl father mother son daughter brother sister husband wife uncle aunt
        grandfather grandmother actor actress prince princess he she his her himself herself men women boys girls
        sons daughters brothers sisters fathers mothers male female dad mom lord lady bull cow
    """),
    "capital": _pairs("""
        france paris germany berlin italy rome spain madrid japan tokyo china beijing russia moscow england london
        greece athens egypt cairo iraq baghdad iran tehran poland warsaw austria vienna hungary budapest
        sweden stockholm norway oslo finland helsinki denmark copenhagen ireland dublin portugal lisbon turkey ankara
        syria damascus lebanon beirut jordan amman
    """),
    "plural": _pairs("""
        car cars dog dogs cat cats house houses book books tree trees bird birds city cities country countries
        year years day days hand hands eye eyes child children computer computers road roads river rivers school schools
        game games team teams king kings student students company companies horse horses flower flowers
    """),
    "comparative": _pairs("""
        big bigger small smaller large larger old older young younger fast faster slow slower high higher low lower
        long longer short shorter strong stronger weak weaker good better bad worse cheap cheaper hard harder
        easy easier great greater wide wider deep deeper safe safer light lighter close closer tough tougher
    """),
    "past tense": _pairs("""
        go went take took say said see saw come came give gave find found think thought know knew make made
        become became begin began write wrote run ran speak spoke fall fell win won lose lost buy bought sell sold
        build built send sent bring brought teach taught sing sang
    """),
    "nationality": _pairs("""
        france french germany german italy italian spain spanish japan japanese china chinese russia russian
        england english greece greek egypt egyptian iraq iraqi iran iranian poland polish austria austrian
        hungary hungarian sweden swedish norway norwegian finland finnish denmark danish ireland irish
        portugal portuguese turkey turkish syria syrian lebanon lebanese israel israeli
    """),
}


class SuccessRate(NamedTuple):
    """How often analogies are right, and how often the baseline is; each with a 95 % Wilson interval.

    The intervals treat trials as independent. But trials share words, so the intervals are narrower than they should be.

    Attributes:
        rate: share of right analogies.
        interval: of `rate`.
        baseline: share of right answers of the baseline.
        baseline_interval: of `baseline`.
        n_trials: how many analogies there are.
    """

    rate: float
    interval: tuple[float, float]
    baseline: float
    baseline_interval: tuple[float, float]
    n_trials: int


def success_rate(vectors: WordVectors, pairs: Pairs, keep_query_words: bool = False) -> SuccessRate:
    """Share of analogies that are right: for all ordered choices of two pairs (a, b) and (c, d), is d the answer?

    >>> corners = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 3.0], [1.0, 3.0]])
    >>> success_rate(WordVectors(["man", "woman", "king", "queen"], corners), [("man", "woman"), ("king", "queen")]).rate
    1.0

    `keep_query_words` lets a, b and c be answers. The baseline answers with the word nearest to c. It never answers c
    itself, and it answers a or b only where the analogy may.

    Source: paper, "Features as directions"; Mikolov et al. (2013), "Efficient estimation of word representations in vector
    space".
    """
    rows = _pair_rows(vectors, pairs)
    i, j = (~torch.eye(len(rows), dtype=torch.bool)).nonzero(as_tuple=True)
    (a, b), (c, d) = rows[i].T, rows[j].T
    V = vectors.vectors

    def right(query: Tensor, left_out: list[Tensor]) -> int:
        cosine = query @ vectors.unit.T  # [trial, word], times the length of the query
        for word in left_out:
            cosine[torch.arange(len(word)), word] = -torch.inf
        return int((cosine.argmax(1) == d).sum())

    others = [] if keep_query_words else [a, b]
    n = len(d)
    n_right, n_baseline = right(V[b] - V[a] + V[c], [] if keep_query_words else [*others, c]), right(V[c], [*others, c])
    return SuccessRate(n_right / n, wilson(n_right, n), n_baseline / n, wilson(n_baseline, n), n)


class Parallelism(NamedTuple):
    """How parallel the differences of pairs are, and how parallel they would be with the partners shuffled.

    Attributes:
        cosine: mean over pairs of differences.
        shuffled: the same for each shuffle.
        p_value: share of arrangements that are at least as parallel as the true one, itself counted in.
    """

    cosine: float
    shuffled: Float[Tensor, "shuffle"]
    p_value: float


def parallelism(vectors: WordVectors, pairs: Pairs, n_shuffles: int = 1000, seed: int = 0) -> Parallelism:
    """Mean cosine between the difference vectors V(b) - V(a) of two pairs: 1 when all point the same way.

    >>> vectors = WordVectors(["a", "b", "c", "d"], torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]))
    >>> parallelism(vectors, [("a", "b"), ("c", "d")]).cosine
    1.0

    Shuffling which b belongs to which a keeps both sets of words. The shuffled cosines are therefore not around 0: they show
    how much comes from the two sets lying in different places. What is above them comes from the pairs.

    Source: paper, "Features as directions".
    """
    first, second = vectors.vectors[_pair_rows(vectors, pairs)].unbind(1)
    generator = keyed_generator(seed, 0, "shuffled pairs")
    orders = torch.stack([torch.randperm(len(pairs), generator=generator) for _ in range(n_shuffles)])
    cosine = _mean_cosine((second - first)[None])
    shuffled = _mean_cosine(second[orders] - first)
    # Where a shuffle changes nothing, rounding must not decide.
    at_least = int((shuffled >= cosine - 1e-6).sum())
    return Parallelism(cosine.item(), shuffled, (1 + at_least) / (1 + n_shuffles))


def direction(vectors: WordVectors, pairs: Pairs) -> Float[Tensor, "dimension"]:
    """The mean of the pairs' differences V(b) - V(a), each taken at length 1; at length 1 itself.

    >>> vectors = WordVectors(["a", "b", "c", "d"], torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 2]]))
    >>> direction(vectors, [("a", "b"), ("c", "d")])
    tensor([0., 1.])

    Raises:
        ValueError: the differences cancel.
    """
    first, second = vectors.vectors[_pair_rows(vectors, pairs)].unbind(1)
    mean = torch.nn.functional.normalize(second - first, dim=1).mean(0)
    if mean.norm() < 1e-6:
        raise ValueError("pairs must have differences with a mean, but these cancel")
    return torch.nn.functional.normalize(mean, dim=0)


def plane(vectors: WordVectors, others: Pairs) -> Float[Tensor, "axis dimension"]:
    """Two axes to draw pairs of a relation in, from *other* pairs of it, so that nothing is parallel by construction.

    Up, the second axis, is the direction of the other pairs. To the right, at a right angle to it, is the direction in which
    the middles of the other pairs differ most.
    """
    up = direction(vectors, others)
    middles = vectors.vectors[_pair_rows(vectors, others)].mean(1)
    middles = middles - middles.mean(0)
    right = torch.linalg.svd(middles - (middles @ up)[:, None] * up, full_matrices=False).Vh[0]
    # The same of the two signs on every machine.
    return torch.stack([right * right[right.abs().argmax()].sign(), up])


def _mean_cosine(differences: Float[Tensor, "shuffle pair dimension"]) -> Float[Tensor, "shuffle"]:
    """Mean over all i ≠ j of the cosine between difference i and difference j."""
    unit = torch.nn.functional.normalize(differences, dim=-1)
    n = unit.shape[1]
    return (unit.sum(1).square().sum(-1) - unit.square().sum((1, 2))) / (n * (n - 1))


def _pair_rows(vectors: WordVectors, pairs: Pairs) -> Int[Tensor, "pair 2"]:
    words = [word for pair in pairs for word in pair]
    if len(pairs) < 2:
        raise ValueError(f"pairs must be at least 2, got {len(pairs)}")
    if len(set(words)) < len(words):
        twice = next(word for place, word in enumerate(words) if word in words[:place])
        raise ValueError(f"pairs must have no word twice, got {twice!r} twice")
    return torch.tensor(vectors.rows(words, "pairs")).view(-1, 2)


guard(__name__)
