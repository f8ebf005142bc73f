"""The learning coefficient at minima whose degeneracy is known, and the closed form it walks on."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.dynamics.curvature import gradient_and_hessian
from supertoy.chapters.dynamics.learning_coefficient import _loss_and_gradient, local_learning_coefficient
from supertoy.chapters.dynamics.polygons import k_gon, k_gons
from tests.strategies import MODELS, model_with_random_weights

QUICK = {"n_chains": 32, "n_steps": 2000}


def one_active(n, p=1.0):
    return st.AnticorrelatedSets(n_sets=1, set_size=n, probability=p)


def identity(n, m):
    """A linear model without error: WᵀW = 1."""
    return st.LinearModel(1, n, m).like({"W": torch.eye(m, n).double()[None], "b": torch.zeros(1, n).double()})


@pytest.mark.parametrize("kind", [st.LinearModel, st.ReLUOutputModel])
def test_it_walks_on_the_exact_loss_along_its_gradient(kind):
    model = model_with_random_weights(kind, 3, 5, 2)
    with torch.no_grad():
        model.W[0, :, 2] = 0
    data = one_active(5, torch.tensor([[1.0], [0.6], [0.1]]))
    importance = torch.rand(3, 5, generator=torch.Generator().manual_seed(0)).double()
    parameters = torch.cat([model.W, model.b[:, None]], dim=1).detach()[:, None]
    loss, gradient = _loss_and_gradient(model, parameters, data, importance)
    assert_close(loss[:, 0], st.expected_loss(model, data, importance=importance, rtol=1e-9))
    expected, _ = gradient_and_hessian(model, data, importance=importance)
    assert_close(gradient.flatten(1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 3), (2, 3)])
def test_a_linear_model_without_error_has_half_its_parameters_less_half_its_rotations(n, m):
    d = n * m + n
    expected = (d - m * (m - 1) / 2) / 2
    estimate = local_learning_coefficient(identity(n, m), one_active(n), **QUICK)
    assert estimate.value.item() == pytest.approx(expected, rel=0.1)
    assert 0 < estimate.standard_error.item() < 0.1 * expected


def test_a_dead_feature_adds_nothing_and_one_that_answers_the_mean_three_halves():
    # A pentagon of five features has 15 parameters and 1 rotation. A sixth has three more, all flat if it is dead.
    alone = local_learning_coefficient(k_gon(5, 5), one_active(5), **QUICK)
    with_sixth = local_learning_coefficient(k_gons(6, [(5, 1), (5, 0)]), one_active(6), **QUICK)
    values = [alone.value.item(), *with_sixth.value.tolist()]
    assert values == pytest.approx([7, 7, 8.5], rel=0.07)


def test_a_large_step_a_weak_tie_or_a_higher_temperature_change_little():
    values = [
        local_learning_coefficient(k_gon(6, 6), one_active(6), **QUICK, **choice).value.item()
        for choice in ({"step_size": 0.9, "localization": 100.0}, {"inverse_temperature": 1e6})
    ]
    assert values == pytest.approx([8.5] * 2, rel=0.07)


def test_walks_leave_a_saddle_for_lower_ground():
    assert local_learning_coefficient(k_gon(6, 3), one_active(6), n_steps=1000, n_chains=8).value.item() < -10


def test_importance_and_probability_that_stretch_the_loss_do_not_change_it():
    p = torch.tensor([[1.0], [0.3], [1.0]])
    importance = torch.tensor([[3.0, 3.0], [1.0, 1.0], [3.0, 0.5]])
    model = identity(2, 2)
    three = model.like({name: value.repeat(3, *[1] * (value.ndim - 1)) for name, value in model.named_parameters()})
    estimate = local_learning_coefficient(three, one_active(2, p), importance=importance, step_size=0.1, **QUICK)
    assert estimate.value.tolist() == pytest.approx([2.5] * 3, rel=0.12)


def test_the_same_seed_walks_the_same_way_whatever_is_beside_it():
    options = {"n_chains": 3, "n_steps": 100}
    pair = local_learning_coefficient(k_gons(6, [(5, 0), (6, 0)]), one_active(6), **options)
    again = local_learning_coefficient(k_gons(6, [(5, 0), (6, 0)]), one_active(6), **options)
    assert torch.equal(pair.value, again.value)
    alone = local_learning_coefficient(k_gon(6, 5), one_active(6), **options)
    assert_close(alone.value, pair.value[:1])
    other = local_learning_coefficient(k_gon(6, 5), one_active(6), seed=1, **options)
    assert other.value.item() != alone.value.item()


def test_bad_arguments_are_refused():
    model, data = k_gon(3, 3), one_active(3)
    for other in MODELS[2:]:
        with pytest.raises(ValueError, match="model must be a LinearModel or a ReLUOutputModel"):
            local_learning_coefficient(other(1, 3, 2), data)
    for wrong in (
        st.Independent(3, 0.5),
        st.CorrelatedSets(1, 3, 0.5),
        st.AnticorrelatedSets(1, 3, 0.5, values=st.values.SIGNED),
    ):
        with pytest.raises(ValueError, match="data must have at most one feature active"):
            local_learning_coefficient(model, wrong)
    for name in ("inverse_temperature", "localization", "step_size"):
        with pytest.raises(ValueError, match=f"{name} must be finite and above 0"):
            local_learning_coefficient(model, data, **{name: 0.0})
    for name in ("n_chains", "n_steps"):
        with pytest.raises(ValueError, match=f"{name} must be at least 2"):
            local_learning_coefficient(model, data, **{name: 1})
    with pytest.raises(ValueError, match="step_size must be so small"):
        local_learning_coefficient(model, data, step_size=100.0, n_steps=200)
