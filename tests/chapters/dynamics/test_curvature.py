"""Gradient and Hessian of the exact loss against calculus, autograd through closed forms, and symmetry."""

import pytest
import torch
from torch.autograd.functional import hessian, jacobian
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.quadrature import quadrature
from supertoy._engine.series import relu_moments
from supertoy.chapters.dynamics.curvature import gradient_and_hessian
from tests.strategies import MODELS, model_with_random_weights

RELU, LINEAR = st.ReLUOutputModel, st.LinearModel


def flat_parameters(model):
    return torch.cat([p.detach().flatten(1) for p in model.parameters()], dim=1)


def model_of(W, b):
    return RELU(1, b.shape[-1], W.shape[-2]).like({"W": W.double()[None], "b": b.double()[None]})


@pytest.mark.parametrize(("w", "b", "p"), [(0.7, 0.2, 1.0), (-1.3, -0.4, 0.3), (0.0, 0.0, 0.05)])
def test_a_linear_model_of_one_feature_has_the_derivatives_of_a_polynomial(w, b, p):
    # L = E (s x - b)² = p s² / 3 - p s b + b², s = 1 - w².
    s = 1 - w**2
    d_s = p * (2 * s / 3 - b)
    expected = torch.tensor([-2 * w * d_s, 2 * b - p * s])
    curved = torch.tensor([[-2 * d_s + 8 * w**2 * p / 3, 2 * w * p], [2 * w * p, 2.0]])
    model = LINEAR(1, 1, 1).like({"W": torch.full((1, 1, 1), w), "b": torch.full((1, 1), b)})
    gradient, second = gradient_and_hessian(model, st.Independent(1, p))
    assert_close(gradient[0].float(), expected, rtol=0, atol=1e-6)
    assert_close(second[0].float(), curved, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "data", [st.Independent(3, torch.tensor([[0.1], [0.9]])), st.CorrelatedSets(1, 2, 0.3, n_features=3)]
)
def test_for_linear_models_it_is_autograd_over_a_quadrature_that_is_exact(data):
    model = model_with_random_weights(LINEAR, 2, 3, 2)
    importance = torch.tensor([[1.0, 0.5, 2.0], [3.0, 1.0, 0.0]])
    x, weight = quadrature(data.to(dtype=torch.float64).expand(2), n_nodes=2)  # the loss is quadratic in x
    gradient, second = gradient_and_hessian(model, data, importance=importance)
    for k, point in enumerate(flat_parameters(model)):

        def loss(v, k=k):
            W, b = v[:6].view(2, 3), v[6:]
            return weight[k] @ ((x[0] @ W.T @ W + b - x[0]).square() @ importance[k].double())

        assert_close(gradient[k], jacobian(loss, point), rtol=0, atol=1e-6)
        assert_close(second[k], hessian(loss, point), rtol=0, atol=1e-5)


def test_for_relu_models_on_one_active_feature_it_is_autograd_through_the_closed_form():
    n, m = 5, 2
    model = model_with_random_weights(RELU, 3, n, m)
    gradient, second = gradient_and_hessian(model, st.AnticorrelatedSets(1, n, 1.0))

    def loss(v):
        W, b = v[: n * m].view(m, n), v[n * m :]
        gain = W.T @ W
        product, square = relu_moments(gain, b[:, None])  # whose ends of integration move with the parameters
        return (1 / 3 - 2 * product.diagonal() + square.sum(1)).mean()

    for k, point in enumerate(flat_parameters(model)):
        assert_close(gradient[k], jacobian(loss, point), rtol=0, atol=1e-6)
        assert_close(second[k], hessian(loss, point), rtol=0, atol=1e-4)


@pytest.mark.parametrize("p", [1.0, 0.4])
def test_for_relu_models_the_gradient_is_that_over_a_quadrature_with_many_nodes(p):
    model = model_with_random_weights(RELU, 2, 2, 2)
    gradient, _ = gradient_and_hessian(model, st.Independent(2, p))
    x, weight = quadrature(st.Independent(2, p, dtype=torch.float64), n_nodes=300)
    (weight * (model(x) - x).square().sum(-1)).sum().backward()
    expected = torch.cat([parameter.grad.flatten(1) for parameter in model.parameters()], dim=1)
    assert_close(gradient, expected, rtol=0, atol=1e-3)  # what 300 nodes are good for


