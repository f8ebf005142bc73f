"""Figures of the appendix show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import appendix


def test_the_code_is_drawn_with_its_steps():
    left, right, _ = appendix.plots.nonlinear_code(3, 0.1).axes
    straight, steps = (line.get_ydata() for line in left.lines)
    assert (steps <= straight + 1e-6).all()
    assert np.isclose(steps, np.floor(straight + 1e-9)).mean() > 0.85
    assert right.images[0].get_array().max() == pytest.approx(4 / 3, rel=1e-3)


def test_losses_are_drawn_against_what_one_value_costs():
    loss = torch.tensor([[0.02, 0.1], [0.01, 0.09]])
    axis = appendix.plots.compression_losses(torch.tensor([0.0, 0.2]), loss, [2, 3], linear=1 / 12).axes[0]
    assert np.allclose([line.get_ydata() for line in axis.lines[:2]], loss)
    assert axis.lines[2].get_ydata()[0] == 1 / 12
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["Z = 2", "Z = 3"]
    with pytest.raises(ValueError, match="n_intervals must have one entry for each of 2 panels, got 1"):
        appendix.plots.compression_losses(torch.tensor([0.0, 0.2]), loss, [2], linear=1 / 12)


def test_features_are_drawn_for_each_seed_with_a_line_through_their_mean():
    m = torch.tensor([5, 10, 20])
    counts = torch.stack([2 * m, 4 * m], 1)
    axis = appendix.plots.features_over_dimensions(m, torch.stack([counts, counts + 2]), torch.tensor([0.3, 0.1])).axes[0]
    fits = [line.get_ydata() for line in axis.lines if line.get_linestyle() == "-"]
    assert np.allclose(fits, (counts + 1).T)
    assert [text.get_text() for text in axis.texts] == ["p = 0.3", "p = 0.1"]
