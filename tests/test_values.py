"""Values of active features: how they are drawn and summed, against their moments and the formulas of their densities."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.loss import has_closed_form
from supertoy.research.values import Constant, Exponential
from supertoy.values import SIGNED, UNIT, Uniform

ALL = [UNIT, SIGNED, Uniform(-0.5, 2), Uniform(-2, 0), Uniform(3, 4.5), Exponential(0.7), Constant(-1.5)]


@pytest.mark.parametrize("values", ALL, ids=str)
def test_moments_are_those_of_numbers_drawn_evenly_and_of_nodes(values):
    u = (torch.arange(2_000_000, dtype=torch.float64) + 0.5) / 2_000_000
    x = values.of_uniform(u)
    nodes, weights = values.nodes(3)
    assert weights.sum() == pytest.approx(1)
    for power, moment in enumerate(values.moments, 1):
        assert (x**power).mean().item() == pytest.approx(moment, rel=1e-4, abs=1e-9)
        assert (weights * nodes**power).sum() == pytest.approx(moment, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("values", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_stay_in_their_range_at_the_ends_too(values, dtype):
    ends = torch.tensor([torch.finfo(dtype).tiny, 1e-7, 0.3, 1 - 2.0**-24, 1.0], dtype=dtype)
    x = values.of_uniform(ends)
    assert x.dtype == dtype
    assert x.isfinite().all()
    assert (x.abs() <= values.largest * (1 + 1e-6)).all()
    if not isinstance(values, Uniform):
        assert (x != 0).all()  # or an active feature would look inactive


def test_nodes_lie_on_each_side_of_0_only_where_both_sides_are_there():
    assert len(SIGNED.nodes(3)[0]) == len(Uniform(-0.5, 2).nodes(3)[0]) == 6
    assert len(UNIT.nodes(3)[0]) == len(Uniform(-2, 0).nodes(3)[0]) == len(Uniform(3, 4).nodes(3)[0]) == 3
    assert len(Constant(2).nodes(3)[0]) == 1
    nodes, weights = Uniform(-1, 3).nodes(3)
    assert (weights * np.maximum(nodes, 0)).sum() == pytest.approx(9 / 8)  # exact, as for each side by itself


def test_many_nodes_for_exponential_values_are_exact_where_a_function_bends():
    nodes, weights = Exponential(2.0).nodes(300)
    assert weights.sum() == pytest.approx(1)
    for bend in (0.5, 3.0, 8.0):  # E ReLU(x - bend) = mean exp(-bend / mean)
        assert (weights * np.maximum(nodes - bend, 0)).sum() == pytest.approx(2 * math.exp(-bend / 2), rel=1e-3)
    assert (weights * nodes**3).sum() == pytest.approx(48, rel=1e-8)


def test_exponential_samples_are_exponential():
    x, _ = st.Independent(1, 0.01, values=Exponential(2.0)).sample(100_000, torch.Generator().manual_seed(0))
    share = 1 - (-x[0, 1:, 0].double().sort().values / 2).exp()
    # Kolmogorov-Smirnov: a distance of 2.2 / sqrt(N) has a chance of about 1 in 10,000.
    assert (share - torch.linspace(0, 1, len(share))).abs().max() < 2.2 / 100_000**0.5


def test_binary_features_have_the_loss_that_counting_gives():
    model = st.ReLUOutputModel(1, 3, 2, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.tensor([[[1.0, -0.5, 0.3], [0.2, 0.8, -0.9]]]))
    model.b.copy_(torch.tensor([[0.1, -0.2, 0.05]]))
    counted = 0.0
    for k in range(4):
        for active in combinations(range(3), k):
            x = torch.zeros(1, 1, 3, dtype=torch.float64)
            x[..., list(active)] = 0.7
            counted += 0.3**k * 0.7 ** (3 - k) * (x - model(x)).square().sum().item()
    data = st.Independent(3, 0.3, values=Constant(0.7))
    assert not has_closed_form(model, data)
    assert st.expected_loss(model, data).item() == pytest.approx(counted, rel=1e-12)


def test_one_exponential_feature_has_the_loss_of_its_integral():
    model = st.ReLUOutputModel(1, 1, 1, dtype=torch.float64).requires_grad_(False)
    model.W.fill_(1.0)
    model.b.fill_(-0.5)
    # x - ReLU(x - 1/2) is x up to 1/2 and then 1/2. With density exp(-x), E min(x, 1/2)² = 2 - 3 exp(-1/2).
    exact = 0.4 * (2 - 3 * math.exp(-0.5))
    data = st.Independent(1, 0.4, values=Exponential(1.0))
    assert st.expected_loss(model, data, rtol=1e-3).item() == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("values", ALL, ids=str)
def test_linear_models_are_exact_with_all_values(values):
    model = st.LinearModel(1, 2, 1, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.tensor([[[0.8, 0.5]]]))
    data, (mu1, mu2, _) = st.Independent(2, 0.3, values=values), values.moments
    assert has_closed_form(model, data)
    second = torch.tensor([[0.3 * mu2, (0.3 * mu1) ** 2], [(0.3 * mu1) ** 2, 0.3 * mu2]], dtype=torch.float64)
    residual = torch.eye(2).double() - (model.W.mT @ model.W)[0]
    assert_close(st.expected_loss(model, data)[0], torch.trace(residual @ second @ residual.T))


def test_values_are_told_apart_and_shown():
    assert Uniform(0, 1) == UNIT
    assert len({str(values) for values in ALL}) == len(ALL)
    assert all((a == b) == (a is b) for a in ALL for b in ALL)
    assert str(st.Independent(2, torch.tensor([[0.1], [1.0]]), values=SIGNED)) == (
        "Independent(n_features=2, probability=[0.1, 1], values=Uniform(-1, 1), n_instances=2)"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Uniform(1, 1), ValueError, "low must be less than high, got 1 and 1"),
        (lambda: Uniform(float("nan"), 1), ValueError, "low must be finite"),
        (lambda: Uniform(0, float("inf")), ValueError, "high must be finite"),
        (lambda: Uniform(True, 2), TypeError, "low must be float, got bool"),
        (lambda: Uniform(0, 1j), TypeError, "high"),
        (lambda: Exponential(0), ValueError, "mean must be finite and above 0"),
        (lambda: Exponential(float("nan")), ValueError, "mean must be finite"),
        (lambda: Exponential(False), TypeError, "mean must be float"),
        (lambda: Constant(0), ValueError, "value must not be 0"),
        (lambda: Constant(float("inf")), ValueError, "value must be finite"),
        (lambda: Constant(True), TypeError, "value must be float"),
        (lambda: st.Independent(2, 0.5, values=True), TypeError, "values"),
    ],
)
def test_impossible_values_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_values_of_ones_own_are_drawn_and_measured():
    class Two(st.values.Values):
        """2."""

        moments, largest = (2.0, 4.0, 8.0), 2.0

        def of_uniform(self, uniform):
            return 0 * uniform + 2

        def nodes(self, n_nodes):
            return np.array([2.0]), np.ones(1)

    own, known = (st.Independent(3, 0.4, values=values) for values in (Two(), Constant(2)))
    model = st.ReLUHiddenModel(1, 3, 2)
    assert torch.equal(
        own.sample(50, torch.Generator().manual_seed(0))[0], known.sample(50, torch.Generator().manual_seed(0))[0]
    )
    assert_close(st.expected_loss(model, own), st.expected_loss(model, known))
