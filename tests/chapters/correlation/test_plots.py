"""Figures of correlated features show what was measured."""

import numpy as np
import pytest
import torch

import supertoy as st
from supertoy.chapters import correlation
from tests.chapters.correlation.claim_cases import COLLAPSING, DENSITY, HEXAGON, TWO_BASES


def test_samples_and_their_correlation_are_drawn_as_they_are():
    x, coefficients = torch.rand(7, 3), torch.eye(3)
    axes = correlation.plots.samples_and_correlation({"a": (x, coefficients)}).axes
    assert np.allclose(axes[0].images[0].get_array(), x)
    assert np.allclose(axes[1].images[0].get_array(), coefficients)
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        correlation.plots.samples_and_correlation({})


def test_the_gram_matrix_has_lines_between_sets():
    axis = correlation.plots.gram_by_set({"bases": TWO_BASES}, set_size=10).axes[0]
    assert np.allclose(axis.images[0].get_array(), TWO_BASES.T @ TWO_BASES)
    assert [line.get_ydata()[0] for line in axis.lines[::2]] == [10]
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        correlation.plots.gram_by_set({}, set_size=10)
    with pytest.raises(ValueError, match="set_size must divide"):
        correlation.plots.gram_by_set({"bases": TWO_BASES}, set_size=3)


def test_shares_and_lowest_losses_go_by_the_number_of_collapsed_pairs():
    n_collapsed, losses = torch.tensor([[0, 0, 1], [1, 1, 1]]), torch.tensor([[2.0, 1, 1.05], [3, 2, 4]])
    paper = {0: (0.1, 0.2), 1: (0.2, 0.3)}
    figure = correlation.plots.collapse_over_density(torch.tensor([0.1, 0.3]), n_collapsed, losses, paper=paper)
    above, below = figure.axes
    none = above.collections[0].get_paths()[0].vertices
    assert none[:, 1].max() == pytest.approx(2 / 3)
    curves = [line.get_ydata() for line in below.lines if line.get_marker() == "o"]
    assert np.allclose(curves, [[1, np.nan], [1.05, 1]], equal_nan=True)
    bars = [line.get_xdata().tolist() for line in below.lines if line.get_marker() != "o"]
    assert bars == [[0.1, 0.2], [0.2, 0.3]]
    with pytest.raises(ValueError, match="n_collapsed and losses must be"):
        correlation.plots.collapse_over_density(torch.tensor([0.1]), n_collapsed, losses, paper=paper)


def test_capacity_adds_up_to_the_dimensionalities():
    axis = correlation.plots.capacity_over_density(DENSITY, COLLAPSING, set_size=2).axes[0]
    top = axis.collections[-1].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(st.feature_dimensionality(COLLAPSING).sum(1).max().item(), rel=1e-4)
    with pytest.raises(ValueError, match="W must have one model for each of 2 densities, got 5"):
        correlation.plots.capacity_over_density(DENSITY[:2], COLLAPSING, set_size=2)
    with pytest.raises(ValueError, match="set_size must divide"):
        correlation.plots.capacity_over_density(DENSITY, COLLAPSING, set_size=4)


def test_angles_are_drawn_over_correlation():
    c, angles = torch.tensor([-0.1, 0.5]), torch.tensor([[180.0, 90], [60, float("nan")]])
    axis = correlation.plots.angles_over_correlation({"a": (c, angles)}).axes[0]
    dots = [line.get_xydata() for line in axis.lines if line.get_marker() == "o"]
    assert np.allclose(dots, [[[-0.1, 180], [0.5, 60]], [[-0.1, 90], [0.5, np.nan]]], equal_nan=True)


def test_directions_can_have_the_colours_of_their_sets_and_a_reference():
    figure = st.plots.feature_directions(HEXAGON[None], set_size=3, reference=0.5 * HEXAGON[None])
    axis = figure.axes[0]
    colours = {tuple(line.get_color()) for line in axis.lines if line.get_marker() == "o"}
    assert len(colours) == 2
    assert np.allclose(axis.collections[-1].get_offsets(), 0.5 * HEXAGON.T)
    with pytest.raises(ValueError, match="set_size must divide"):
        st.plots.feature_directions(HEXAGON[None], set_size=4)
    with pytest.raises(ValueError, match=r"reference must be .*; feature is 6 in W"):
        st.plots.feature_directions(HEXAGON[None], reference=HEXAGON[None, :, :4])


def test_features_in_one_place_share_a_label_and_missing_ones_have_none():
    W = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.01, 0.0]]])
    axis = st.plots.feature_directions(W).axes[0]
    assert [text.get_text() for text in axis.texts] == ["1, 2"]
    assert sum(line.get_marker() == "o" for line in axis.lines) == 2
