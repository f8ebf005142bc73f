"""The expected loss against integrals by hand, against brute-force Monte Carlo, and against itself at another accuracy."""

import pytest
import torch
from scipy.integrate import dblquad, quad
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from supertoy.loss import has_closed_form
from supertoy.values import SIGNED, UNIT, Uniform
from tests.strategies import (
    ALL_MODELS,
    KINDS,
    GELUModel,
    distributions,
    model_with_random_weights,
    plain_sample,
)

IMPORTANCE = 0.9 ** torch.arange(6)


@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_it_is_the_mean_loss_of_a_plain_sample(kind, values):
    data = distributions(values)[kind]
    x = plain_sample(data, 100_000)
    for model_kind in ALL_MODELS:
        model = model_with_random_weights(model_kind, 3, 6, 3).requires_grad_(False)
        row_loss = (IMPORTANCE * (model(x) - model.target(x)).square()).sum(-1)
        error = row_loss.std(1) / len(row_loss[0]) ** 0.5
        # Some are sampled themselves, to a relative standard error of 0.5 %.
        own = 0 if has_closed_form(model, data) else 5e-3 * row_loss.mean(1)
        loss = st.expected_loss(model, data, importance=IMPORTANCE)
        assert ((loss - row_loss.mean(1)).abs() < 4.5 * (error**2 + own**2) ** 0.5).all(), model_kind


@pytest.mark.parametrize(("kind", "values"), [case for case in KINDS if isinstance(case.values[1], Uniform)])
def test_the_series_is_as_accurate_as_it_says(kind, values):
    data = distributions(values)[kind]
    model = model_with_random_weights(st.ReLUOutputModel, 3, 6, 3)
    exact = st.expected_loss(model, data, rtol=1e-9)
    assert_close(st.expected_loss(model, data), exact, rtol=1e-4, atol=0)
    assert_close(st.expected_loss(model, data, rtol=1e-3), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("kind", [st.ReLUHiddenModel, st.AbsoluteValueModel, GELUModel])
def test_with_few_features_other_models_are_measured_without_sampling(kind):
    n = 3 if kind.target_is_input else 2
    data = st.Independent(n, torch.tensor([[1.0], [0.2], [1e-6]]), values=UNIT if kind.target_is_input else SIGNED)
    model = model_with_random_weights(kind, 3, n, 2).requires_grad_(False)
    x, weight = quadrature(data, n_nodes=24)
    reference, _ = st.sampled_loss(model, x.expand(3, -1, -1), weight)
    assert_close(st.expected_loss(model, data), reference, rtol=5e-3, atol=0)
    if n == 2:
        finer, _ = st.sampled_loss(model, *(t.expand(3, *t.shape[1:]) for t in quadrature(data, n_nodes=100)))
        assert_close(st.expected_loss(model, data, rtol=2e-4), finer, rtol=2e-4, atol=0)


def test_the_linear_activation_is_the_linear_model():
    linear = model_with_random_weights(st.LinearModel, 3, 3, 2)
    same = st.ActivationOutputModel(3, 3, 2, activation=lambda z: z, dtype=torch.float64)
    same.load_state_dict(linear.state_dict())
    data = st.Independent(3, torch.tensor([[1.0], [0.2], [0.01]]))
    assert_close(st.expected_loss(same, data), st.expected_loss(linear, data))


def test_trained_models_with_many_features_have_an_accurate_loss():
    data = st.Independent(40, torch.tensor([[1.0], [0.2], [0.05], [0.01]]))
    model = st.ReLUOutputModel(4, 40, 10)
    st.train(model, data, n_steps=200)
    exact = st.expected_loss(model, data, rtol=1e-8)
    assert_close(st.expected_loss(model, data), exact, rtol=1e-4, atol=0)
    sampled, error = st.sampled_loss(model, *data.sample(100_000, torch.Generator().manual_seed(0)))
    assert ((sampled - exact).abs() < 4.5 * error).all()


def test_one_and_two_features_agree_with_numerical_integration():
    W, b, I = (
        torch.tensor([[[0.9, -0.7]]], dtype=torch.float64),
        torch.tensor([[-0.1, 0.2]], dtype=torch.float64),
        (1.0, 0.5),
    )
    model = st.ReLUOutputModel(1, 2, 1, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(W)
    model.b.copy_(b)

    def loss(x1, x2):
        h = 0.9 * x1 - 0.7 * x2
        out1, out2 = max(0.0, 0.9 * h - 0.1), max(0.0, -0.7 * h + 0.2)
        return I[0] * (x1 - out1) ** 2 + I[1] * (x2 - out2) ** 2

    p = 0.3
    both = dblquad(loss, 0, 1, 0, 1, epsabs=1e-9)[0]
    first, second = quad(lambda x: loss(x, 0), 0, 1)[0], quad(lambda x: loss(0, x), 0, 1)[0]
    expected = p * p * both + p * (1 - p) * (first + second) + (1 - p) ** 2 * loss(0, 0)
    result = st.expected_loss(model, st.Independent(2, p), importance=torch.tensor(I), rtol=1e-9)
    assert result.item() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("p", [1.0, 0.2, 0.001])
def test_a_feature_answered_by_its_mean_costs_its_variance(p):
    model = st.ReLUOutputModel(1, 4, 2).requires_grad_(False)
    model.W.zero_()
    model.b.fill_(p / 2)
    loss = st.expected_loss(model, st.Independent(4, p), importance=torch.tensor([1.0, 2, 0, 1]))
    assert loss.item() == pytest.approx(4 * (p / 3 - p**2 / 4), rel=1e-6)


def test_a_perfect_memory_has_no_loss():
    model = st.ReLUOutputModel(1, 3, 3, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.eye(3)[None])
    assert st.expected_loss(model, st.Independent(3, 0.4)).item() == pytest.approx(0, abs=1e-8)


def test_outputs_that_are_switched_off_cost_the_second_moment():
    model = st.ReLUOutputModel(1, 3, 2).requires_grad_(False)
    model.b.fill_(-1e4)
    assert st.expected_loss(model, st.Independent(3, 0.4)).item() == pytest.approx(0.4, rel=1e-6)


def test_float32_models_get_a_float64_loss_and_one_setting_fits_all_instances():
    model = model_with_random_weights(st.ReLUOutputModel, 4, 6, 3, dtype=torch.float32)
    loss = st.expected_loss(model, st.Independent(6, 0.1))
    assert loss.dtype == torch.float64
    assert_close(loss, st.expected_loss(model, st.Independent(6, torch.full((4, 1), 0.1))))


def test_sampled_loss_agrees_and_knows_its_error():
    data = st.Independent(6, torch.tensor([[1.0], [0.3], [0.05]]))
    model = model_with_random_weights(st.ReLUOutputModel, 3, 6, 3)
    exact = st.expected_loss(model, data)
    deviations = []
    for seed in range(30):
        sampled, error = st.sampled_loss(model, *data.sample(2000, torch.Generator().manual_seed(seed)))
        deviations.append((sampled - exact) / error)
    deviations = torch.stack(deviations)
    assert deviations.std().item() == pytest.approx(1, abs=0.3)
    assert deviations.mean().abs() < 0.4


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"importance": -1.0}, ValueError, "importance must be finite and not negative; got -1"),
        ({"importance": torch.ones(5)}, ValueError, r"importance must broadcast .* \[5\]"),
        ({"importance": torch.ones(2, 6)}, ValueError, "importance must have 1 or 3 instances, got 2"),
        ({"importance": float("nan")}, ValueError, "importance must be finite"),
        ({"importance": "high"}, TypeError, "importance"),
        ({"data": st.Independent(5, 0.5)}, ValueError, "data must have the model's 6 features, got 5"),
        (
            {"data": st.Independent(6, torch.full((2, 1), 0.5))},
            ValueError,
            "data must have 1 or the model's 3 instances, got 2",
        ),
        ({"data": "independent"}, TypeError, "data"),
        ({"rtol": 0.0}, ValueError, "rtol must be finite and above 0"),
    ],
)
def test_bad_arguments_are_refused(change, error, message):
    model = st.ReLUOutputModel(3, 6, 2)
    arguments = {"model": model, "data": st.Independent(6, 0.5), **change}
    with pytest.raises(error, match=message):
        st.expected_loss(arguments.pop("model"), arguments.pop("data"), **arguments)


