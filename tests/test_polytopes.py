"""Feature geometry: every shape is recognised however it lies, and nothing else is taken for one."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

import supertoy as st
from supertoy.polytopes import POLYTOPES, count_by_shape, geometry_graph, tegum_factors

SHAPES = list(POLYTOPES)


def product(*shapes, n_unused=3):
    """A tegum product of shapes in random orientation, with features that are not represented, in random order."""
    blocks = [torch.tensor(POLYTOPES[shape].T) for shape in shapes]
    W = torch.block_diag(*blocks)
    random = np.random.default_rng(len(shapes))
    if len(W) > 1:
        W = torch.tensor(ortho_group.rvs(len(W), random_state=0)) @ W
    W = torch.cat([W, torch.zeros(len(W), n_unused, dtype=W.dtype)], dim=1)
    return W[:, random.permutation(W.shape[1])]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_unit_vertices_that_share_its_dimensions_equally(shape):
    points = torch.tensor(POLYTOPES[shape].T)
    k, d = points.shape[1], points.shape[0]
    assert torch.allclose(points.norm(dim=0), torch.ones(k, dtype=torch.float64))
    assert torch.allclose(st.feature_dimensionality(points[None]), torch.full((1, k), d / k, dtype=torch.float64))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [0.9, 1.2])
def test_a_shape_is_recognised_at_any_length_and_with_some_noise(shape, length):
    W = length * product(shape)
    W += 0.02 * torch.randn(W.shape, generator=torch.Generator().manual_seed(0), dtype=W.dtype)
    (factor,) = tegum_factors(W)
    assert factor.shape == shape
    assert (len(factor.features), factor.n_dimensions) == POLYTOPES[shape].shape


def test_a_product_falls_apart_into_its_factors():
    W = product("digon", "pentagon", "own dimension", "square antiprism", "digon")
    factors = tegum_factors(W)
    assert [f.shape for f in factors] == ["square antiprism", "pentagon", "digon", "digon", "own dimension"]
    represented = W.norm(dim=0) > 0.5
    assert sorted(i for f in factors for i in f.features) == represented.nonzero()[:, 0].tolist()
    assert sum(f.n_dimensions for f in factors) == len(W)


def test_bipyramids_are_the_products_that_geometry_says():
    for base, shape in ((3, "triangle"), (4, "digon"), (5, "pentagon")):
        angle = 2 * math.pi * torch.arange(base, dtype=torch.float64) / base
        around = torch.stack([angle.cos(), angle.sin(), torch.zeros(base)])
        poles = torch.tensor([[0.0, 0], [0, 0], [1, -1]], dtype=torch.float64)
        shapes = sorted(f.shape for f in tegum_factors(torch.cat([around, poles], dim=1)))
        assert shapes == sorted(["digon"] + ([shape] if base != 4 else ["digon", "digon"]))


@pytest.mark.parametrize(
    "degrees",
    [
        [0, 60, 120, 180, 240, 300],  # a hexagon
        [0, 90, 45],  # spans two dimensions as a triangle does
        [0, 36, 72, 108, 144],  # half a decagon
    ],
)
def test_other_arrangements_have_no_name(degrees):
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    (factor,) = tegum_factors(torch.stack([angle.cos(), angle.sin()]))
    assert factor.shape == "other"
    assert factor.n_dimensions == 2


def test_a_tight_frame_with_other_angles_is_no_pentagon():
    # A triangle and an orthonormal pair share the plane equally, as any tight frame does.
    angle = torch.deg2rad(torch.tensor([0.0, 120, 240, 30, 120 + 180], dtype=torch.float64))
    W = torch.stack([angle.cos(), angle.sin()])
    assert torch.allclose(st.feature_dimensionality(W[None])[0], torch.full((5,), 0.4, dtype=torch.float64))
    assert [f.shape for f in tegum_factors(W)] == ["other"]


def test_the_graph_has_the_represented_features_and_their_interference():
    W = torch.tensor([[1.0, -0.8, 0.0, 0.3], [0.0, 0.1, 1.0, 0.0]])
    graph = geometry_graph(W)
    assert sorted(graph) == [0, 1, 2]
    assert list(graph.edges) == [(0, 1)]
    assert graph.edges[0, 1]["weight"] == pytest.approx(0.8)


def test_counts_add_up_to_the_represented_features():
    W = product("digon", "pentagon", "triangle", n_unused=7)
    counts = count_by_shape(W)
    assert (counts["digon"], counts["pentagon"], counts["triangle"], counts["other"]) == (2, 5, 3, 0)
    assert sum(counts.values()) == 10
    assert set(counts) == {*POLYTOPES, "other"}


def test_a_feature_that_short_ones_lean_on_has_no_dimension_of_its_own():
    assert [f.shape for f in tegum_factors(torch.tensor([[1.0, 0.1, 0.1]]))] == ["own dimension"]
    assert [f.shape for f in tegum_factors(torch.tensor([[1.0, *[0.19] * 20]]))] == ["other"]


def test_a_pair_that_shares_its_dimension_unequally_has_no_name():
    assert [f.shape for f in tegum_factors(torch.tensor([[1.0, -0.6]]))] == ["other"]


def test_nothing_represented_is_no_factor_and_bad_weights_are_refused():
    assert tegum_factors(torch.zeros(2, 4)) == []
    with pytest.raises(ValueError, match="W must be finite"):
        tegum_factors(torch.full((2, 3), torch.nan))
    with pytest.raises((ValueError, TypeError), match="W"):
        geometry_graph(torch.zeros(3, 2, 5))
