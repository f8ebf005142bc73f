"""The explorer of feature geometry holds what the package measures and finds, in a small page that needs nothing else."""

import json
import re

import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.colors import to_hex

import supertoy as st
from supertoy.chapters.geometry.explorer import feature_geometry
from supertoy.plots import SHAPE_COLOURS
from supertoy.polytopes import POLYTOPES


def shapes(*names, n_features=11, n_hidden=6):
    """W with these shapes in subspaces of their own, and further features that are not represented."""
    W = torch.zeros(n_hidden, n_features)
    solid = torch.block_diag(*[torch.tensor(POLYTOPES[name].T, dtype=torch.float32) for name in names])
    W[: solid.shape[0], : solid.shape[1]] = solid
    return W


P = torch.tensor([1.0, 0.3, 0.1])
PENTAGON_AND_TWO_DIGONS = shapes("pentagon", "digon", "digon")
W = torch.stack([0.3 * torch.eye(6, 11), PENTAGON_AND_TWO_DIGONS, shapes("square antiprism", "own dimension", "digon")])


def tangles(n_settings, n_features, n_hidden):
    W = torch.randn(n_settings, n_hidden, n_features, generator=torch.Generator().manual_seed(0))
    return W / W.norm(dim=1, keepdim=True)


def parse(shown):
    return BeautifulSoup(shown.html, "html.parser")


def data(shown):
    return json.loads(parse(shown).find("script", type="application/json").string)


def factors(held, k):
    """Shape, features, points [member, 2] and edges [edge, 3] of every factor."""
    for factor in held["graphs"][k]:
        name = held["shapes"][factor["shape"]]["names"][0]
        points = torch.tensor(factor["points"]).view(-1, 2).double()
        yield name, factor["features"], points, torch.tensor(factor["edges"]).view(-1, 3)


def test_the_page_holds_what_the_package_measures():
    held = data(feature_geometry(probability=P, W=W))
    assert torch.allclose(torch.tensor(held["dimensionality"]) / 1000, st.feature_dimensionality(W), rtol=0, atol=0.00051)
    assert held["dimensions"] == pytest.approx(st.dimensions_per_feature(W).tolist(), rel=0.005)
    assert held["sparsity"] == pytest.approx((1 / P).tolist(), rel=0.005)


def test_factors_are_found_and_named_largest_first():
    held = data(feature_geometry(probability=P, W=W))
    assert held["graphs"][0] == []  # no norm above 1/2
    assert [(name, features) for name, features, _, _ in factors(held, 1)] == [
        ("pentagon", [0, 1, 2, 3, 4]),
        ("digon", [5, 6]),
        ("digon", [7, 8]),
    ]
    assert [name for name, *_ in factors(held, 2)] == ["square antiprism", "digon", "own dimension"]


def test_lines_join_features_that_interfere_and_say_how_much():
    held = data(feature_geometry(probability=P, W=W))
    gram = PENTAGON_AND_TWO_DIGONS.mT @ PENTAGON_AND_TWO_DIGONS
    for _, features, _, edges in factors(held, 1):
        expected = {
            (features[i], features[j]): gram[features[i], features[j]].abs().item()
            for i in range(len(features))
            for j in range(i)
        }
        found = {(features[max(i, j)], features[min(i, j)]): strength / 100 for i, j, strength in edges.tolist()}
        assert found == pytest.approx(expected, abs=0.0051)


def test_of_very_many_lines_the_strongest_are_kept():
    W = tangles(2, 60, 4)
    held = data(feature_geometry(probability=P[:2], W=W))
    [(name, features, _, edges)] = factors(held, 0)
    assert (name, features) == ("other group", list(range(60)))
    strongest = (W[0].mT @ W[0]).abs().triu(1).flatten().sort(descending=True).values[:300]
    assert torch.allclose(edges[:, 2] / 100, strongest, rtol=0, atol=0.0051)


def test_shapes_look_like_themselves():
    held = data(feature_geometry(probability=P, W=W))
    (_, _, pentagon, _), (_, _, digon, _), _ = factors(held, 1)
    drawn, exact = (torch.pdist(points.double()) for points in (pentagon, torch.tensor(POLYTOPES["pentagon"])))
    assert torch.allclose(drawn / drawn.max(), exact / exact.max(), atol=0.02)
    assert digon[0, 1] == digon[1, 1]
    assert (digon[0] - digon[1]).norm() > 20


