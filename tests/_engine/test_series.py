"""The parts of the series against numerical integration, and what it says where its terms are not enough."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch.testing import assert_close

import supertoy as st
from supertoy._engine.series import _uniform_characteristic, _uniform_characteristic_with_x, relu_loss, relu_moments
from supertoy.values import SIGNED, UNIT, Uniform

INTERVALS = [UNIT, SIGNED, Uniform(-0.5, 2), Uniform(-2, 0), Uniform(3, 4.5)]


def mean(function, values):
    """E function(x), for x uniform."""
    points = [0.0] if values.low < 0 < values.high else None
    return quad(function, values.low, values.high, points=points, epsabs=1e-11, limit=200)[0] / (values.high - values.low)


@pytest.mark.parametrize("values", INTERVALS, ids=str)
def test_characteristic_functions_are_their_integrals(values):
    a = torch.tensor([1e-4, 0.004, 0.3, 2.0, 11.0], dtype=torch.float64)
    steps = a * torch.arange(1, 4)[:, None]  # in equal steps along the first axis
    plain, with_x = _uniform_characteristic(steps, values), _uniform_characteristic_with_x(steps, values)
    for i in np.ndindex(*steps.shape):
        angle = steps[i].item()
        for found, power in ((plain[i], 0), (with_x[i], 1)):
            parts = (mean(lambda x, f=f, a=angle, r=power: x**r * f(a * x), values) for f in (np.cos, np.sin))
            assert found.item() == pytest.approx(complex(*parts), abs=1e-10)


@pytest.mark.parametrize("values", INTERVALS, ids=str)
@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (-2.0, 1.0), (0.5, -1.8), (0.0, 0.3), (0.0, -0.3), (3.0, 20.0)])
def test_moments_of_a_relu_are_their_integrals(values, slope, offset):
    product, square = relu_moments(torch.tensor(slope).double(), torch.tensor(offset).double(), values)
    assert product.item() == pytest.approx(mean(lambda x: x * max(0.0, slope * x + offset), values), abs=1e-6)
    assert square.item() == pytest.approx(mean(lambda x: max(0.0, slope * x + offset) ** 2, values), abs=1e-6)


def rarely_positive(gain, height):
    """z = gain x_1 + x_2 + height - gain, positive only where 1 - x_1 is below (height + x_2) / gain; its exact loss."""
    model = st.ReLUOutputModel(1, 2, 1, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.tensor([[[gain**0.5, gain**-0.5]]]))
    model.b.copy_(torch.tensor([[height - gain, 0.0]]))
    k = [(height + 1) ** r - height**r for r in (3, 4)]  # E (height + x_2)^(r - 1) = k / r
    exact = k[1] / 12 / gain + 1 / 3 - k[0] / 3 / gain + k[1] / 12 / gain**2
    return model, torch.tensor([1.0, 0.0]), exact


def test_it_says_where_4096_terms_are_too_few_and_is_right_elsewhere():
    converged = []
    for gain in (300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6):
        model, I, exact = rarely_positive(gain, 20.0)
        data = st.Independent(2, 1.0)
        loss, is_converged = relu_loss(model.W.mT @ model.W, model.b, data, I.double()[None], rtol=1e-4)
        assert not is_converged or loss.item() == pytest.approx(exact, rel=2e-4)
        converged += is_converged.tolist()
    assert converged[0]
    assert not converged[-1]


def test_the_loss_is_sampled_then():
    model, I, exact = rarely_positive(1e5, 50.0)
    assert_close(st.expected_loss(model, st.Independent(2, 1.0), importance=I, rtol=0.02).item(), exact, rtol=0.06, atol=0)


def test_nearly_perfect_models_have_converged():
    model = st.ReLUOutputModel(2, 3, 3, dtype=torch.float64).requires_grad_(False)
    model.W.copy_(torch.stack([torch.eye(3), (1 + 1e-7) * torch.eye(3)]))
    loss, is_converged = relu_loss(model.W.mT @ model.W, model.b, st.Independent(3, 0.4), torch.ones(2, 3).double(), 1e-4)
    assert is_converged.all()
    assert (loss < 1e-9).all()
