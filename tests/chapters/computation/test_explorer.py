"""The explorer of neurons holds a model's weights and what the package says of them, in a small page by itself."""

import json
import re

import pytest
import torch
from bs4 import BeautifulSoup

import supertoy as st
from supertoy.chapters.computation import kinds
from supertoy.chapters.computation.explorer import neurons

DENSITIES = [1, 0.1, 0.01]


def model(W1):
    """Models that compute |x| of each feature by itself, as far as its neurons let them."""
    n_settings, n_hidden, n_features = W1.shape
    W2 = torch.where(W1 != 0, 1 / W1.abs(), 0).mT
    made = st.AbsoluteValueModel(n_settings, n_features, n_hidden)
    return made.like({"W1": W1, "W2": W2, "b": torch.zeros(n_settings, n_features)})


# Two features with two neurons each, and a neuron that does nothing; next one leans on a third feature; next one is left.
EXACT = torch.tensor([[0.0, 2, 0], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 0, 0]])
LEANING = EXACT + torch.tensor([[0.0], [0], [0], [1], [0]]) * torch.tensor([0, 0, 0.5])
W1 = torch.stack([EXACT, LEANING, EXACT * torch.tensor([1.0, 0, 0])])
MODEL, BROKEN = model(W1), model(W1)
BROKEN.W1 = torch.nn.Parameter(W1 / 0)


def parse(shown):
    return BeautifulSoup(shown.html, "html.parser")


def data(shown):
    return json.loads(parse(shown).find("script", type="application/json").string)


def large(n_settings=7, n_features=100, n_hidden=40):
    return model(torch.randn(n_settings, n_hidden, n_features, generator=torch.Generator().manual_seed(0)))


def test_stacks_are_the_weights_of_neurons_rescaled_and_in_order():
    shown = large()
    held = torch.tensor(data(neurons(probability=[1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], model=shown))["weights"])
    rescaled, _ = st.chapters.computation.kinds.rescaled(shown.W1, shown.W2)
    for k, order in enumerate(kinds.by_main_feature(shown.W1)):
        assert torch.allclose(held[k] / 100, rescaled[k, order], rtol=0, atol=0.0051)
    assert held.abs().amax(2).eq(100).all()


def test_neurons_come_by_their_main_features_and_have_their_kinds():
    held = data(neurons(probability=DENSITIES, model=MODEL))
    assert held["weights"][0] == [[-100, 0, 0], [100, 0, 0], [0, 100, 0], [0, -100, 0], [0, 0, 0]]
    assert held["weights"][1][3] == [0, -100, 50]
    assert held["kinds"] == [[0, 0, 0, 0, 2], [0, 0, 0, 1, 2], [0, 0, 2, 2, 2]]


def test_a_feature_counts_as_computed_where_the_model_explains_its_absolute_value():
    held = data(neurons(probability=DENSITIES, model=MODEL))
    settings = [st.Independent(3, p, values=st.values.SIGNED) for p in DENSITIES]
    explained = [st.loss.explained_variance(MODEL.select(slice(k, k + 1)), data) for k, data in enumerate(settings)]
    assert held["computed"] == [int((share > 0.5).sum()) for share in explained]
    assert held["computed"][0] == 2
    assert held["computed"][2] == 1


def test_densities_come_from_dense_to_sparse():
    backwards = neurons(probability=DENSITIES[::-1], model=MODEL.select(torch.tensor([2, 1, 0])))
    shown = neurons(probability=DENSITIES, model=MODEL)
    assert backwards.html == shown.html
    assert data(shown)["density"] == DENSITIES
    assert repr(shown) == "<Neurons: 3 densities, 3 features, 5 neurons>"


def test_without_a_model_one_is_trained_that_computes():
    shown = neurons(3, 6, [1, 0.3], n_starts=4, n_steps=300)
    held = data(shown)
    assert held["computed"] == [3, 3]
    assert held["kinds"] == [[0] * 6] * 2


@pytest.mark.parametrize("changed", [{"seed": 1}, {"n_starts": 8}, {"n_steps": 41}])
def test_training_follows_its_options(changed):
    options = {"n_starts": 2, "n_steps": 40, "seed": 0}
    shown = neurons(3, 6, [1, 0.3], **options)
    assert shown.html == neurons(3, 6, [0.3, 1], **options).html
    assert shown.html != neurons(3, 6, [1, 0.3], **options | changed).html


def test_the_paper_s_size_is_a_page_below_150_kB_however_mixed():
    shown = neurons(probability=[1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], model=large())
    assert len(shown.html.encode()) < 150_000


def test_a_title_arrives_as_it_was_written_and_never_as_markup():
    title = 'Neurons & "</script><b>$data</b>"'
    page = parse(neurons(probability=DENSITIES, model=MODEL, title=title))
    assert page.find(class_="title").string == title
    assert not page.find("b")
    assert len(page.find_all("script")) == 2


def test_a_page_asks_no_other_host_and_may_hold_several():
    shown = neurons(probability=DENSITIES, model=MODEL)
    assert not re.search(r"https?:|//\w|@import|url\(|\b(src|href)\b|fetch\(", shown.html)
    assert not parse(shown).find_all(id=True)


def test_who_cannot_see_or_cannot_point_is_told_and_has_keys():
    page = parse(neurons(probability=DENSITIES, model=MODEL, title="Neurons"))
    labels = [drawing["aria-label"] for drawing in page.find_all("svg", role="img")]
    assert len(labels) == 2
    assert all(label.startswith("Neurons: ") for label in labels)
    sliders = {label.get_text().strip(): label.find("input", type="range") for label in page.find_all("label")}
    assert list(sliders) == ["Density", "Neuron"]
    assert (sliders["Neuron"]["min"], sliders["Neuron"]["max"]) == ("1", "5")
    assert page.find(attrs={"aria-live": "polite"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"probability": [1]}, r"probability must have 2 entries or more, all in \(0, 1\], got \[1\]"),
        ({"probability": [1, 0.1, 0]}, r"probability must lie in \(0, 1\]; got 0"),
        ({"probability": [1, 0.1]}, "model must have one instance for each of 2 densities, got 3"),
        ({"model": BROKEN}, "W1 must be finite"),
        ({"model": model(W1[:, :, :1])}, "model must have two features or more, got 1"),
        ({"model": None, "n_hidden": 0}, "n_hidden must be at least 1, got 0"),
        ({"model": None, "n_steps": 0}, "n_steps must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed, message):
    arguments = {"probability": DENSITIES, "model": MODEL} | changed
    with pytest.raises(ValueError, match=message):
        neurons(**arguments)
