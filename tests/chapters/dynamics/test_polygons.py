"""Polygons against geometry, and against the slope and curvature of the exact loss at them."""

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.dynamics.curvature import gradient_and_hessian
from supertoy.chapters.dynamics.polygons import k_gon, k_gons, kinds_of_polygon

SIX = kinds_of_polygon(6, fewest_corners=2)


def one_active(n):
    return st.AnticorrelatedSets(n_sets=1, set_size=n, probability=1.0)


@pytest.mark.parametrize(("k", "n_dead"), SIX)
def test_corners_are_regular_and_the_others_have_no_weights(k, n_dead):
    model = k_gon(6, k, n_dead=n_dead)
    W, b = model.W[0], model.b[0]
    angles = torch.rad2deg(torch.atan2(W[1, :k], W[0, :k])) % 360
    assert_close(angles, 360 * torch.arange(k).double() / k)
    assert_close(W[:, :k].norm(dim=0), W[:, 0].norm().expand(k))
    assert_close(b[:k], b[:1].expand(k))
    assert (W[:, k:] == 0).all()
    assert (b[k : k + n_dead] < 0).all()
    assert_close(b[k + n_dead :], torch.full((6 - k - n_dead,), 1 / 12).double())


@pytest.mark.parametrize("n", [3, 5])
def test_the_slope_is_zero_at_all_of_them(n):
    gradient, _ = gradient_and_hessian(k_gons(n, kinds_of_polygon(n, fewest_corners=2)), one_active(n))
    assert gradient.abs().max() < 1e-5


def test_up_to_four_corners_are_reconstructed_without_error_and_the_others_cost_their_power_or_variance():
    # E x_i² = 1/18 for a dead feature, 1/18 - 1/144 for one that answers the mean 1/12.
    kinds = [kind for kind in SIX if kind[0] <= 4]
    loss = st.expected_loss(k_gons(6, kinds), one_active(6), rtol=1e-9)
    assert_close(loss, torch.tensor([(6 - k) / 18 - (6 - k - n_dead) / 144 for k, n_dead in kinds]).double())


@pytest.mark.parametrize(("n", "k"), [(6, 5), (6, 6), (9, 8)])
def test_no_other_norm_and_bias_of_the_corners_has_a_lower_loss(n, k):
    model = k_gon(n, k)
    scale, shift = torch.meshgrid(torch.linspace(0, 2, 21), torch.linspace(-1, 1, 21), indexing="ij")
    near_scale, near_shift = 1 + (scale - 1) / 100, shift / 100
    scale, shift = (
        torch.cat([scale, near_scale]).reshape(-1, 1).double(),
        torch.cat([shift, near_shift]).reshape(-1, 1).double(),
    )
    corner = torch.arange(n) < k
    others = model.like({"W": model.W * scale[..., None], "b": model.b + shift * corner})
    loss = st.expected_loss(others, one_active(n), rtol=1e-9)
    assert loss.min() > st.expected_loss(model, one_active(n), rtol=1e-9) - 1e-12


def test_any_negative_bias_is_as_dead_as_another():
    model = k_gon(6, 5, n_dead=1)
    for bias in (-0.1, -1.0, -10.0):
        b = model.b.detach().clone()
        b[0, 5] = bias
        other = model.like({"W": model.W, "b": b})
        assert_close(st.expected_loss(other, one_active(6)), st.expected_loss(model, one_active(6)))
        gradient, hessian = gradient_and_hessian(other, one_active(6))
        assert gradient.abs().max() < 1e-5
        assert hessian[0, 17].abs().max() < 1e-6


def test_more_corners_lower_the_loss_and_death_raises_it_by_the_squared_mean():
    loss = dict(zip(SIX, st.expected_loss(k_gons(6, SIX), one_active(6), rtol=1e-9).tolist(), strict=True))
    for (k, n_dead), value in loss.items():
        if k < 6 and n_dead == 0:
            assert value > loss[k + 1, 0]
        if n_dead:
            assert value == pytest.approx(loss[k, n_dead - 1] + 1 / 144)


def test_triangles_are_saddles_if_some_feature_answers_the_mean_and_larger_polygons_are_not():
    # Corners of a triangle turn freely. If the sum of the corners is V, an output with weights u and the mean as bias
    # changes the loss by u·V / 2n² plus squares of u, which is negative for some u unless V is 0. V has two directions.
    kinds = kinds_of_polygon(6)
    _, hessian = gradient_and_hessian(k_gons(6, kinds), one_active(6))
    n_falling = (torch.linalg.eigvalsh(hessian) < -1e-3).sum(1).tolist()
    assert n_falling == [2 if k == 3 and n_dead < 3 else 0 for k, n_dead in kinds]


def test_many_at_once_are_the_same_as_each_alone():
    many = k_gons(6, [(5, 1), (4, 0)])
    for instance, one in enumerate((k_gon(6, 5, n_dead=1), k_gon(6, 4))):
        assert torch.equal(many.W[instance], one.W[0])
        assert torch.equal(many.b[instance], one.b[0])
    assert k_gon(6, 5, dtype=torch.float32).W.dtype == torch.float32


def test_polygons_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="k must be at least 2"):
        k_gon(6, 1)
    with pytest.raises(ValueError, match="n_dead must be at least 0"):
        k_gon(6, 3, n_dead=-1)
    with pytest.raises(ValueError, match=r"k \+ n_dead must be at most n_features = 6, got 5 \+ 2"):
        k_gon(6, 5, n_dead=2)
    with pytest.raises(ValueError, match="number_of_kinds must be at least 1"):
        k_gons(6, [])
