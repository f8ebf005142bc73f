"""The opening explorer shows what was trained, and says it as precisely as it trained it."""

import json

import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.colors import to_hex

import supertoy as st
from supertoy.chapters.index.explorer import opening
from supertoy.plots.directions import importance_colours
from supertoy.rotations import aligned

DENSITIES = torch.tensor([1.0, 0.5, 0.2, 0.1, 0.05])


@pytest.fixture(scope="module")
def shown():
    return opening(densities=DENSITIES, n_restarts=16)


@pytest.fixture(scope="module")
def data(shown):
    return json.loads(BeautifulSoup(shown.html, "html.parser").find("script", type="application/json").string)


def test_each_frame_is_a_trained_model_of_the_density_that_it_names(data):
    assert data["sparsity"] == [0, 0.5, 0.8, 0.9, 0.95]
    W = torch.tensor(data["points"]).mT
    n_shown = st.n_represented(W).tolist()
    assert (n_shown[0], n_shown[2], n_shown[3]) == (2, 4, 5)  # as the paper's figure shows
    assert n_shown == sorted(n_shown)
    # W alone does not give the loss, but the best bias for it does: no other bias may cost less than what is said.
    for k, density in enumerate(DENSITIES.tolist()):
        model = st.ReLUOutputModel(1, 5, 2).requires_grad_(False).like({"W": W[k : k + 1], "b": torch.zeros(1, 5)})
        expected = st.expected_loss(model, st.Independent(5, density), importance=0.9 ** torch.arange(5))
        assert data["loss"][k] <= 1.001 * expected.item()


def test_neighbouring_frames_are_turned_alike(data):
    W = torch.tensor(data["points"]).mT
    assert torch.allclose(aligned(W), W, atol=0.01)


def test_colours_are_those_of_the_papers_figure(data):
    assert [*data["colours"]] == [str(n) for n in range(2, 10)]
    assert data["colours"]["5"] == [to_hex(c) for c in importance_colours(0.9 ** torch.arange(5))]


def test_it_says_in_one_line_what_it_is(shown):
    assert repr(shown) == "<Opening figure: 5 features in 2 dimensions, 5 densities>"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_features": 1}, "n_features must be 2 to 9, got 1"),
        ({"n_features": 10}, "n_features must be 2 to 9, got 10"),
        ({"importance": 0.0}, "importance must be positive, got 0"),
        ({"densities": torch.tensor([0.1])}, r"densities must fall, within \(0, 1\] at 3 decimals, got \[0.1"),
        ({"densities": torch.tensor([0.1, 0.2])}, "densities must fall"),
        ({"densities": torch.tensor([0.0012, 0.0011])}, "densities must fall"),
        ({"densities": torch.tensor([1.5, 0.2])}, "densities must fall"),
        ({"densities": torch.tensor([0.5, 0.0])}, "densities must fall"),
    ],
)
def test_what_cannot_be_trained_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        opening(**changed)
