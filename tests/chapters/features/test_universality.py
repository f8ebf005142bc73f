"""Copies of a model are the same; others are not."""

import pytest
import torch

from supertoy.chapters.features.privileged_basis import random_orthogonal, random_permutations
from supertoy.chapters.features.universality import distance, pairwise_distances

GENERATOR = torch.Generator().manual_seed(0)
W = torch.randn(4, 12, generator=GENERATOR, dtype=torch.float64)
O, P = random_orthogonal(4, 1)[0], random_permutations(12, 1)[0]
SWAP = random_permutations(4, 1)[0]


def test_a_turned_and_shuffled_copy_is_the_same_model():
    assert distance(W, O @ W @ P) == pytest.approx(0, abs=1e-12)
    assert distance(W, SWAP @ W @ P, up_to="neurons") == pytest.approx(0, abs=1e-12)


def test_a_shuffled_copy_is_another_model_where_features_keep_their_places():
    assert distance(W, O @ W, any_feature=False) == pytest.approx(0, abs=1e-12)
    assert distance(W, O @ W @ P, any_feature=False) > 0.3


def test_a_turned_copy_is_another_model_where_neurons_mean_something():
    assert distance(W, O @ W, up_to="neurons") > 0.1


def test_a_reflected_copy_is_the_same_model():
    mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1])).double()
    assert distance(W, mirror @ W, any_feature=False) == pytest.approx(0, abs=1e-12)


def test_a_digon_is_as_far_from_a_right_angle_as_procrustes_says():
    digon = torch.tensor([[1.0, -1.0], [0.0, 0.0]])
    right_angle = torch.eye(2)
    # The singular values of their product are √2 and 0, so the agreement is √2, of at most 2.
    assert distance(digon, right_angle, any_feature=False) == pytest.approx((4 - 2 * 2**0.5) / 2)


def test_a_model_at_another_scale_differs_by_its_scale():
    # (2 - 1)² / 2, whatever the model.
    assert distance(W, 2 * O @ W @ P) == pytest.approx(0.5)


def test_distance_is_symmetric_and_more_starts_never_increase_it():
    other = torch.randn(4, 12, generator=GENERATOR, dtype=torch.float64)
    few, many = (distance(W, other, n_starts=n) for n in (1, 200))
    assert 0 < many <= few
    assert distance(other, W, n_starts=200) == pytest.approx(many, abs=0.02)


def test_an_added_error_is_the_distance_if_it_is_small():
    error = 0.01 * torch.randn(4, 12, generator=GENERATOR, dtype=torch.float64)
    other = O @ (W + error) @ P
    expected = (error.square().sum() / (W.norm() * other.norm())).item()
    # The rotation makes good a part of it, 6 of 48 degrees of freedom.
    assert 0.6 * expected < distance(W, other) <= expected


def test_pairs_come_in_order():
    models = torch.stack([W, O @ W, 2 * W])
    assert pairwise_distances(models).tolist() == pytest.approx([0, 0.5, 0.5], abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distance(W, W[:3]), r"W and other must have one shape, got \[4, 12\] and \[3, 12\]"),
        (lambda: distance(W, 0 * W), "must not be zero"),
        (lambda: distance(W, W / 0), "other must be finite"),
        (lambda: distance(W, W, n_starts=0), "n_starts must be at least 1"),
        (lambda: pairwise_distances(W[None]), "W must hold at least two models, got 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