@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_the_hessian_contains_what_the_moving_bend_adds(t):
    # With w = 1 and b = -t the loss is ∫_0^t x² dx + ∫_t^1 t² dx = t² - 2 t³ / 3, and autograd over nodes would say 2 - 2t.
    gradient, second = gradient_and_hessian(model_of(torch.ones(1, 1), torch.tensor([-t])), st.Independent(1, 1.0))
    assert gradient[0, 1].item() == pytest.approx(2 * t**2 - 2 * t, abs=1e-6)
    assert second[0, 1, 1].item() == pytest.approx(2 - 4 * t, abs=1e-5)


def test_where_a_preactivation_is_zero_for_many_inputs_it_is_the_mean_of_both_sides():
    # W = 1, b = 0. Own input: (x - ReLU(x + b))² is b², so 2. Input of the other: ReLU(b)², so 2 above 0 and 0 below.
    _, second = gradient_and_hessian(model_of(torch.eye(2), torch.zeros(2)), st.AnticorrelatedSets(1, 2, 1.0))
    assert_close(second[0, 4:, 4:], torch.eye(2).double() * (2 + 1) / 2, rtol=0, atol=1e-4)


@pytest.mark.parametrize("data", [st.AnticorrelatedSets(1, 4, 0.7), st.Independent(4, 0.5)])
@pytest.mark.parametrize("kind", [LINEAR, RELU])
def test_turning_the_hidden_plane_changes_nothing(kind, data):
    # L(R W) = L(W) for all rotations R: the slope along the turn J W is 0, and the gradient turns along, H J W = J g.
    model = model_with_random_weights(kind, 3, 4, 2)
    J = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)

    def turned(flat):
        return torch.cat([(J @ flat[:, :8].unflatten(1, (2, 4))).flatten(1), torch.zeros_like(flat[:, 8:])], dim=1)

    gradient, second = gradient_and_hessian(model, data)
    turn = turned(flat_parameters(model))
    assert_close((gradient * turn).sum(1), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-5)
    assert_close((second @ turn[..., None])[..., 0], turned(gradient), rtol=0, atol=1e-3)


def test_at_a_minimum_the_slope_is_zero_and_only_turning_is_flat():
    # Two features in two dimensions: W is any orthogonal matrix, b is 0.
    model = LINEAR(1, 2, 2).like({"W": torch.tensor([[[0.6, 0.8], [-0.8, 0.6]]]).double(), "b": torch.zeros(1, 2).double()})
    gradient, second = gradient_and_hessian(model, st.Independent(2, 0.3))
    eigenvalues = torch.linalg.eigvalsh(second)[0]
    assert gradient.abs().max() < 1e-7
    assert eigenvalues[0].abs() < 1e-6
    assert (eigenvalues[1:] > 1e-2).all()


def test_training_goes_where_the_slope_is_zero():
    data = st.AnticorrelatedSets(1, 5, 1.0)
    model = RELU(2, 5, 2)
    before, _ = gradient_and_hessian(model, data)
    st.train(model, data)
    after, second = gradient_and_hessian(model, data)
    assert (after.norm(dim=1) < 0.05 * before.norm(dim=1)).all()
    assert torch.linalg.eigvalsh(second).min() > -0.01


def test_instances_have_their_own_data_and_do_not_depend_on_each_other():
    model = model_with_random_weights(RELU, 3, 3, 2)
    data = st.Independent(3, torch.tensor([[1.0], [0.5], [0.1]]))
    all_at_once = gradient_and_hessian(model, data)
    for k in range(3):
        one = model.like({name: p[k : k + 1] for name, p in model.named_parameters()})
        alone = gradient_and_hessian(one, data.select(slice(k, k + 1)))
        assert_close([part[k : k + 1] for part in all_at_once], list(alone), rtol=0, atol=1e-4)
    assert torch.equal(all_at_once[1], all_at_once[1].mT)


def test_losses_without_closed_form_are_refused():
    for kind in MODELS[2:]:
        with pytest.raises(ValueError, match="must have a loss in closed form"):
            gradient_and_hessian(kind(1, 2, 1), st.Independent(2, 0.5))
    with pytest.raises(ValueError, match="data must have the model's 2 features"):
        gradient_and_hessian(RELU(1, 2, 1), st.Independent(3, 0.5))
