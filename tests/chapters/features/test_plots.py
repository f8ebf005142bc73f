"""Figures of features as directions show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import features
from supertoy.chapters.features.representation import Properties


def marked_lines(axis):
    return [line.get_xydata() for line in axis.lines if line.get_marker() in list("osD^v") and len(line.get_xdata())]


def test_lines_of_own_neurons_have_marks_at_one_and_two_for_each():
    share, number = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])
    left, right = features.plots.own_neurons(torch.tensor([3, 6]), {"task": (share, number)}, n_features=3).axes
    assert np.allclose(marked_lines(left)[0][:, 1], share)
    assert np.allclose(marked_lines(right)[0][:, 1], number)
    assert [line.get_xdata()[0] for line in left.lines if line.get_linestyle() == ":"] == [3, 6]


def test_changes_too_small_to_draw_are_drawn_at_the_edge():
    changes = {"linear": {"outputs": torch.tensor([1e-16, 1e-15])}, "ReLU": {"outputs": torch.tensor([0.5, 0.7])}}
    left, right = features.plots.rotated_models(changes, {"linear": torch.tensor([0.5, 0.52]), "ReLU": torch.ones(4)}).axes
    assert np.allclose(marked_lines(left)[0][:, 0], 1e-8)
    assert np.allclose(marked_lines(left)[1][:, 0], [0.5, 0.7])
    assert [text.get_text() for text in left.get_yticklabels()] == ["linear: outputs", "ReLU: outputs"]
    assert sum(bar.get_height() for bar in right.patches) == pytest.approx(2)


def test_counts_lie_between_guarantee_and_bound():
    d, counts = torch.tensor([8, 32]), torch.tensor([[10.0, 100]])
    far = {0.1: (torch.tensor([10, 1000]), torch.tensor([1.0, 1e3]))}
    figure = features.plots.directions_that_fit(d, counts, counts / 3, counts * 9, (0.3,), far)
    left, right = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    assert np.allclose(drawn["found"], counts[0])
    assert np.allclose(drawn["guaranteed"], counts[0] / 3)
    assert np.allclose(drawn["no more fit"], counts[0] * 9)
    assert right.texts[0].get_text().strip() == "0.1"
    with pytest.raises(ValueError, match="cosine must have one entry for each of 1 panels, got 2"):
        features.plots.directions_that_fit(d, counts, counts, counts, (0.3, 0.4), far)


def test_the_map_of_recovery_has_a_column_for_each_number_of_active_features():
    share = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    curve = (torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    figure = features.plots.recovery_boundary(
        torch.tensor([2, 4]), torch.tensor([10, 20, 30]), share, 100, {"n = 100": curve}, {"other": curve}
    )
    left, right = figure.axes[:2]
    assert np.allclose(left.collections[0].get_array(), share.T)
    k, least = left.lines[0].get_xydata()[-1]
    assert (k, least) == (4, pytest.approx(4 * np.log(25)))
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["n = 100", "other"]


def test_outputs_are_drawn_on_one_scale_with_and_without_the_relu():
    linear, density = torch.tensor([1.0, -0.5, 0.3]), torch.tensor([1.0, 0.1])
    read = {"linearly": (density, torch.tensor([0.1, 3.0]))}
    figure = features.plots.one_feature_read(linear, (linear - 0.3).relu(), 0, read)
    axes = {axis.get_title(): axis for axis in figure.axes}
    above, below = axes["read linearly"], axes["with bias and ReLU"]
    assert np.allclose([bar.get_height() for bar in above.patches], linear)
    assert np.allclose([bar.get_height() for bar in below.patches], [0.7, 0, 0])
    assert above.get_ylim() == below.get_ylim()
    assert axes[""].get_xlim()[0] > axes[""].get_xlim()[1]  # sparse data on the right


def test_the_table_says_where_each_representation_stands():
    figure = features.plots.hierarchy({"mixed": Properties(0.4, 0.5, 0, 0.2), "plain": Properties(0, 0, 1, 1)})
    [axis] = figure.axes
    numbers = [text.get_text() for text in axis.texts]
    assert numbers[:8] == ["0.40", "0.50", "-", "-", "0", "0", "1.00", "1.00"]
    colours = [cell.get_facecolor()[:3] for cell in axis.patches]
    assert len(set(colours[:4])) == len(set(colours[4:])) == 1
    assert colours[0] != colours[4]
    with pytest.raises(ValueError, match="representations must hold at least one entry"):
        features.plots.hierarchy({})


def test_distances_are_drawn_by_setting_and_dimensionalities_sorted():
    apart = {"small": {"single": torch.tensor([0.3, 0.4]), "best": torch.tensor([1e-9, 0.001])}}
    D = torch.tensor([[0.1, 0.5, 0.3], [0.5, 0.1, 0.3]])
    left, right = features.plots.agreement(apart, {"small": D}, threshold=0.05).axes
    single, best = marked_lines(left)
    assert np.allclose(single[:, 0], [0.3, 0.4])
    assert np.allclose(best[:, 0], [1e-5, 0.001])
    assert left.lines[-1].get_xdata()[0] == 0.05
    assert np.allclose([line.get_ydata() for line in right.lines], [[0.5, 0.3, 0.1]] * 2)