def test_an_antiprism_is_seen_as_two_squares_however_it_lies():
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    [(name, _, points, _)] = factors(
        data(feature_geometry(probability=P[:2], W=(turn @ shapes("square antiprism")).expand(2, -1, -1))), 0
    )
    assert name == "square antiprism"
    around = points - points.mean(0)
    assert torch.allclose(around.norm(dim=1), around.norm(dim=1).mean(), rtol=0.02)
    steps = torch.atan2(around[:, 1], around[:, 0]).sort().values.diff()
    assert torch.allclose(steps, torch.tensor(torch.pi / 4, dtype=torch.float64), atol=0.05)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_factors_lie_side_by_side_inside_the_square(k):
    many = torch.block_diag(*[torch.tensor([[1.0, -1.0]])] * 30)
    W_many = torch.stack([torch.nn.functional.pad(each, (0, 49, 0, 24)) for each in W] + [many])
    boxes = [
        (*points.amin(0).tolist(), *points.amax(0).tolist())
        for _, _, points, _ in factors(data(feature_geometry(probability=torch.tensor([1, 0.3, 0.1, 0.05]), W=W_many)), k)
    ]
    assert len(boxes) == (3, 3, 30)[k - 1]
    assert all(min(box) >= 0 and max(box) <= 300 for box in boxes)
    assert all(a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1] for i, a in enumerate(boxes) for b in boxes[:i])


def test_shapes_have_the_colours_of_the_figures_and_their_lines():
    held = {shape["names"][0]: shape for shape in data(feature_geometry(probability=P, W=W))["shapes"]}
    colours = {name: to_hex(colour) for name, colour in SHAPE_COLOURS.items()}
    assert {name: shape["colour"] for name, shape in held.items()} == {"other group": colours.pop("other"), **colours}
    levels = {shape["fraction"]: shape["level"] for shape in held.values() if "level" in shape}
    assert levels == {"1": 1, "3/4": 3 / 4, "2/3": 2 / 3, "1/2": 1 / 2, "2/5": 2 / 5, "3/8": 3 / 8}


def test_settings_come_from_dense_to_sparse():
    backwards = feature_geometry(probability=P.flip(0), W=W.flip(0))
    assert backwards.html == feature_geometry(probability=P, W=W).html


def test_without_weights_models_are_trained():
    model = st.ReLUOutputModel(3, 6, 2, seed=5)
    st.train(model, st.Independent(6, P[:, None]), n_steps=30, n_restarts=1, learning_rate=0.01, seed=5)
    shown = feature_geometry(6, 2, P, n_steps=30, learning_rate=0.01, seed=5)
    assert shown.html == feature_geometry(probability=P, W=model.W).html
    assert repr(shown) == "<Geometry: 3 sparsities, 6 features in 2 dimensions>"


def test_by_itself_it_covers_the_papers_sparsities():
    held = data(feature_geometry(3, 2, n_steps=1))
    assert len(held["sparsity"]) == 40
    assert (held["sparsity"][0], held["sparsity"][-1]) == (1, 100)


def test_forty_settings_of_the_paper_s_size_are_a_page_below_400_kB_however_entangled():
    p, W = 1 / torch.logspace(0, 2, 6), tangles(6, 400, 30)
    two, six = (len(feature_geometry(probability=p[:n], W=W[:n]).html.encode()) for n in (2, 6))
    assert two + (40 - 2) * (six - two) / (6 - 2) < 400_000


def test_a_title_arrives_as_it_was_written_and_never_as_markup():
    title = 'Shapes & "</script><b>$data</b>"'
    page = parse(feature_geometry(probability=P, W=W, title=title))
    assert page.find(class_="title").string == title
    assert not page.find("b")
    assert len(page.find_all("script")) == 2


def test_a_page_asks_no_other_host_and_may_hold_several():
    shown = feature_geometry(probability=P, W=W)
    assert not re.search(r"https?:|//\w|@import|url\(|\b(src|href)\b|fetch\(", shown.html)
    assert not parse(shown).find_all(id=True)


def test_who_cannot_see_or_cannot_point_is_told_and_has_keys():
    page = parse(feature_geometry(probability=P, W=W, title="Shapes"))
    labels = [drawing["aria-label"] for drawing in page.find_all("svg", role="img")]
    assert len(labels) == 3
    assert all(label.startswith("Shapes: ") for label in labels)
    label = page.find("label")
    assert label.get_text().strip() == "1/(1 - S)"
    assert label.find("input", type="range")
    assert page.find("button", type="button").string == "Play"
    assert page.find(attrs={"aria-live": "polite"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"probability": None}, "probability must be given with W"),
        ({"probability": P[:1], "W": W[:1]}, r"probability must have 2 entries or more, all in \(0, 1\], got \[1.0\]"),
        ({"probability": torch.tensor([1, 0.5, 0])}, r"probability must lie in \(0, 1\]"),
        ({"probability": torch.tensor([1, 0.5, torch.nan])}, "probability must be finite"),
        ({"W": W / 0}, "W must be finite"),
        ({"W": W * torch.tensor([1, 0, 1])[:, None, None]}, r"W must hold a feature .* zero at 1 / \(1 - S\) = 3.33"),
        ({"W": None, "n_features": 0}, "n_features must be at least 1, got 0"),
        ({"W": None, "n_steps": 0}, "n_steps must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed, message):
    arguments = {"probability": P, "W": W} | changed
    with pytest.raises(ValueError, match=message):
        feature_geometry(**arguments)


def test_weights_and_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"W must be .* of shape \[2, 6, 11\]; setting is 3 in probability"):
        feature_geometry(probability=P, W=W[:2])
