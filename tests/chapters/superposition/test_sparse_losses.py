"""The expected loss, taken apart by how many features are active."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy import theory
from supertoy.chapters.superposition.sparse_losses import binomial_weights, k_sparse_losses
from tests.strategies import model_with_random_weights

IMPORTANCE = 0.8 ** torch.arange(5)
DENSITIES = torch.tensor([0.9, 0.3, 0.05])


@pytest.fixture
def model():
    return model_with_random_weights(st.ReLUOutputModel, 3, 5, 2).requires_grad_(False)


def test_l0_and_l1_are_the_first_two_of_the_k_sparse_losses(model):
    losses = k_sparse_losses(model.W, model.b, IMPORTANCE)
    assert losses.shape == (3, 6)
    assert_close(losses[:, 0], theory.zero_sparse_loss(model.b, IMPORTANCE))
    assert_close(losses[:, 1], sum(theory.one_sparse_loss_terms(model.W, model.b, IMPORTANCE)), rtol=1e-7, atol=0)


def test_the_binomial_sum_of_k_sparse_losses_is_the_expected_loss(model):
    weights = binomial_weights(5, DENSITIES)
    assert_close(weights.sum(1), torch.ones(3, dtype=torch.float64))
    total = (weights * k_sparse_losses(model.W, model.b, IMPORTANCE)).sum(1)
    expected = st.expected_loss(model, st.Independent(5, DENSITIES[:, None]), importance=IMPORTANCE)
    assert_close(total, expected, rtol=1e-5, atol=0)


def test_two_active_features_agree_with_samples(model):
    generator = torch.Generator().manual_seed(0)
    losses = []
    for i in range(5):
        for j in range(i):
            x = torch.zeros(1, 40_000, 5, dtype=torch.float64)
            x[..., [i, j]] = torch.rand(1, 40_000, 2, dtype=torch.float64, generator=generator)
            losses.append(st.sampled_loss(model, x, torch.full((1, 40_000), 1 / 40_000), importance=IMPORTANCE)[0])
    assert_close(k_sparse_losses(model.W, model.b, IMPORTANCE)[:, 2], torch.stack(losses).mean(0), rtol=0.01, atol=0)


def test_more_features_than_can_be_gone_through_are_refused():
    with pytest.raises(ValueError, match="at most 12 features"):
        k_sparse_losses(torch.ones(1, 2, 13), torch.ones(1, 13))
