"""Figures of training show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import dynamics
from tests.chapters.dynamics.claim_cases import JUMPING, OCTAHEDRON, STEPS, TURNED, WITH_THEM


def test_levels_are_drawn_with_their_jumps_and_the_loss_below():
    D = torch.cat([JUMPING, torch.zeros(len(STEPS), 2).double()], 1)
    above, below = dynamics.plots.levels_over_training(STEPS, D, WITH_THEM).axes
    curves = [line for line in above.lines if len(line.get_xdata()) == len(STEPS)]
    assert len(curves) == 10
    assert len({line.get_color() for line in curves}) == 2
    dots = next(line for line in above.lines if line.get_marker() == "o")
    assert np.allclose(sorted(dots.get_xdata()), dynamics.jumps.jumps(STEPS, JUMPING))
    assert np.allclose(below.lines[0].get_ydata(), WITH_THEM)
    assert len(below.patches) == 8


def test_stages_of_all_runs_are_drawn_in_the_order_in_which_they_end():
    steps = torch.tensor([1, 2, 4, 8])
    losses = torch.tensor([[1.0, 1], [1, 1], [0.1, 1], [0.1, 0.1]])
    stages = torch.tensor([[0, 0], [1, 0], [1, 0], [1, 1]])
    above, below = dynamics.plots.stages_over_training(steps, losses, stages.flip(1), ["a", "b"], highlighted=1).axes
    assert np.allclose(above.lines[-1].get_ydata(), losses[:, 1])
    assert len(above.patches) == len(dynamics.stages.plateaus(steps, losses[:, 1]))
    assert below.collections[0].get_array().tolist() == stages.T.tolist()
    with pytest.raises(ValueError, match="names must have one entry for each of 2 stages, got 1"):
        dynamics.plots.stages_over_training(steps, losses, stages, ["a"])
    with pytest.raises(ValueError, match="highlighted must be one of 2 runs, got 2"):
        dynamics.plots.stages_over_training(steps, losses, stages, ["a", "b"], highlighted=2)


def test_negative_eigenvalues_stand_apart():
    steps, loss = torch.tensor([1, 10]), torch.tensor([1.0, 0.1])
    eigenvalues = torch.tensor([[-0.5, 0.0, 1.0], [0.0, 0.2, 2.0]])
    axes = dynamics.plots.saddles_over_training(steps, loss, steps, 0.1 * loss, eigenvalues).axes
    drawn = [line.get_ydata() for line in axes[2].lines if line.get_marker() == "."]
    assert np.nansum(drawn[:3]) == pytest.approx(3.2)
    assert np.nansum(drawn[3:]) == pytest.approx(-0.5)


def test_directions_in_space_have_the_colours_of_their_sets():
    figure = dynamics.plots.directions_in_space(torch.stack([OCTAHEDRON, TURNED]), set_size=3, titles=["a", "b"])
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    colours = {tuple(c.get_facecolor()[0]) for axis in figure.axes for c in axis.collections}
    assert len(colours) == 2
    with pytest.raises(ValueError, match="W must have 3 hidden dimensions, got 2"):
        dynamics.plots.directions_in_space(OCTAHEDRON[None, :2], set_size=3)


def test_known_losses_are_drawn_as_lines_with_their_names():
    losses = torch.tensor([[0.3, 0.2], [0.1, 0.1]])
    axis = dynamics.plots.losses_with_levels(torch.tensor([1, 10]), losses, {"pentagon": 0.1}).axes[0]
    assert [text.get_text() for text in axis.texts] == ["pentagon"]
    assert axis.lines[0].get_ydata()[0] == 0.1
    assert np.allclose([line.get_ydata() for line in axis.lines[1:]], losses.T)


def test_solutions_stand_at_their_degeneracy_and_loss():
    coefficient, error, loss = torch.tensor([7.0, 8.5]), torch.tensor([0.1, 0.2]), torch.tensor([0.07, 0.05])
    axis = dynamics.plots.loss_against_degeneracy(coefficient, error, loss, ["one", "other"]).axes[0]
    assert np.allclose(axis.lines[0].get_xydata(), torch.stack([coefficient, loss], 1))
    bars = axis.collections[0].get_segments()
    assert np.allclose([bar[1, 0] - bar[0, 0] for bar in bars], 4 * error)
    assert [text.get_text() for text in axis.texts] == ["one", "other"]
    with pytest.raises(ValueError, match="names must have one entry for each of 2 panels, got 1"):
        dynamics.plots.loss_against_degeneracy(coefficient, error, loss, ["one"])