def test_weights_that_are_not_finite_are_refused():
    model = st.ReLUOutputModel(3, 6, 2).requires_grad_(False)
    model.W[1, 0, 2] = float("nan")
    with pytest.raises(ValueError, match="W must be finite; got nan at"):
        st.expected_loss(model, st.Independent(6, 0.5))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([0.5, 0.4], "weight must add up to 1 over the rows, got a sum of 0.9"),
        ([1.5, -0.5], "weight must not be negative, got -0.5"),
        ([float("nan"), 1.0], "weight must be finite"),
    ],
)
def test_weights_that_are_none_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        st.sampled_loss(st.ReLUOutputModel(1, 3, 2), torch.ones(1, 2, 3), torch.tensor([weight]))


def test_rows_of_zeros_that_were_drawn_count_for_the_standard_error():
    model = model_with_random_weights(st.ReLUOutputModel, 3, 6, 3)
    x = plain_sample(st.Independent(6, 0.05), 4000)
    x[:, 0] = 0.5  # as the first row the zero vector would be exact
    loss, error = st.sampled_loss(model, x, torch.full((1, 4000), 1 / 4000))
    each = (model(x.expand(3, -1, -1)) - x).square().sum(-1)
    assert_close(loss, each.mean(1))
    assert_close(error, each.std(1) / 4000**0.5, rtol=1e-3, atol=0)
    first = torch.cat([torch.zeros(1, 1, 6), x[:, x.any(-1)[0]]], dim=1)
    weight = torch.cat([torch.tensor([[0.7]]), torch.full((1, first.shape[1] - 1), 0.3 / (first.shape[1] - 1))], dim=1)
    drawn = (model(first.expand(3, -1, -1)) - first).square().sum(-1)[:, 1:]
    assert_close(st.sampled_loss(model, first, weight)[1], 0.3 * drawn.std(1) / drawn.shape[1] ** 0.5, rtol=1e-3, atol=0)
