"""Pairs whose activity is correlated as much as one likes: their moments, their extremes, and training on them."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from tests.strategies import model_with_random_weights

P, C = torch.tensor([0.5, 0.2, 0.2, 0.05]).double(), torch.tensor([0.3, 0.0, -0.25, 1.0]).double()


@pytest.fixture
def data():
    return st.PartlyCorrelatedPairs(2, P, C)


def test_samples_have_the_density_and_the_correlation_that_they_should(data):
    x, weight = data.sample(200_000, torch.Generator().manual_seed(0))
    on, w = (x != 0).double(), weight.double()[..., None]
    density = (w * on).sum(1)
    assert_close(density, P[:, None].expand(-1, 4), rtol=0.03, atol=0)
    together = (w * on[..., :1] * on).sum(1)
    correlation = (together[:, 1] - P**2) / (P * (1 - P))
    assert_close(correlation, C, rtol=0, atol=0.01)
    assert_close(together[:, 2], P**2, rtol=0.05, atol=1e-4)  # of different pairs: independent
    assert_close((w * x).sum(1), P[:, None].expand(-1, 4) / 2, rtol=0.03, atol=0, check_dtype=False)
    assert x[:, 1:].any(-1).all()


def test_enumeration_has_the_exact_moments(data):
    x, weight = quadrature(data, n_nodes=2)
    assert_close(weight.sum(1), torch.ones(4).double())
    x = x[0].double()
    assert_close(weight @ x, P[:, None].expand(-1, 4) / 2)
    both = P**2 + C * P * (1 - P)
    assert_close(weight @ (x[:, 0] * x[:, 1]), both / 4)
    assert_close(weight @ (x[:, 0] * x[:, 2]), P**2 / 4)


def test_the_extremes_are_the_other_distributions():
    model = model_with_random_weights(st.ReLUOutputModel, 1, 4, 2)
    p = 0.2
    for correlation, known in (
        (1.0, st.CorrelatedSets(2, 2, p)),
        (0.0, st.Independent(4, p)),
        (-p / (1 - p), st.AnticorrelatedSets(2, 2, 2 * p)),
    ):
        loss = st.expected_loss(model, st.PartlyCorrelatedPairs(2, p, correlation), rtol=1e-3)
        assert_close(loss, st.expected_loss(model, known), rtol=2e-3, atol=0)


def test_the_exact_loss_is_that_of_the_sum_over_all_states(data):
    model = model_with_random_weights(st.ReLUOutputModel, 4, 4, 2).requires_grad_(False)
    x, weight = quadrature(data.to(dtype=torch.float64), 12)
    summed, _ = st.sampled_loss(model, x.expand(4, -1, -1), weight)
    assert_close(st.expected_loss(model, data, rtol=1e-6), summed, rtol=1e-3, atol=0)


def test_linear_models_are_measured_with_the_right_second_moments(data):
    model = model_with_random_weights(st.LinearModel, 4, 4, 2).requires_grad_(False)
    sampled, error = st.sampled_loss(model, *data.sample(200_000, torch.Generator().manual_seed(1)))
    assert ((st.expected_loss(model, data) - sampled).abs() < 5 * error).all()


def test_pairs_that_come_together_are_orthogonal_and_those_that_never_do_are_antipodal():
    p = torch.tensor([0.1, 0.1])
    data = st.PartlyCorrelatedPairs(2, p, torch.tensor([1.0, -1 / 9]))
    model = st.ReLUOutputModel(2, 4, 2, seed=0)
    st.train(model, data, n_restarts=8, n_nodes=3, n_steps=400)
    W = torch.nn.functional.normalize(model.W, dim=1)
    cosine = (W[:, :, ::2] * W[:, :, 1::2]).sum(1)
    assert_close(cosine, torch.tensor([[0.0, 0], [-1, -1]]), rtol=0, atol=0.05)


def test_instances_can_be_chosen_and_repeated(data):
    chosen = data.select(torch.tensor([3, 0]))
    assert_close(chosen.states(1)[3][1], (P**2 + C * P * (1 - P))[[3, 0]])
    assert st.PartlyCorrelatedPairs(1, 0.1, 0.2).expand(3).sample(10)[0].shape == (3, 10, 2)


@pytest.mark.parametrize(
    ("p", "c", "message"),
    [
        (0.6, 0.0, "probability must lie in"),
        (0.0, 0.0, "probability must lie in"),
        (0.1, 1.1, "correlation must lie in"),
        (0.1, -0.2, "correlation must lie in"),
        (1.5, 0.0, "probability must lie in"),
        (float("nan"), 0.0, "probability must be finite"),
        (0.1, float("nan"), "correlation must be finite"),
    ],
)
def test_impossible_pairs_are_refused(p, c, message):
    with pytest.raises(ValueError, match=message):
        st.PartlyCorrelatedPairs(1, p, c)


@pytest.mark.parametrize("wrong", [torch.tensor([0.1 + 1j]), torch.tensor([True]), torch.tensor([[0.1]]), "a", None])
def test_what_is_no_number_is_refused_with_its_name(wrong):
    for name in ("probability", "correlation"):
        with pytest.raises((TypeError, ValueError), match=name):
            st.PartlyCorrelatedPairs(1, **{"probability": 0.1, "correlation": 0.0, name: wrong})
    with pytest.raises((TypeError, ValueError), match="correlation"):
        st.PartlyCorrelatedPairs(1, torch.full((2,), 0.1), torch.zeros(3))
    with pytest.raises(TypeError, match="n_pairs"):
        st.PartlyCorrelatedPairs(1.5, 0.1, 0.0)


def test_both_ends_of_the_range_are_in_whatever_the_rounding():
    p = torch.linspace(0.01, 0.5, 2000)
    for c in (-p / (1 - p), torch.ones(2000)):
        data = st.PartlyCorrelatedPairs(1, p, c)
        assert all((chance >= 0).all() for _, chance in data.states(0))
