"""Figures of feature geometry show what was measured."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

import supertoy as st
from supertoy.chapters import geometry
from supertoy.chapters.geometry.plots import _levels
from supertoy.plots import SHAPE_COLOURS
from supertoy.polytopes import POLYTOPES, count_by_shape

P = torch.tensor([1.0, 0.3, 0.1])


def blocks(*shapes):
    return torch.block_diag(*[torch.tensor(POLYTOPES[shape].T) for shape in shapes])


OWN, DIGONS, MIXED = torch.eye(4, 8).double(), blocks(*["digon"] * 4), blocks("pentagon", "digon", "own dimension")
W = torch.stack([OWN, DIGONS, MIXED])


def dots(axis):
    return [line for line in axis.lines if line.get_marker() in tuple("os.")]


def test_levels_are_dimensions_over_features():
    levels = {"own dimension": 1, "digon": 1 / 2, "triangle": 2 / 3, "tetrahedron": 3 / 4, "pentagon": 2 / 5}
    assert _levels() == pytest.approx(levels | {"square antiprism": 3 / 8})
    assert set(SHAPE_COLOURS) == {*POLYTOPES, "other"}


def test_every_dimensionality_is_drawn_at_its_sparsity():
    figure = geometry.plots.dimensionalities_over_sparsity(W, P, graphs_at=[0, 1, 2])
    scatter, *graphs = figure.axes
    x, y = dots(scatter)[0].get_xydata().T
    assert np.allclose(y, st.feature_dimensionality(W).ravel())
    assert np.allclose(x.reshape(3, 8), 1 / P[:, None], rtol=0.06)  # a little spread, so that equal ones can be told apart
    assert scatter.get_xscale() == "log"
    n_edges = [sum(len(c.get_segments()) for c in axis.collections if isinstance(c, LineCollection)) for axis in graphs]
    assert n_edges == [0, 4, 10 + 1]
    assert [sum(len(line.get_xdata()) for line in dots(axis)) for axis in graphs] == [4, 8, 8]


def test_each_factor_has_the_colour_of_its_shape_and_a_place_of_its_own():
    figure = geometry.plots.dimensionalities_over_sparsity(W, P, graphs_at=[2])
    drawn = {line.get_color(): line.get_xydata() for line in dots(figure.axes[1])}
    assert {colour: len(points) for colour, points in drawn.items()} == {
        SHAPE_COLOURS["pentagon"]: 5,
        SHAPE_COLOURS["digon"]: 2,
        SHAPE_COLOURS["own dimension"]: 1,
    }
    centres = [points.mean(0) for points in drawn.values()]
    assert min(np.linalg.norm(a - b) for a in centres for b in centres if a is not b) > 1


def test_a_model_without_represented_features_says_so():
    figure = geometry.plots.dimensionalities_over_sparsity(0.1 * W, P, graphs_at=[0])
    assert "no feature" in figure.axes[1].texts[0].get_text()


def test_dimensions_per_feature_are_drawn_for_each_size_at_its_own_sparsities():
    axis = geometry.plots.dimensions_over_sparsity({"a": (P, W), "b": (P[:2], W[:2])}).axes[0]
    a, b = dots(axis)
    assert np.allclose(a.get_xydata(), np.column_stack([1 / P, st.dimensions_per_feature(W)]))
    assert np.allclose(b.get_xydata(), a.get_xydata()[:2])


def test_the_table_has_the_counts_in_its_cells():
    axis = geometry.plots.shapes_over_sparsity(P, [count_by_shape(w) for w in W]).axes[0]
    cells = [text.get_text() for text in axis.texts]
    assert cells[:3] == ["4", "", "1"]  # own dimension
    rows = [label.get_text() for label in axis.get_yticklabels()]
    digons = cells[3 * rows.index("digon") :][:3]
    assert digons == ["", "8", "2"]


def test_benefits_are_relative_to_a_dimension_of_ones_own():
    benefits = {"own dimension": torch.tensor([1.0, 2, 4]), "digon": torch.tensor([1.0, 3, 8])}
    axis = geometry.plots.benefit_per_dimension(P, benefits).axes[0]
    lines = {line.get_color(): line.get_ydata().tolist() for line in axis.lines}
    assert lines == {SHAPE_COLOURS["own dimension"]: [1, 1, 1], SHAPE_COLOURS["digon"]: [1, 1.5, 2]}
    with pytest.raises(ValueError, match="benefits must have 'own dimension' to compare with, got digon"):
        geometry.plots.benefit_per_dimension(P, {"digon": P})


def test_perturbed_solutions_lie_over_each_other_with_the_last_feature_to_the_right():
    turn = torch.linalg.qr(torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    solutions = turn @ blocks("pentagon")
    figure = geometry.plots.perturbed_solutions(
        solutions, torch.tensor([0.2, 0.5, 3.0]), label="density", panels={"sparser": 1, "denser": 4}
    )
    sparser, denser = figure.axes[:2]
    assert [axis.get_title() for axis in (sparser, denser)] == ["sparser", "denser"]
    last = [line.get_xydata()[0] for axis in (sparser, denser) for line in dots(axis) if len(line.get_xdata()) == 1]
    assert np.allclose(last, [[1, 0]] * 3)
    assert len(dots(sparser)) == 4


@pytest.mark.parametrize("length", [0.55, 0.2])
def test_a_short_last_feature_points_right_and_an_absent_one_leaves_the_others_on_the_diagonals(length):
    square = torch.tensor([[1.2, 0, -1.2, 0, 0.55], [0, 1.2, 0, -1.2, 0.55]]).double()
    square[:, 4] *= length / square[:, 4].norm()
    axis = geometry.plots.perturbed_solutions(square[None], torch.tensor([0.5]), label="density", panels={"a": 1}).axes[0]
    others, last = (line.get_xydata() for line in dots(axis))
    if length > 0.5:
        assert np.allclose(last, [[length, 0]])
    else:
        assert np.allclose(np.abs(others), 1.2 / 2**0.5)


def test_solutions_are_drawn_by_geometry_and_the_crossing_marked():
    ratio, losses = torch.tensor([0.2, 1.0]), torch.tensor([[1.0, 2], [3, 4]])
    shapes, names = torch.tensor([[0, 1], [0, 0]]), {"pentagon": "green", "two digons": "blue"}
    axis = geometry.plots.solution_losses(ratio, losses, shapes, names, xlabel="density", crossing=0.5).axes[0]
    found = {line.get_label(): line.get_xydata().round(4).tolist() for line in dots(axis)}
    assert found == {"pentagon": [[0.2, 1], [1, 3], [1, 4]], "two digons": [[0.2, 2]]}
    assert "0.50" in [text.get_text() for text in axis.texts]
    without = geometry.plots.solution_losses(ratio, losses, shapes, names, xlabel="density", crossing=None)
    assert not without.axes[0].texts


def test_polyhedra_take_colours_and_rows():
    points = [POLYTOPES["tetrahedron"], POLYTOPES["square antiprism"], POLYTOPES["pentagon"]]
    colours = [["red"] * 4, ["blue"] * 8, ["green"] * 5]
    figure = st.plots.packings(points, colours=colours, n_columns=2)
    assert len({round(axis.get_position().y0, 2) for axis in figure.axes}) >= 2
    faces = [to_hex(c) for axis in figure.axes for c in axis.collections[-1].get_facecolors()[:1]]
    assert faces == [to_hex(panel[0]) for panel in colours]
    with pytest.raises(ValueError, match="colours must have one entry for each point of each panel"):
        st.plots.packings(points, colours=colours[::-1])


def test_weights_that_are_being_trained_can_be_drawn():
    model = st.ReLUOutputModel(3, 5, 2, seed=0)
    geometry.plots.dimensions_over_sparsity({"a": (P, model.W)})
    geometry.plots.dimensionalities_over_sparsity(model.W, P, graphs_at=[0])
    geometry.plots.perturbed_solutions(model.W, torch.tensor([0.5, 1, 2]), label="density", panels={"all": 2})
    assert sum(count_by_shape(model.W[0]).values()) <= 5


def test_figures_belong_to_nobody_else():
    before = plt.get_fignums()
    geometry.plots.dimensionalities_over_sparsity(W, P, graphs_at=[1])
    geometry.plots.shapes_over_sparsity(P, [count_by_shape(w) for w in W])
    assert plt.get_fignums() == before
