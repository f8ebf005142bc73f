"""The closed form of the loss surface against integrals and the exact loss, and its minima against calculus."""

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad
from scipy.optimize import minimize
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.phase_change.surface import Minimum, loss_surface, minima

SETTINGS = [(1.0, 1.0), (0.1, 1.0), (0.4, 3.0), (0.7, 0.5), (0.02, 5.0)]


@pytest.fixture
def w():
    """Points in all four quadrants, up to twice as far out as any minimum: [w1 or w2, point]."""
    return 6 * torch.rand(2, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 3


@pytest.mark.parametrize("w1", [0.4, -1.3])
@pytest.mark.parametrize("w2", [1.1, -0.6, -1.3])
def test_it_is_the_integral_over_the_square_where_both_features_are_always_active(w1, w2):
    def error(y, x):
        hidden = w1 * x + w2 * y
        return (x - max(0, w1 * hidden)) ** 2 + 2.5 * (y - max(0, w2 * hidden)) ** 2

    # The only kink is where the hidden unit is 0; integrate on both sides of it.
    kink = lambda x: min(max(-w1 * x / w2, 0), 1)  # noqa: E731
    expected = sum(dblquad(error, 0, 1, *sides)[0] for sides in ((0, kink), (kink, 1)))
    w = torch.tensor([w1, w2], dtype=torch.float64)
    assert loss_surface(w[0], w[1], 1.0, 2.5).item() == pytest.approx(expected, rel=1e-6)


def test_it_is_the_exact_loss_of_a_model_without_bias_in_all_quadrants(w):
    model = st.ReLUOutputModel(60, 2, 1).like({"W": w.T[:, None], "b": torch.zeros(60, 2, dtype=torch.float64)})
    p = torch.linspace(0.01, 1, 60, dtype=torch.float64)
    ratio = torch.logspace(1, -1, 60, dtype=torch.float64)
    importance = torch.stack([torch.ones_like(ratio), ratio], 1)
    expected = st.expected_loss(model, st.Independent(2, p[:, None]), importance=importance, rtol=1e-9)
    assert_close(loss_surface(w[0], w[1], p, ratio), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("p", "r"), SETTINGS)
def test_opposite_weights_are_the_same_model_and_the_features_can_be_renamed(w, p, r):
    loss = loss_surface(w[0], w[1], p, r)
    assert_close(loss_surface(-w[0], -w[1], p, r), loss)
    assert_close(r * loss_surface(w[1], w[0], p, 1 / r), loss)


@pytest.mark.parametrize(("p", "r"), SETTINGS)
def test_the_gradient_is_the_slope_also_where_a_line_leaves_the_square_at_its_corner(w, p, r):
    for points in (w, torch.stack([w[0], -w[0]])):
        assert torch.autograd.gradcheck(lambda v: loss_surface(v[0], v[1], p, r).sum(), points.clone().requires_grad_())


def test_gradients_are_finite_on_the_axes_in_single_precision_too():
    gradients = []
    for dtype in (torch.float32, torch.float64):
        w = torch.tensor([[0.0, 0], [0, -1], [1, 0], [1e-12, -1]], dtype=dtype, requires_grad=True)
        loss_surface(w[:, 0], w[:, 1], 0.3, 2.0).sum().backward()
        gradients.append(w.grad.double())
    assert_close(*gradients, rtol=1e-5, atol=1e-6)


def test_it_is_continuous_where_two_formulas_meet(w):
    for meeting in (torch.stack([w[0], 0 * w[0]]), torch.stack([0 * w[0], w[0]]), torch.stack([w[0], -w[0]])):
        for side in torch.tensor([[1e-9, 1e-9], [1e-9, -1e-9], [-1e-9, 1e-9], [-1e-9, -1e-9]]):
            near = meeting + side[:, None]
            assert_close(loss_surface(near[0], near[1], 0.3, 2.0), loss_surface(*meeting, 0.3, 2.0), rtol=0, atol=1e-6)


def test_known_solutions_have_their_known_losses():
    p, r = 0.3, 2.0
    known = {(0, 0): (1 + r) * p / 3, (1, 0): r * p / 3, (0, -1): p / 3, (1, -1): (1 + r) * p**2 / 6}
    points = torch.tensor(list(known), dtype=torch.float64).T
    assert_close(loss_surface(*points, p, r), torch.tensor(list(known.values()), dtype=torch.float64))


@pytest.mark.parametrize(("p", "r"), SETTINGS)
def test_minima_are_flat_with_higher_ground_all_around_and_come_lowest_first(p, r):
    turn = torch.linspace(0, 2 * torch.pi, 60, dtype=torch.float64)
    found = minima(p, r)
    assert found[0] == min(found, key=lambda minimum: minimum.loss)
    for minimum in found:
        at = torch.tensor([minimum.w1, minimum.w2], dtype=torch.float64, requires_grad=True)
        loss = loss_surface(at[0], at[1], p, r)
        assert loss.item() == pytest.approx(minimum.loss)
        assert torch.autograd.grad(loss, at)[0].abs().max() < 1e-7
        around = at.detach()[:, None] + 0.01 * torch.stack([turn.cos(), turn.sin()])
        assert (loss_surface(*around, p, r) > minimum.loss).all()


@pytest.mark.parametrize(("p", "r"), SETTINGS)
def test_descents_end_in_the_minima_and_in_all_of_them(w, p, r):
    found = minima(p, r)
    reached = set()
    for start in w.T[:10].numpy() / 2:
        end = minimize(lambda v: loss_surface(*torch.from_numpy(v), p, r).item(), start, method="Nelder-Mead").x
        end *= np.sign(end[0])  # as minima has it
        distance = [np.hypot(end[0] - m.w1, end[1] - m.w2) for m in found]
        assert min(distance) < 1e-3
        reached.add(np.argmin(distance))
    assert len(reached) == len(found)


@pytest.mark.parametrize("p", [1.0, 0.3, 0.1])
def test_equal_features_are_confused_or_an_antipodal_pair_whose_weights_calculus_gives(p):
    # The loss at (t, t) and at (t, -t) is a parabola in t², with its lowest points at 1/2 and (8 - 5p) / (8 - 6p).
    by_name = {m.name: m for m in minima(p, 1.0)}
    confused, pair = by_name.pop("confused features"), by_name.pop("antipodal pair")
    assert not by_name
    assert (confused.w1, confused.w2, confused.loss) == pytest.approx((0.5**0.5, 0.5**0.5, p / 3 - p**2 / 4))
    t = ((8 - 5 * p) / (8 - 6 * p)) ** 0.5
    assert (pair.w1, pair.w2) == pytest.approx((t, -t))
    assert minima(p, 1.0)[0].name == ("confused features" if p == 1 else "antipodal pair")


def test_an_important_feature_that_is_not_too_dense_is_alone_or_paired():
    assert [m.name for m in minima(0.4, 3.0)] == ["antipodal pair", "second feature"]


def test_a_feature_that_is_far_more_important_has_a_minimum_to_itself():
    for p, r in ((1.0, 100.0), (0.5, 1000.0), (0.3, 1e4)):
        (only,) = minima(p, r)
        assert only.name == "second feature"
        assert only.w2 == pytest.approx(1, abs=0.05)


def test_minima_are_named_for_the_weights_that_are_not_small():
    names = [Minimum(*w, 0.0).name for w in [(1, 0.2), (1, -0.2), (0.2, 1), (0.2, -1), (1, 0.3), (0.3, -1)]]
    assert names == ["first feature"] * 2 + ["second feature"] * 2 + ["confused features", "antipodal pair"]


def test_bad_arguments_are_refused():
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"density must (be finite|lie in \(0, 1\])"):
            minima(bad, 1.0)
        with pytest.raises(ValueError, match="ratio must be finite"):
            minima(0.5, bad)
    with pytest.raises(ValueError, match=r"density must lie in \(0, 1\]; got 1\.5"):
        minima(1.5, 1.0)
    with pytest.raises(ValueError, match=r"density must lie in \(0, 1\]; got 1\.5"):
        loss_surface(torch.ones(2), torch.ones(2), 1.5, 1.0)
    with pytest.raises(ValueError, match="ratio must not be negative, got -1"):
        loss_surface(torch.ones(2), torch.ones(2), 0.5, torch.tensor([1.0, -1.0]))
