"""What is drawn is what was measured."""

import io

import numpy as np
import pytest
import torch
from matplotlib.container import BarContainer

import supertoy as st
from supertoy.chapters import superposition


@pytest.fixture
def W():
    return torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))


def test_each_direction_ends_at_its_column(W):
    figure = st.plots.feature_directions(W, importance=0.9 ** torch.arange(5), titles=["a", "b", "c"])
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c"]
    for k, axis in enumerate(figure.axes):
        dots = [line.get_xydata()[0] for line in axis.lines if line.get_marker() == "o"]
        assert np.allclose(sorted(map(tuple, dots)), sorted(map(tuple, W[k].T.tolist())))
        x, _ = axis.get_xlim()
        assert abs(x) > W.norm(dim=1).max()


def test_more_important_features_are_darker(W):
    figure = st.plots.feature_directions(W, importance=0.5 ** torch.arange(5))
    dots = {tuple(line.get_xydata()[0]): line.get_color() for line in figure.axes[0].lines if line.get_marker() == "o"}
    lightness = [sum(dots[tuple(W[0, :, i].tolist())][:3]) for i in range(5)]
    assert lightness == sorted(lightness)


def test_heat_maps_show_the_gram_matrix_and_bars_the_norms(W):
    b = torch.linspace(-1, 1, 15).view(3, 5)
    figure = superposition.plots.weights_and_norms(W, b, titles=["a", "b", "c"])
    heats = [axis for axis in figure.axes if axis.get_title() in ("a", "c") or (axis.get_title() == "b" and axis.child_axes)]
    bars = [axis for axis in figure.axes if any(isinstance(c, BarContainer) for c in axis.containers)]
    assert len(heats) == len(bars) == 3
    shared = st.superposition(W).clamp(0, 1)
    for k in range(3):
        assert np.allclose(heats[k].images[0].get_array(), W[k].T @ W[k])
        assert np.allclose(heats[k].child_axes[0].images[0].get_array()[:, 0], b[k])
        assert heats[k].images[0].get_clim() == (-1, 1)
        patches = bars[k].containers[0].patches
        assert np.allclose([p.get_height() for p in patches], W[k].norm(dim=0))
        colours = [st.plots.SUPERPOSITION(v) for v in shared[k].tolist()]
        assert np.allclose([p.get_facecolor() for p in patches], colours, atol=0.01)


def test_curves_and_shares_follow_their_numbers():
    p, values = torch.tensor([1.0, 0.1, 0.01]), torch.tensor([0.2, 0.5, 0.9])
    axis = st.plots.feature_count(p, {"n = 5": values}).axes[0]
    assert np.allclose(axis.lines[0].get_xydata(), torch.stack([p, values], 1))
    assert axis.xaxis_inverted()
    counts = torch.tensor([2, 5, 9])
    for given in (counts, counts.numpy()):
        assert st.plots.feature_count(p, {"n = 5": given}).axes[0].lines[0].get_ydata().tolist() == [2, 5, 9]
    with pytest.raises(TypeError, match=r"series\['n = 5'\] must be Float.* got bool"):
        st.plots.feature_count(p, {"n = 5": counts > 2})
    terms = torch.tensor([[0.0, 1, 3], [1, 1, 0], [0.5, 0, 0]])
    axis = superposition.plots.loss_terms(p, terms, torch.tensor([4.0, 1.0, 0.5])).axes[0]
    assert np.allclose(axis.lines[0].get_ydata(), [1, 0.5, 1])
    assert len(axis.collections) == 3


def test_flat_faces_show_no_diagonals():
    edges = {"octahedron": 12, "square antiprism": 16, "tetrahedron": 6}
    for name, n_edges in edges.items():
        figure = st.plots.packings([superposition.claims.PACKINGS[name]])
        figure.savefig(io.BytesIO())  # edges are projected when they are drawn
        assert len(figure.axes[0].collections[0].get_segments()) == n_edges


def test_figures_belong_to_nobody_else(W):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    st.plots.feature_directions(W)
    assert plt.get_fignums() == before


def test_bad_arguments_are_refused(W):
    with pytest.raises((ValueError, TypeError)):
        st.plots.feature_directions(torch.ones(1, 3, 4))
    with pytest.raises(ValueError, match="titles must have one entry for each of 3 panels, got 1"):
        st.plots.feature_directions(W, titles=["a"])
    with pytest.raises((ValueError, TypeError)):
        superposition.plots.weights_and_norms(W, torch.zeros(3, 4))
    with pytest.raises(ValueError, match="W must be finite"):
        st.plots.feature_directions(W / 0)
