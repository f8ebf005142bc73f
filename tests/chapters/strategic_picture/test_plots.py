"""Figures of the strategic picture show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import strategic_picture

P = torch.tensor([0.5, 0.1, 0.01])
STRENGTH = torch.tensor([0.0, 0.1, 0.2])
VALUES = torch.tensor([[5.0, 6, 7], [3, 3, 9], [1, 2, 1]])


def marked_lines(axis):
    return [line.get_xydata() for line in axis.lines if line.get_marker() in list("osD^v")]


def test_directions_are_arrows_over_the_cloud_of_activations():
    h, true = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([[3.0, 0.0], [0.0, -0.1]])
    figure = strategic_picture.plots.dictionary_in_plane(
        h, {"neurons": torch.eye(2), "found": 5 * torch.eye(2)[:1]}, true=true
    )
    assert [axis.get_title() for axis in figure.axes] == ["neurons", "found"]
    assert [len(axis.texts) for axis in figure.axes] == [2, 1]
    for axis in figure.axes:
        assert np.allclose(axis.lines[0].get_xydata(), h)
        ends = [line.get_xydata()[1] for line in axis.lines[1:]]
        assert np.allclose(np.array(ends) / np.linalg.norm(ends, axis=1, keepdims=True), [[1, 0], [0, -1]])
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        strategic_picture.plots.dictionary_in_plane(h, {}, true=true)


@pytest.mark.parametrize(
    ("plot", "x"), [(strategic_picture.plots.over_strength, STRENGTH), (strategic_picture.plots.over_density, P)]
)
def test_lines_go_through_the_medians_and_marks_are_the_seeds(plot, x):
    figure = plot(x, {"loss": {"a": VALUES, "b": 2 * VALUES}, "features": {"a": VALUES[:, :1]}}, log=["loss"])
    first, second = figure.axes
    assert np.allclose(marked_lines(first)[0], np.stack([x, [6, 3, 1]], axis=1))
    assert np.allclose([line[:, 1] for line in marked_lines(first)[1:4]], VALUES.T)
    assert np.allclose(marked_lines(first)[4][:, 1], [12, 6, 2])
    assert len(marked_lines(second)) == 1  # one seed is its own median
    assert first.get_yscale() == "log"
    assert second.get_yscale() == "linear"
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b"]
    with pytest.raises(ValueError, match=r"log must be among the panels \['loss'\], got \['other'\]"):
        plot(x, {"loss": {"a": VALUES}}, log=["other"])
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        plot(x, {})


def test_series_without_names_have_no_legend():
    assert not strategic_picture.plots.over_strength(STRENGTH, {"loss": {"": VALUES}}).legends


def test_sparse_data_are_on_the_right_and_a_level_is_marked():
    [axis] = strategic_picture.plots.over_density(P, {"gain": {"": VALUES}}, level=4.0).axes
    assert axis.get_xlim()[0] > axis.get_xlim()[1]
    assert any(np.allclose(line.get_ydata(), 4) for line in axis.lines)


def test_shares_stand_in_their_cells():
    shares = torch.tensor([[0.0, 0.25, 1.0], [0.5, 0.999, 0.001]])
    figure = strategic_picture.plots.share_grid(
        ["10", "20"], ["a", "b", "c"], {"one": shares}, xlabel="density", ylabel="latents"
    )
    [axis] = figure.axes
    assert [text.get_text() for text in axis.texts] == ["0", ".25", "1", ".50", "1", "0"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c"]
    assert np.allclose(axis.collections[0].get_array().reshape(2, 3), shares)
    with pytest.raises(ValueError, match="rows must have one entry for each of 2 panels, got 1"):
        strategic_picture.plots.share_grid(["10"], ["a", "b", "c"], {"one": shares}, xlabel="density", ylabel="latents")


def test_accounts_are_stacked_up_to_the_size():
    counts = {"right": torch.tensor([4.0, 5.0]), "dead": torch.tensor([1.0, 15.0])}
    figure = strategic_picture.plots.latent_accounts([5, 20], counts, n_true=5)
    [axis] = figure.axes
    tops = [bar.get_y() + bar.get_height() for bar in axis.patches]
    assert tops == [4, 5, 5, 20]
    assert np.allclose(axis.lines[0].get_ydata(), 5)
    with pytest.raises(ValueError, match="counts must hold at least one entry"):
        strategic_picture.plots.latent_accounts([5, 20], {}, n_true=5)


def test_every_way_to_look_has_a_curve():
    curve = (torch.tensor([0.0, 0.5, 1]), torch.tensor([0.0, 0.9, 1]))
    figure = strategic_picture.plots.roc_curves({"sparse": {"plain": curve, "unfolded": curve}}, detected=0.9)
    [axis] = figure.axes
    assert sum(np.array_equal(line.get_xydata(), np.stack(curve, axis=1)) for line in axis.lines) == 2
    assert any(np.allclose(line.get_ydata(), 0.9) for line in axis.lines)
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        strategic_picture.plots.roc_curves({}, detected=0.9)


def test_units_with_names_are_coloured_and_labelled():
    values = torch.tensor([0.1, -0.5, 2.0])
    figure = strategic_picture.plots.decomposition({"neurons": values, "codes": values}, marked={"codes": {2: "fur"}})
    above, below = figure.axes
    assert np.allclose([bar.get_height() for bar in below.patches], values)
    assert [text.get_text() for text in below.texts] == ["fur"]
    assert not above.texts
    assert below.patches[2].get_facecolor() != below.patches[0].get_facecolor()
    with pytest.raises(ValueError, match=r"marked must be among the panels \['codes'\], got \['other'\]"):
        strategic_picture.plots.decomposition({"codes": values}, marked={"other": {0: "fur"}})
