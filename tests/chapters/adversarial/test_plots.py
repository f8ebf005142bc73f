"""Figures of attacks show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import adversarial

P = torch.tensor([1.0, 0.1, 0.01])


def marked_lines(axis):
    return [line.get_xydata() for line in axis.lines if line.get_marker() in list("osD^v")]


def test_the_parts_of_an_attack_add_up_to_what_moves_the_hidden_state():
    W = torch.tensor([[1.0, 0, -0.5], [0, 1.0, 0.5]])
    figure = adversarial.plots.attack_anatomy({"mixed": W, "plain": torch.eye(2, 3)})
    delta = adversarial.attacks.feature_attacks(W[None], 1.0)[0, 0]
    change, hidden, output, *_, plain_hidden, _ = figure.axes
    assert np.allclose([bar.get_height() for bar in change.patches], delta)
    assert np.allclose([bar.get_height() for bar in output.patches], W.T @ W @ delta)
    assert np.allclose(hidden.lines[-1].get_xydata(), W @ delta)
    assert np.allclose(plain_hidden.lines[-1].get_xydata(), [1, 0])
    assert "mixed" in change.get_ylabel()
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        adversarial.plots.attack_anatomy({})
    with pytest.raises(ValueError, match="W must be finite"):
        adversarial.plots.attack_anatomy({"bad": W / 0})


def test_vulnerability_and_features_share_an_axis_with_sparse_data_on_the_right():
    relative, features = torch.tensor([[1.0, 1.2], [5, 4], [30, 32]]), torch.tensor([[1.0, 1.0], [3, 2], [20, 21]])
    left, right, _ = adversarial.plots.vulnerability_and_superposition(P, relative, features).axes
    assert np.allclose(left.lines[0].get_ydata(), [1.1, 4.5, 31])
    assert any(np.allclose(line.get_ydata(), features[:, 1]) for line in left.lines)
    assert left.get_xlim()[0] > left.get_xlim()[1]
    assert np.allclose(right.collections[0].get_offsets(), np.stack([features.flatten(), relative.flatten()], axis=1))


def test_shares_of_attacks_stand_above_the_share_of_masked_inputs():
    shares, masked = {"a": torch.tensor([1.0, 0.5, 0.2]), "b": torch.tensor([1.0, 1.5, 1.2])}, torch.tensor([0.0, 0.1, 0.7])
    figure = adversarial.plots.attack_shares(P, {"small": shares, "large": shares}, masked=masked)
    assert [axis.get_title() for axis in figure.axes] == ["small", "large"]
    assert np.allclose([line[:, 1] for line in marked_lines(figure.axes[1])], torch.stack([*shares.values()]))
    assert figure.axes[0].collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(0.7)
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        adversarial.plots.attack_shares(P, {}, masked=masked)


def test_lines_over_attack_norms_go_through_the_medians():
    values = torch.tensor([[5.0, 6, 7], [3, 3, 9], [1, 0, 1]])
    figure = adversarial.plots.over_attack_norm(torch.tensor([0.0, 0.5, 1]), {"features": {"p = 0.1": values}}, marked=0.8)
    [axis] = figure.axes
    assert any(np.allclose(line.get_xdata(), 0.8) for line in axis.lines)
    assert np.allclose(marked_lines(axis)[0], [[0, 6], [0.5, 3], [1, 1]])
    assert np.allclose([line[:, 1] for line in marked_lines(axis)[1:]], values.T)
    assert axis.get_title() == "features"
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        adversarial.plots.over_attack_norm(torch.ones(1), {}, marked=0.8)


def test_bars_are_means_over_pairs_of_models():
    groups = {"one": {"a": torch.tensor([0.1, 0.3]), "b": torch.ones(2)}, "two": {"a": torch.zeros(2), "b": torch.ones(1)}}
    axis = adversarial.plots.transferred_damage(groups).axes[0]
    assert np.allclose([bar.get_height() for bar in axis.patches], [0.2, 0, 1, 1])
    spread = axis.collections[0].get_segments()[0]
    assert np.allclose(spread[:, 1], [0.1, 0.3])
    with pytest.raises(ValueError, match="groups must all have the attacks"):
        adversarial.plots.transferred_damage({**groups, "three": {"a": torch.ones(1)}})
    with pytest.raises(ValueError, match="must hold at least one entry"):
        adversarial.plots.transferred_damage({})
