"""Stacks are as high as weights are large, and figures of neurons show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import computation
from tests.chapters.computation.privileged_cases import OWN, REGIMES
from tests.chapters.computation.test_motif import model as motif_model


def heights(axis, sign):
    """Total height of each neuron's stack on one side of the axis."""
    totals = {}
    for path in axis.collections[0].get_paths():
        (left, low), (right, high) = path.vertices[0], path.vertices[2]
        if sign * (high - low) > 0:
            place = round((left + right) / 2)
            totals[place] = totals.get(place, 0) + high - low
    return totals


def test_stacks_show_positive_weights_above_and_negative_ones_below():
    W = torch.tensor([[[1.0, -0.5, 0.25], [0.0, 0.5, -1.0]]])
    axis, *_ = computation.plots.neuron_stacks(W, titles=["a"]).axes
    assert heights(axis, 1) == pytest.approx({1: 1.25, 2: 0.5})
    assert heights(axis, -1) == pytest.approx({1: -0.5, 2: -1.0})
    axis, *_ = computation.plots.neuron_stacks(W, sizes_only=True).axes
    assert heights(axis, 1) == pytest.approx({1: 1.75, 2: 1.5})


def test_stacks_come_in_the_order_of_their_main_features_and_colours_show_superposition():
    W = torch.tensor([[[0.0, 0.5, 0.0], [2.0, 0.0, 0.0]]])
    axis, *_ = computation.plots.neuron_stacks(W, lowest=-3).axes
    assert heights(axis, 1) == pytest.approx({1: 2.0, 2: 0.5})
    assert axis.get_ylim()[0] == -3
    own, shared = (
        figure.axes[0].collections[0].get_facecolors()
        for figure in map(computation.plots.neuron_stacks, (W, torch.ones(1, 2, 3)))
    )
    assert np.allclose(own, own[0])
    assert np.allclose(shared, shared[0])
    assert not np.allclose(own[0], shared[0])


def test_there_is_a_panel_for_each_model_and_a_title_for_each_panel():
    figure = computation.plots.neuron_stacks(REGIMES, titles=list("abcdef"), n_columns=4)
    assert [axis.get_title() for axis in figure.axes[:6]] == list("abcdef")
    with pytest.raises(ValueError, match="titles must have one entry for each of 6 panels, got 1"):
        computation.plots.neuron_stacks(REGIMES, titles=["a"])


def test_the_matrix_and_the_stack_explained_hold_the_same_weights():
    W = REGIMES[1]
    left, right = computation.plots.weights_and_stack(W.flip(0)).axes[:2]
    assert np.allclose(left.images[0].get_array(), W[[0, 1, 2, 3, 4]].T)
    assert sorted(int(text.get_text()) for text in right.texts) == [1, 2, 3, 4, 5, 6, 6]


def test_matrices_side_by_side_share_their_colours():
    figure = computation.plots.hidden_weights({"a": OWN, "b": 0.5 * OWN})
    images = [axis.images[0] for axis in figure.axes[:2]]
    assert images[0].get_clim() == images[1].get_clim() == (-1, 1)
    assert np.allclose(images[1].get_array(), 0.5 * OWN)
    with pytest.raises(ValueError, match="panels must hold at least one entry, got none"):
        computation.plots.hidden_weights({})


def test_kinds_of_neurons_add_up():
    p = torch.tensor([0.75, 0.35, 0.15, 0.12, 0.06, 0.03])
    axis = computation.plots.kinds_over_density(p, REGIMES, paper={"all": (0.75, 0.35), "pairs": (0.03, 0.03)}).axes[0]
    bars = np.array([bar.get_height() for bar in axis.patches]).reshape(2, 6)
    assert bars[0].tolist() == [5, 3, 2, 1, 0, 0]
    assert (bars.sum(0) == 5).all()
    first, second = (line.get_xdata() for line in axis.lines[-2:])
    assert np.allclose(first, [-0.4, 1.4])
    assert np.allclose(second, [4.6, 5.4])


def test_a_small_network_shows_its_weights_in_every_form():
    W1, W2 = torch.cat([2 * torch.eye(3), -0.5 * torch.eye(3)]), torch.cat([0.5 * torch.eye(3), 2 * torch.eye(3)], 1)
    figure = computation.plots.small_network(W1, W2)
    first, second, *_ = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert np.allclose(np.sort(first, axis=1)[:, [0, -1]], [[-1, 1]] * 3)
    assert np.allclose(second.sum(1), 2)
    graph = next(axis for axis in figure.axes if axis.get_title() == "features, neurons, outputs")
    edges = [line for line in graph.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    assert len(edges) == 12
    assert sum(line.get_linestyle() == "--" for line in edges) == 3


def test_activations_are_split_by_what_made_them():
    activation, largest = torch.tensor([0.5, 1.0, 1.0, 0.0]), torch.tensor([0, 1, 0, 0])
    axis = computation.plots.activations_by_feature({"a neuron": (activation, largest, 0)}).axes[0]
    pure, mixed = ([bar.get_height() for bar in group] for group in axis.containers)
    assert (sum(pure), sum(mixed)) == (2, 1)  # what is zero is not counted
    with pytest.raises(ValueError, match="panels must hold at least one entry, got none"):
        computation.plots.activations_by_feature({})


def test_outputs_are_drawn_beside_their_target():
    x = torch.linspace(-1, 1, 5)
    outputs = [torch.stack([x.abs(), 0 * x])] * 2
    figure = computation.plots.single_feature_outputs(x, outputs, x.abs(), labels=["first", "last"], titles=["a", "b"])
    target, first, last = figure.axes[0].lines
    assert np.allclose(target.get_ydata(), first.get_ydata())
    assert not last.get_ydata().any()
    with pytest.raises(ValueError, match="labels must have one entry for each of 2 panels, got 1"):
        computation.plots.single_feature_outputs(x, outputs, x.abs(), labels=["first"])


def test_the_motif_is_drawn_with_what_inhibition_prevents():
    model = motif_model()
    graph, inside, out = computation.plots.asymmetric_motif(model, computation.motif.find(model)[0], n_values=3).axes
    assert {"1", "-0.25", "4", "-4"} <= {text.get_text() for text in graph.texts}  # rescaled: the neuron's largest is 1
    neuron, inhibitor, total = (line.get_ydata() for line in inside.lines)
    assert np.allclose(neuron, [0, 0, 4])
    assert np.allclose(inhibitor, [0, 0, -4])
    assert np.allclose(total, 0)
    whole, cut = (line.get_ydata() for line in out.lines)
    assert np.allclose(whole, 0)
    assert np.allclose(cut, [0, 0, 4])
