import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._util.generators import keyed_generator
from supertoy.chapters.strategic_picture.dictionary_scores import (
    agreeing,
    dead,
    mean_max_cosine,
    share_found,
    split,
    variance_explained,
    without_dead,
)


def test_measures_do_not_depend_on_order_and_length_but_on_sign():
    true = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))
    shuffled = true[:, torch.randperm(7, generator=torch.Generator().manual_seed(1))]
    found = shuffled * torch.linspace(0.1, 9, 7)[:, None]
    assert_close(mean_max_cosine(found, true), torch.ones(2))
    assert_close(share_found(found, true, 0.999), torch.ones(2))
    basis = torch.eye(4)[None]
    assert_close(mean_max_cosine(-basis, basis), torch.zeros(1))
    assert_close(share_found(-basis, basis), torch.zeros(1))


def test_measures_count_what_is_near_enough():
    degrees = torch.deg2rad(torch.tensor([0.0, 20.0, 30.0, 90.0]))
    found = torch.stack([degrees.cos(), degrees.sin()], dim=1)[None]
    true = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]])
    worst = torch.tensor(135.0).deg2rad().cos()  # of the third with the directions at 0 and 90 degrees
    assert_close(mean_max_cosine(found, true), (2 + worst)[None] / 3)
    assert_close(share_found(found, true), torch.tensor([2 / 3]))
    assert split(found, true).tolist() == [[True, False, False]]  # cos 20° > 0.9 > cos 30°
    assert split(found, true, threshold=0.95).tolist() == [[False, False, False]]
    assert split(found, true, threshold=0.49).tolist() == [[True, True, False]]


def test_only_features_in_the_mask_count():
    true, found = torch.eye(2).repeat(3, 1, 1), torch.tensor([[1.0, 0.0]]).repeat(3, 1, 1)
    mask = torch.tensor([[True, False], [False, True], [False, False]])
    for value in (mean_max_cosine(found, true, mask), share_found(found, true, mask=mask)):
        assert_close(value, torch.tensor([1.0, 0.0, torch.nan]), equal_nan=True)


def test_a_latent_is_dead_unless_it_fires_where_there_is_weight():
    latents = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 1e-9]], [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]])
    assert dead(latents, torch.tensor([[0.5, 0.5]])).tolist() == [[True, False, False], [False, True, True]]
    assert dead(latents, torch.tensor([[0.0, 1.0]])).tolist() == [[True, True, False], [False, True, True]]


def test_two_dictionaries_agree_on_what_both_have_whatever_its_order():
    true = torch.nn.functional.normalize(torch.randn(2, 9, 12, generator=keyed_generator(0, 0, "test")), dim=-1)
    rest = torch.nn.functional.normalize(torch.randn(2, 2, 4, 12, generator=keyed_generator(1, 0, "test")), dim=-1)
    first = torch.cat([true, rest[0]], dim=1)
    second = torch.cat([rest[1], true.flip(1)], dim=1)
    assert agreeing(first, second).tolist() == [9, 9]
    assert agreeing(torch.cat([first, first], dim=1), second).tolist() == [9, 9]  # twice the same counts once
    assert agreeing(first.masked_fill(torch.ones(13, 1).bool(), 0), second).tolist() == [0, 0]
    assert agreeing(-first, second).tolist() == [0, 0]


def test_a_dictionary_without_its_dead_directions_keeps_the_others():
    found = torch.eye(3)[None]
    latents = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 2.0, 1.0]]])
    kept = without_dead(found, latents, torch.tensor([[0.5, 0.5]]))
    assert torch.equal(kept, torch.diag(torch.tensor([0.0, 1, 1]))[None])


def test_a_latent_follows_a_feature_as_far_as_the_two_correlate():
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.rand(2, 1, 100_000, 1, generator=generator)
    weight = torch.full((1, 100_000), 1e-5)
    assert_close(variance_explained(3 * x + 1, x, weight), torch.ones(1, 1))
    assert_close(variance_explained(x + noise, x, weight), torch.full((1, 1), 0.5), atol=0.02, rtol=0)
    assert_close(variance_explained(-x, x, weight), torch.zeros(1, 1))  # what falls with it does not follow it
    assert_close(variance_explained(torch.cat([noise, x], dim=-1), x, weight), torch.ones(1, 1))
    assert variance_explained(x, torch.ones_like(x), weight).isnan().all()


def test_rows_count_by_their_weight():
    x = torch.tensor([[[0.0], [1.0], [1.0]]])
    latents = torch.tensor([[[0.0], [1.0], [0.0]]])
    assert_close(variance_explained(latents, x, torch.tensor([[0.5, 0.5, 0.0]])), torch.ones(1, 1))
    assert variance_explained(latents, x, torch.tensor([[0.5, 0.25, 0.25]])) < 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_max_cosine(torch.full((1, 2, 2), torch.nan), torch.eye(2)[None]), "found must be finite"),
        (lambda: share_found(torch.eye(2)[None], torch.full((1, 2, 2), torch.nan)), "true must be finite"),
        (lambda: share_found(torch.eye(2)[None], torch.eye(2)[None], 0.0), "threshold must be finite and above 0"),
        (lambda: split(torch.eye(2)[None], torch.eye(2)[None], 1.0), "threshold must be below 1, got 1.0"),
        (lambda: dead(torch.full((1, 2, 2), torch.nan), torch.ones(1, 2)), "latents must be finite"),
        (
            lambda: variance_explained(torch.full((1, 2, 2), torch.nan), torch.ones(1, 2, 1), torch.ones(1, 2)),
            "latents must be finite",
        ),
        (lambda: agreeing(torch.eye(2)[None], torch.eye(2)[None], 1.0), "threshold must be below 1, got 1.0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_latents_of_a_model_without_superposition_follow_its_features():
    data = st.Independent(3, 0.1)
    x, weight = data.sample(1024, keyed_generator(0, 0, "test"))
    assert_close(variance_explained(x @ torch.eye(3), x, weight), torch.ones(1, 3))
