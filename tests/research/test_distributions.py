"""Exactly k active features and densities by a power law, against counting; trees are in `test_hierarchical_sets`."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from supertoy.research.distributions import power_law
from tests.strategies import model_with_random_weights
from tests.test_data import N_ROWS, assert_within_standard_errors


def test_exactly_k_features_are_active_in_every_row_and_all_choices_are_as_likely():
    data = st.ExactlyK(5, 2)
    x, weight = data.sample(60_001, torch.Generator().manual_seed(0))
    assert weight[0, 0] == 0
    assert ((x[0, 1:] > 0).sum(-1) == 2).all()
    assert (x <= 1).all()
    choices = (x[0, 1:] > 0).double() @ 2.0 ** torch.arange(5).double()
    counts = choices.long().bincount()
    assert ((counts[counts > 0] - 6000).abs() < 5 * (60_000 * 0.09) ** 0.5).all()
    assert (counts > 0).sum() == 10
    (_, none), *others = data.states(0)
    assert none == 0
    assert_close(torch.stack([p for _, p in others]), torch.full((10, 1), 0.1).double())
    for k in (1, 5):
        assert ((st.ExactlyK(5, k).sample(1000)[0][0, 1:] > 0).sum(-1) == k).all()


def test_too_many_choices_are_sampled_and_have_exact_moments():
    data = st.ExactlyK(20, 6)
    assert not data.states_are_known
    x, weight = data.sample(N_ROWS, torch.Generator().manual_seed(0))
    mean, second = data.moments()
    assert_within_standard_errors(x, weight, x.double(), mean)
    for i in range(3):
        assert_within_standard_errors(x, weight, (x * x[..., i : i + 1]).double(), second[:, i])
    few = st.ExactlyK(6, 3)  # as many as are enumerated, the same by both ways
    for formula, counted in zip(few.set_activity(), st.FeatureDistribution.set_activity(few), strict=True):
        assert_close(formula, counted)
    with pytest.raises(ValueError, match="data must have at most 4096 states to be enumerated"):
        data.set_states()
    with pytest.raises(ValueError, match="n_nodes must be None for ExactlyK, which has 38761 states or more"):
        quadrature(data, 1)
    model = model_with_random_weights(st.LinearModel, 1, 20, 5).requires_grad_(False)
    sampled, error = st.sampled_loss(model, x, weight)
    assert ((st.expected_loss(model, data) - sampled).abs() < 5 * error).all()


def test_a_power_law_has_its_exponent_and_its_sum():
    p = power_law(100, 1.5, n_active=2.0)
    assert_close(
        p[1:] / p[:-1], (torch.arange(1, 100) / torch.arange(2, 101)).double() ** 1.5, check_dtype=False, rtol=1e-5, atol=0
    )
    assert p.sum().item() == pytest.approx(2)
    assert_close(power_law(4, 0.0, n_active=4.0), torch.ones(4).double())
    assert st.Independent(100, p).sample(10)[0].shape == (1, 10, 100)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: st.ExactlyK(3, 4), ValueError, "n_active must be at most n_features = 3, got 4"),
        (lambda: st.ExactlyK(3, 0), ValueError, "n_active must be at least 1, got 0"),
        (lambda: st.ExactlyK(3, True), TypeError, "n_active must be int, got bool"),
        (lambda: power_law(3, 1.0, 2.0), ValueError, "n_active must be at most 1.83333, or a probability exceeds 1"),
        (lambda: power_law(3, float("nan")), ValueError, "exponent must be finite"),
        (lambda: power_law(3, 1.0, 0.0), ValueError, "n_active must be finite and above 0"),
        (lambda: power_law(0, 1.0), ValueError, "n_features must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
