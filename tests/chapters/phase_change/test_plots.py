"""Phase diagrams and loss surfaces show, at every point, what was handed to them for that point."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from supertoy.chapters import phase_change
from supertoy.chapters.phase_change.surface import Minimum, loss_surface, minima
from supertoy.plots import SUPERPOSITION
from supertoy.plots.style import FRAME, INK, PAPER

DENSITY, RATIO = torch.tensor([1.0, 0.1, 0.01]), torch.tensor([0.1, 1.0, 10.0])
CORNERS = [(1.0, 0.1), (1.0, 10.0), (0.01, 0.1), (0.01, 10.0)]
WHITE, OWN, HALF, SHARED = (1, 1, 1), *(SUPERPOSITION(v)[:3] for v in (0.0, 0.5, 1.0))
# [density, ratio]: dense and unimportant is not represented, sparse is shared, the more the more important.
NORM = torch.tensor([[0.0, 1, 1], [1, 1, 1], [1, 1, 1]])
SUPERPOSED = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0.5, 0.5, 1]])


def colours_at_corners(axis):
    """What is seen at CORNERS, which the labels of the ticks say where to find."""
    canvas = FigureCanvasAgg(axis.figure)
    canvas.draw()
    x = {t.get_text(): t.get_position()[0] for t in axis.get_xticklabels()}
    y = {t.get_text(): t.get_position()[1] for t in axis.get_yticklabels()}
    points = axis.transData.transform([(x[f"{p:g}"], y[f"{r:g}"]) for p, r in CORNERS])
    column, row_from_below = points.astype(int).T
    return np.asarray(canvas.buffer_rgba())[::-1][row_from_below, column, :3] / 255


@pytest.mark.parametrize("backwards", [(), (0,), (1,), (0, 1)])
def test_phase_diagrams_show_each_point_in_its_place_in_either_order(backwards):
    density, ratio = (values.flip(0) if k in backwards else values for k, values in enumerate((DENSITY, RATIO)))
    axis = phase_change.plots.phase_diagrams(density, ratio, {"a": (NORM.flip(backwards), SUPERPOSED.flip(backwards))}).axes[
        0
    ]
    assert colours_at_corners(axis) == pytest.approx(np.array([WHITE, OWN, HALF, SHARED]), abs=0.01)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("density p = 1 - S", "relative importance")
    # Sparser is to the right, more important is up, and both axes are logarithmic.
    assert [10 ** -float(t.get_position()[0]) for t in axis.get_xticklabels()] == pytest.approx([0.01, 0.03, 0.1, 0.3, 1])
    assert [10 ** float(t.get_position()[1]) for t in axis.get_yticklabels()] == pytest.approx([0.1, 0.3, 1, 3, 10])
    assert axis.get_xlim()[0] < axis.get_xlim()[1]
    assert axis.get_ylim()[0] < axis.get_ylim()[1]


def test_losses_below_theory_are_blue_and_above_it_red():
    values = torch.tensor([[0.5, 1, 1], [1, 1, 1], [2, 2, 2]])
    axis = phase_change.plots.loss_against_theory(DENSITY, RATIO, {"a": values}, boundaries=[SUPERPOSED.long()]).axes[0]
    below, equal, *above = colours_at_corners(axis)
    assert below[2] > below[0] + 0.3
    assert equal == pytest.approx(1, abs=0.05)
    assert all(colour[0] > colour[2] + 0.3 for colour in above)


def test_colours_fade_from_white_to_the_colour_of_the_superposition():
    norm, shared = torch.tensor([0.0, 0.0, 0.5, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0, 0.3, 5.0])
    expected = [WHITE, WHITE, (np.array(SHARED) + 1) / 2, SUPERPOSITION(0.3)[:3], SHARED]
    assert phase_change.plots.extra_feature_colours(norm, shared) == pytest.approx(np.array(expected), abs=0.01)


def test_names_stand_inside_their_regions():
    regions = torch.tensor([[0, 1, 1], [0, 1, 1], [0, 1, 2]])
    names = ["low", "middle", "corner", "nowhere"]
    figure = phase_change.plots.phase_diagrams(DENSITY, RATIO, {"a": (NORM, NORM)}, boundaries=regions, names=names)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    # -log10 of the density is 0, 1, 2 and log10 of the ratio is -1, 0, 1.
    found = {name: int(regions[round(x), round(y) + 1]) for name, (x, y) in places.items()}
    assert found == {"low": 0, "middle": 1, "corner": 2}


def test_bars_have_the_heights_of_the_outputs_and_outlines_those_of_the_inputs():
    x = torch.tensor([[1.0, 0, 0.5], [0.2, 0.9, 0.1]])
    axes = phase_change.plots.reconstructions(x, {"half": x / 2, "none": 0 * x}, names=["first", "second"]).axes
    assert [axis.get_title() for axis in axes] == ["x = first", "x = second", "", ""]
    assert [axis.get_ylabel() for axis in axes] == ["half", "", "none", ""]
    for axis, wanted, got in zip(axes, [*x, *x], [*x / 2, *0 * x], strict=True):
        bars, outlines = axis.containers
        assert [bar.get_height() for bar in bars] == pytest.approx(got.tolist())
        assert [bar.get_height() for bar in outlines if not bar.get_fill()] == pytest.approx(wanted.tolist())


def test_dots_stand_on_the_minima_and_only_the_lowest_is_filled():
    w, settings = torch.linspace(-1.5, 1.5, 61), [(0.4, 3.0), (0.5, 0.2)]
    losses = torch.stack([loss_surface(*torch.meshgrid(w, w, indexing="ij"), *setting) for setting in settings])
    found = [minima(*setting) for setting in settings]
    for axis, those in zip(phase_change.plots.loss_contours(w, losses, found).axes, found, strict=True):
        dots = {tuple(line.get_xydata()[0].tolist()): line.get_markerfacecolor() for line in axis.lines}
        assert dots == {(s * m.w1, s * m.w2): PAPER if k else INK for k, m in enumerate(those) for s in (1, -1)}
        # The lowest of all colours surrounds the lowest minimum, and not the point with w1 and w2 exchanged.
        bottom, (a, b) = axis.collections[0].get_paths()[0], (those[0].w1, those[0].w2)
        assert (bottom.contains_point((a, b)), bottom.contains_point((b, a))) == (True, False)


def test_paths_show_the_direction_of_each_minimum_and_the_lowest_in_black():
    found = [[Minimum(1, -1, 0.1), Minimum(0, 1, 0.2)], [Minimum(1, 1, 0.1)]]
    axis = phase_change.plots.minimum_paths(torch.tensor([0.1, 1.0]), {"a": found}, xlabel="ratio").axes[0]
    lines = [line for line in axis.lines if line.get_marker() == "o"]
    dots = {tuple(point.round(4)): line.get_color() for line in lines for point in line.get_xydata()}
    assert dots == {(0.1, -45): INK, (0.1, 90): FRAME, (1, 45): INK}


def test_every_solution_along_a_line_is_drawn_with_its_phase_and_the_lowest_joined():
    losses, phases = torch.tensor([[1.0, 2], [4, 3], [5, 5]]), torch.tensor([[0, 0], [0, 1], [1, 1]])
    above, below = phase_change.plots.loss_crossing(RATIO, losses, phases, RATIO**2).axes
    lines = {line.get_label(): line.get_xydata().round(4).tolist() for line in above.lines}
    assert lines == {
        "not represented": [[0.1, 1], [0.1, 2], [1, 4]],
        "in superposition": [[1, 3], [10, 5]],  # what is found twice is drawn once
        "lowest": [[0.1, 1], [1, 3], [10, 5]],
    }
    assert below.lines[0].get_ydata() == pytest.approx([0.01, 1, 100])


def test_figures_belong_to_nobody_else_and_bad_arguments_are_refused():
    before, w = plt.get_fignums(), torch.linspace(-1, 1, 61)
    phase_change.plots.phase_diagrams(DENSITY, RATIO, {"a": (NORM, SUPERPOSED)})
    phase_change.plots.loss_against_theory(DENSITY, RATIO, {"a": NORM}, boundaries=[SUPERPOSED.long()])
    phase_change.plots.reconstructions(NORM, {"a": NORM}, names=["a", "b", "c"])
    phase_change.plots.loss_contours(w, torch.rand(1, 61, 61), [[]])
    phase_change.plots.minimum_paths(DENSITY, {"a": [[]] * 3}, xlabel="density")
    phase_change.plots.loss_crossing(RATIO, NORM, NORM.long(), RATIO)
    for refused in (
        lambda: phase_change.plots.phase_diagrams(DENSITY, RATIO, {"a": (NORM, NORM), "b": (NORM, NORM[:2])}),
        lambda: phase_change.plots.loss_against_theory(
            DENSITY, RATIO, {"a": NORM, "b": NORM[:, :2]}, boundaries=[NORM.long()] * 2
        ),
        lambda: phase_change.plots.reconstructions(NORM, {"a": NORM, "b": NORM[:, :2]}, names=["a", "b", "c"]),
        lambda: phase_change.plots.reconstructions(NORM, {"a": NORM}, names="a"),
        lambda: phase_change.plots.loss_contours(w, torch.rand(2, 61, 61), [[]]),
    ):
        with pytest.raises((ValueError, TypeError), match=r" is 3 in |must be Sequence|must have"):
            refused()
    few = phase_change.plots.loss_contours(w, torch.rand(4, 61, 61), [[]] * 4)
    assert len(few.axes) == 4
    with pytest.raises(ValueError, match="names must have one entry for each of 3 panels, got 1"):
        phase_change.plots.reconstructions(NORM, {"a": NORM}, names=["a"])
    with pytest.raises(ValueError, match="boundaries must have one entry for each of 1 panels, got 0"):
        phase_change.plots.loss_against_theory(DENSITY, RATIO, {"a": NORM}, boundaries=[])
    with pytest.raises(ValueError, match="panel 'a' must have one list of minima for each of 3 settings, got 2"):
        phase_change.plots.minimum_paths(DENSITY, {"a": [[]] * 2}, xlabel="density")
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        phase_change.plots.phase_diagrams(DENSITY, RATIO, {})
    assert plt.get_fignums() == before
