"""Analogies counted and directions compared: on made-up vectors whose answers geometry gives, and on the book's own."""

import itertools
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.features import relations as r
from supertoy.chapters.features.words import WordVectors, analogy, load, nearest


@pytest.fixture(scope="module")
def glove():
    return load(Path(__file__).parents[3] / "book" / "data" / "glove.npz")


def named(n):
    return [f"first {k}" for k in range(n)], [f"second {k}" for k in range(n)]


def relation(n, shift, seed=0):
    """n pairs: random unit vectors, and the same with `shift` [dimension] added, or [pair, dimension] for each its own."""
    first, second = named(n)
    start = torch.randn(n, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    start = torch.nn.functional.normalize(start, dim=1)
    vectors = WordVectors(first + second, torch.cat([start, start + shift]))
    return vectors, list(zip(first, second, strict=True))


def test_pairs_with_one_difference_make_every_analogy_right_and_are_parallel():
    shift = torch.zeros(20, dtype=torch.float64)
    shift[0] = 2
    vectors, pairs = relation(8, shift)
    result = r.success_rate(vectors, pairs)
    assert (result.rate, result.n_trials) == (1.0, 8 * 7)
    # Wilson's interval at k = n is [n / (n + z²), 1].
    assert_close(result.interval, (56 / (56 + 1.959964**2), 1.0))
    found = r.parallelism(vectors, pairs, n_shuffles=99)
    assert found.cosine == pytest.approx(1)
    assert found.p_value == 1 / 100
    assert found.shuffled.max() < 0.99


def test_opposite_differences_have_cosine_minus_one_and_mixed_ones_the_mean():
    points = torch.tensor([[0.0, 0, 0], [5, 0, 0], [9, 0, 0]], dtype=torch.float64)
    # Three differences: east, west, and north of another length. Cosines -1, 0, 0.
    ends = points + torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 7, 0]], dtype=torch.float64)
    first, second = named(3)
    pairs = list(zip(first, second, strict=True))
    vectors = WordVectors(first + second, torch.cat([points, ends]))
    assert r.parallelism(vectors, pairs[:2]).cosine == pytest.approx(-1)
    assert r.parallelism(vectors, pairs).cosine == pytest.approx(-1 / 3)


def test_a_shift_of_all_second_words_is_in_the_shuffled_cosines_too():
    # Far away in one direction, all differences are parallel, whoever belongs to whom: no evidence for the pairs.
    generator = torch.Generator().manual_seed(1)
    shift = torch.randn(8, 20, dtype=torch.float64, generator=generator)
    shift[:, 0] += 1000
    found = r.parallelism(*relation(8, shift), n_shuffles=200)
    assert found.cosine > 0.99
    assert found.shuffled.min() > 0.99
    assert found.p_value > 0.01


def test_p_values_of_pairs_that_mean_nothing_are_uniform():
    generator = torch.Generator().manual_seed(2)
    p_values = []
    for seed in range(100):
        shift = torch.randn(6, 20, dtype=torch.float64, generator=generator)
        vectors, pairs = relation(6, shift, seed)
        second = vectors.vectors[6:].clone()
        # Independent of the first words, the second ones might as well be in any order.
        vectors.vectors[6:] = second[torch.randperm(6, generator=generator)]
        p_values.append(r.parallelism(vectors, pairs, n_shuffles=99, seed=seed).p_value)
    p_values = torch.tensor(p_values)
    assert abs(p_values.mean() - 0.5) < 4 / (12 * 100) ** 0.5
    assert (p_values <= 0.05).sum() <= 15


def test_shuffles_depend_on_the_seed_alone():
    vectors, pairs = relation(6, torch.randn(6, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    one, same, other = (r.parallelism(vectors, pairs, n_shuffles=20, seed=seed).shuffled for seed in (4, 4, 5))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("keep", [False, True])
def test_success_rate_counts_what_analogy_and_nearest_answer(glove, keep):
    pairs = r.RELATIONS["plural"][:7]
    result = r.success_rate(glove, pairs, keep_query_words=keep)
    trials = [(a, b, c, d) for (a, b), (c, d) in itertools.permutations(pairs, 2)]
    right = [analogy(glove, a, b, c, keep_query_words=keep)[0][0] == d for a, b, c, d in trials]
    left_out = [(c,) if keep else (a, b, c) for a, b, c, _ in trials]
    base = [
        nearest(glove, glove.vectors[glove.index[c]], exclude=out)[0][0] == d
        for (_, _, c, d), out in zip(trials, left_out, strict=True)
    ]
    assert 0 < sum(right) < len(trials)
    assert (result.rate, result.baseline, result.n_trials) == (sum(right) / 42, sum(base) / 42, 42)
    assert result.interval[0] < result.rate < result.interval[1]
    assert result.baseline_interval[0] < result.baseline < result.baseline_interval[1]


def test_the_direction_of_a_relation_is_the_mean_of_its_differences_whatever_their_length():
    first, second = named(2)
    vectors = WordVectors(first + second, torch.tensor([[5.0, 0, 0], [0, 5, 0], [5, 0, 3], [0, 9, 0]]))
    found = r.direction(vectors, list(zip(first, second, strict=True)))
    assert torch.allclose(found, torch.tensor([0.0, 0.5**0.5, 0.5**0.5]))
    vectors.vectors[3] = torch.tensor([0.0, 5, -1])
    with pytest.raises(ValueError, match="pairs must have differences with a mean, but these cancel"):
        r.direction(vectors, list(zip(first, second, strict=True)))


def test_the_plane_of_a_relation_is_its_direction_and_the_spread_of_its_pairs():
    first, second = named(3)
    start = torch.tensor([[-7.0, 0, 1], [0, 0, -1], [7, 0, 1]])
    vectors = WordVectors(first + second, torch.cat([start, start + torch.tensor([0.0, 2, 0])]))
    right, up = r.plane(vectors, list(zip(first, second, strict=True)))
    assert torch.allclose(up, torch.tensor([0.0, 1, 0]), atol=1e-6)
    assert torch.allclose(right, torch.tensor([1.0, 0, 0]), atol=1e-6)


def test_pairs_that_cannot_be_counted_are_refused(glove):
    for measure in (r.success_rate, r.parallelism, r.direction, r.plane):
        with pytest.raises(ValueError, match="pairs must be at least 2, got 1"):
            measure(glove, [("king", "queen")])
        with pytest.raises(ValueError, match="pairs must have no word twice, got 'king' twice"):
            measure(glove, [("king", "queen"), ("man", "king")])
        with pytest.raises(ValueError, match="pairs must be among the 10000 words, got 'xyzzy'"):
            measure(glove, [("king", "queen"), ("man", "xyzzy")])
    with pytest.raises(ValueError, match="n_shuffles must be at least 1"):
        r.parallelism(glove, [("king", "queen"), ("man", "woman")], n_shuffles=0)


def test_every_relation_has_its_words_once_and_enough_pairs(glove):
    assert len(r.RELATIONS) == 6
    for pairs in r.RELATIONS.values():
        words = [word for pair in pairs for word in pair]
        assert glove.index.keys() >= set(words)
        assert len(set(words)) == len(words)
        assert 15 <= len(pairs) <= 25


@pytest.mark.parametrize("name", ["gender", "capital"])
def test_relations_in_glove_are_directions(glove, name):
    result = r.success_rate(glove, r.RELATIONS[name])
    assert result.rate > result.baseline + 0.25
    found = r.parallelism(glove, r.RELATIONS[name], n_shuffles=99)
    assert found.cosine > found.shuffled.mean() + 0.2
    assert found.p_value == 0.01
