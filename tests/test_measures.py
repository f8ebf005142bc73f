"""Measures of W against shapes whose values geometry gives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as hs
from torch.testing import assert_close

import supertoy as st

MEASURES = [st.feature_norms, st.superposition, st.feature_dimensionality]


def regular_polygon(k):
    angle = 2 * torch.pi * torch.arange(k, dtype=torch.float64) / k
    return torch.stack([angle.cos(), angle.sin()])[None]


def test_regular_polygons_share_the_plane_equally():
    for k in range(3, 9):
        assert_close(st.feature_dimensionality(regular_polygon(k)), torch.full((1, k), 2 / k, dtype=torch.float64))
        # Σ_j cos² over a regular polygon is k / 2, of which 1 is the feature itself.
        assert_close(st.superposition(regular_polygon(k)), torch.full((1, k), k / 2 - 1, dtype=torch.float64))


def test_a_tetrahedron_gives_each_feature_three_quarters_of_a_dimension():
    W = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])[None] / 3**0.5
    assert_close(st.feature_dimensionality(W), torch.full((1, 4), 0.75))
    assert_close(st.dimensions_per_feature(W), torch.tensor([0.75]))


def test_orthogonal_features_have_a_dimension_each_and_missing_ones_none():
    W = torch.tensor([[[2.0, 0, 0], [0, 1, 0]]])
    assert_close(st.feature_norms(W), torch.tensor([[2.0, 1, 0]]))
    assert_close(st.superposition(W), torch.zeros(1, 3))
    assert_close(st.feature_dimensionality(W), torch.tensor([[1.0, 1, 0]]))
    assert st.n_represented(W).tolist() == [2]
    assert st.n_represented(W, threshold=1.5).tolist() == [1]


def test_superposition_weighs_the_others_with_their_length():
    W = torch.tensor([[[1.0, -0.5]]])
    assert_close(st.superposition(W), torch.tensor([[0.25, 1.0]]))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(m=hs.integers(1, 5), n=hs.integers(1, 8), seed=hs.integers(0, 1000))
def test_measures_do_not_change_under_rotation_and_dimensionalities_fit_into_m(m, n, seed):
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, m, n, dtype=torch.float64, generator=generator)
    O, _ = torch.linalg.qr(torch.randn(m, m, dtype=torch.float64, generator=generator))
    for measure in MEASURES:
        assert measure(W).shape == (2, n)
        assert_close(measure(O @ W), measure(W))
    assert (st.feature_dimensionality(W).sum(1) <= m + 1e-9).all()


@pytest.mark.parametrize("measure", [*MEASURES, st.dimensions_per_feature, st.n_represented])
def test_weights_that_are_not_finite_are_refused(measure):
    W = torch.ones(1, 2, 3)
    W[0, 1, 2] = float("inf")
    with pytest.raises(ValueError, match=r"W must be finite; got inf at \[0, 1, 2\]"):
        measure(W)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-12, 2.0**-10, 16.0, 1e10])
def test_measures_hold_at_every_scale_and_in_every_precision(dtype, scale):
    if dtype is torch.float16 and not 1e-4 < scale < 1e4:
        pytest.skip("float16 has no such number")
    W = (scale * torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)).to(dtype)
    wider = torch.promote_types(dtype, torch.float32)
    size = W[0, 0, 0].to(wider)
    assert_close(st.feature_dimensionality(W), torch.tensor([[0.5, 0.5, 1.0]], dtype=wider))
    assert_close(st.superposition(W) / size**2, torch.tensor([[1.0, 1.0, 0.0]], dtype=wider))
    assert_close(st.feature_norms(W) / size, torch.ones(1, 3, dtype=wider))
    assert_close(st.dimensions_per_feature(W) * size**2, torch.full((1,), 2 / 3, dtype=wider))
