"""The phase plane shows models that were trained there, what they make of their inputs, and the theory as it is."""

import json
import re

import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.colors import to_hex
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.phase_change import phases
from supertoy.chapters.phase_change.explorer import phase_plane
from supertoy.plots.style import SUPERPOSITION

N_POINTS = 16


@pytest.fixture(scope="module")
def two():
    return phase_plane(n_points=N_POINTS)


@pytest.fixture(scope="module")
def three():
    return phase_plane(3, n_points=9, n_restarts=16)


def parse(shown):
    return BeautifulSoup(shown.html, "html.parser")


def data(shown):
    return json.loads(parse(shown).find("script", type="application/json").string)


def plane(held):
    """Density and ratio of every point."""
    return torch.cartesian_prod(*(torch.tensor(held[name], dtype=torch.float64) for name in ("density", "ratio"))).T


def model(held):
    W, b = torch.tensor(held["W"], dtype=torch.float64), torch.tensor(held["b"], dtype=torch.float64)
    return st.ReLUOutputModel(1, W.shape[2], W.shape[1], dtype=torch.float64).requires_grad_(False).like({"W": W, "b": b})


def test_the_grid_is_the_papers(two):
    held = data(two)
    assert (held["density"][0], held["density"][-1]) == (1, 0.01)
    assert (held["ratio"][0], held["ratio"][-1]) == (0.1, 10)
    assert [len(held[name]) for name in ("W", "b", "loss", "phase", "cells")] == [N_POINTS**2] * 5


@pytest.mark.parametrize("n", [2, 3])
def test_phases_are_those_of_the_theory_away_from_its_borders(n, two, three):
    held = data(two if n == 2 else three)
    theory, gap = phases.theoretical_phase(n, *plane(held).unbind())
    agree = theory == torch.tensor(held["phase"])
    away = gap > 0.1
    assert away.sum() > 0.8 * len(away)
    assert agree[away].double().mean() > 0.97
    assert torch.equal(phases.phase_of(model(held).W), torch.tensor(held["phase"]))


@pytest.mark.parametrize("n", [2, 3])
def test_weights_and_biases_have_the_loss_that_stands_beside_them(n, two, three):
    held = data(two if n == 2 else three)
    density, ratio = plane(held)
    importance = torch.ones(len(ratio), n, dtype=torch.float64)
    importance[:, -1] = ratio
    expected = st.expected_loss(model(held), st.Independent(n, density[:, None]), importance=importance, rtol=1e-3)
    assert_close(torch.tensor(held["loss"], dtype=torch.float64), expected, rtol=0.01, atol=0)


@pytest.mark.parametrize("n", [2, 3])
def test_candidates_cost_what_the_theory_says_and_training_finds_nothing_worse(n, two, three):
    held = data(two if n == 2 else three)
    losses = torch.tensor(held["candidateLoss"], dtype=torch.float64)
    assert_close(losses, phases.candidate_losses(n, *plane(held).unbind()), rtol=0.01, atol=0)
    assert held["candidates"] == [candidate.name for candidate in phases.CANDIDATES[n]]
    worse = torch.tensor(held["loss"]) > 1.05 * losses.amin(0)
    assert worse.double().mean() < 0.03


@pytest.mark.parametrize("n", [2, 3])
def test_borders_are_where_two_candidates_cost_the_same_and_the_others_more(n, two, three):
    held = data(two if n == 2 else three)
    points = torch.tensor([point for border in held["borders"] for point in border], dtype=torch.float64)
    lowest = phases.candidate_losses(n, *(10**points).unbind(1)).sort(0).values
    assert_close(lowest[1], lowest[0], rtol=0.03, atol=0)
    # They meet in the triple point, and reach the edges of the plane.
    assert (points - torch.tensor([4 / 7, 1.0], dtype=torch.float64).log10()).norm(dim=1).min() < 0.03
    assert points[:, 0].max() == 0
    assert points[:, 1].min() == -1
    assert points[:, 1].max() == 1


def test_cells_have_the_colours_of_the_chapters_figure(two):
    cells = data(two)["cells"]
    dense_and_unimportant, dense_and_important = cells[0], cells[N_POINTS - 1]
    assert dense_and_unimportant == "#ffffff"
    assert dense_and_important == to_hex(SUPERPOSITION(0.0))
    assert cells[-N_POINTS // 2] == to_hex(SUPERPOSITION(1.0))  # the sparsest of equal importance


def test_one_sign_is_drawn_of_a_model_that_has_two(two):
    W = model(data(two)).W[:, 0]
    assert (W[:, 0] >= W[:, 1]).all()


def test_of_features_that_are_alike_the_second_shares_with_the_extra_one_and_the_first_is_dropped(three):
    held = data(three)
    W, phase = model(held).W, torch.tensor(held["phase"])
    gram = W.mT @ W
    best = torch.tensor(held["candidateLoss"]).argmin(0)
    pair, dropped = ((best == k) & (phase == phases.CANDIDATES[3][k].phase) for k in (1, 3))
    assert pair.sum() > 10
    assert dropped.sum() > 2
    assert (gram[pair, 1, 2] <= gram[pair, 0, 2] + 1e-3).all()  # near the triple point they form a triangle
    assert (gram[dropped, 0, 0] < gram[dropped, 1, 1]).all()


def test_it_says_in_one_line_what_it_is(two, three):
    assert repr(two) == "<Phase plane: 16 densities, 16 importances, 2 features in 1 dimension>"
    assert repr(three) == "<Phase plane: 9 densities, 9 importances, 3 features in 2 dimensions>"


def test_the_same_arguments_give_the_same_page_and_another_seed_another():
    small = {"n_points": 3, "n_restarts": 2}
    assert phase_plane(**small).html == phase_plane(**small).html
    assert phase_plane(**small).html != phase_plane(**small, seed=1).html


def test_the_largest_page_is_small():
    assert len(phase_plane(3, n_restarts=1).html.encode()) < 150_000


def test_a_page_asks_no_other_host_and_may_hold_several(three):
    assert not re.search(r"https?:|//\w|@import|url\(|\b(src|href)\b|fetch\(", three.html)
    assert not parse(three).find_all(id=True)


def test_who_cannot_see_or_cannot_point_is_told_and_has_keys(two):
    page = parse(two)
    labels = [drawing["aria-label"] for drawing in page.find_all("svg", role="img")]
    title = "Two features in one dimension"
    assert labels == [f"{title}: map of what becomes of the extra feature", f"{title}: weights"]
    sliders = [label.get_text().strip() for label in page.find_all("label") if label.find("input", type="range")]
    assert sliders == ["Relative importance", "Density, falling"]
    assert page.find(attrs={"aria-live": "polite"})
    assert page.find("table").find("caption")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_features": 4}, "n_features must be 2 or 3, got 4"),
        ({"n_points": 1}, "n_points must be at least 2, got 1"),
        ({"n_restarts": 0}, "n_restarts must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_trained_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        phase_plane(**changed)
