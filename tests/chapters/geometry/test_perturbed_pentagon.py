"""The perturbed pentagon shows two solutions, turned alike, whose losses cross where the geometry chapter finds it."""

import inspect
import json
import math
import re

import pytest
import torch
from bs4 import BeautifulSoup

from supertoy.chapters.geometry.explorer import perturbed_pentagon
from supertoy.rotations import aligned

P = 0.05
AT_ONE = 10  # number of the ratio 1 among 18 from 0.1 to 5


@pytest.fixture(scope="module")
def shown():
    return perturbed_pentagon(P, n_ratios=18)


@pytest.fixture(scope="module")
def held(shown):
    return data(shown)


def parse(shown):
    return BeautifulSoup(shown.html, "html.parser")


def data(shown):
    return json.loads(parse(shown).find("script", type="application/json").string)


def found(held, solution):
    """Which ratios a solution was found at, and its W there."""
    points = held["points"][solution]
    at = [k for k, frame in enumerate(points) if frame is not None]
    return torch.tensor(held["ratio"], dtype=torch.float64)[at], torch.tensor([points[k] for k in at]).mT


def test_the_fifth_is_a_tenth_to_five_times_as_dense_and_there_are_enough_steps_by_default(held):
    assert held["ratio"][0] == 0.1
    assert held["ratio"][AT_ONE] == 1
    assert held["ratio"][-1] == 5.01
    assert inspect.signature(perturbed_pentagon).parameters["n_ratios"].default >= 30


def test_alike_features_form_a_regular_pentagon_with_the_fifth_to_the_right(held):
    W = torch.tensor(held["points"][0][AT_ONE])
    angle = torch.rad2deg(torch.atan2(W[:, 1], W[:, 0]))
    wanted = torch.tensor([72.0, 144.0, -144.0, -72.0, 0.0])
    assert (angle - wanted).abs().max() < 2
    assert (W.norm(dim=1) - W.norm(dim=1).mean()).abs().max() < 0.02
    assert W.norm(dim=1).mean() > 1  # which makes up for the negative bias


def test_the_others_move_away_from_a_denser_feature_and_towards_a_sparser_one(held):
    ratio, W = found(held, 0)
    angle = torch.rad2deg(torch.atan2(W[:, 1], W[:, 0]))
    away = (angle[:, [0, 3]] - angle[:, 4:]).abs().mean(1)
    assert (away[ratio >= 1.9] > 73).all()
    assert (away[ratio <= 0.51] < 71).all()


def test_two_digons_lie_on_diagonals_and_leave_the_fifth_out(held):
    ratio, W = found(held, 1)
    assert ratio[0] == 0.1
    directions = W[:, :, :4] / W[:, :, :4].norm(dim=1, keepdim=True)
    cosine = directions.mT @ directions
    assert (cosine[:, [0, 1], [2, 3]] < -0.99).all()
    assert cosine[:, [0, 1, 2, 3], [1, 2, 3, 0]].abs().max() < 0.2
    assert W[:, :, 4].norm(dim=1).max() < 0.5
    # Each digon errs when both of its features are active, and the fifth is answered by its mean or not at all.
    fifth = P * ratio
    losses = [held["loss"][1][k] for k in range(18) if held["loss"][1][k] is not None]
    best, worst = 2 * P**2 / 3 + fifth / 3 - fifth**2 / 4, 2 * P**2 / 3 + fifth / 3
    for loss, low, high in zip(losses, best.tolist(), worst.tolist(), strict=True):
        assert 0.99 * low < loss < 1.01 * high


def test_both_solutions_stand_side_by_side_around_the_crossing_and_each_ends_somewhere(held):
    pentagon, digons = ([loss is not None for loss in held["loss"][k]] for k in (0, 1))
    assert (pentagon[0], digons[0]) == (False, True)
    assert (pentagon[-1], digons[-1]) == (True, False)
    around = [k for k, ratio in enumerate(held["ratio"]) if 0.7 < ratio / held["crossing"] < 1.4]
    assert len(around) >= 2
    assert all(pentagon[k] and digons[k] for k in around)
    for k in around:
        is_pentagon_best = held["loss"][0][k] < held["loss"][1][k]
        assert is_pentagon_best == (held["ratio"][k] > held["crossing"])


def test_the_losses_cross_where_the_chapter_finds_it(held):
    assert 3.5 < 1 / held["crossing"] < 4


def test_denser_features_cross_nearer_to_equality():
    assert 2.2 < 1 / data(perturbed_pentagon(0.1, n_ratios=18))["crossing"] < 2.5


def test_without_a_ratio_at_which_both_are_found_there_is_no_crossing():
    ends = data(perturbed_pentagon(n_ratios=2))
    assert [[loss is None for loss in losses] for losses in ends["loss"]] == [[True, False], [False, True]]
    assert ends["crossing"] is None


def test_neighbouring_frames_are_turned_alike(held):
    for solution in (0, 1):
        _, W = found(held, solution)
        assert torch.allclose(aligned(W), W, atol=0.01)
        assert (W[1:] - W[:-1]).norm(dim=1).max() < 0.35


def test_it_says_in_one_line_what_it_is(shown):
    assert repr(shown) == "<Perturbed pentagon: 18 densities, 5 features, 2 dimensions>"


def test_the_same_arguments_give_the_same_page_and_another_seed_another():
    assert perturbed_pentagon(n_ratios=2).html == perturbed_pentagon(n_ratios=2).html
    assert perturbed_pentagon(n_ratios=2).html != perturbed_pentagon(n_ratios=2, seed=1).html


def test_a_page_is_small_asks_no_other_host_and_may_hold_several(shown):
    assert len(shown.html.encode()) < 40_000
    assert not re.search(r"https?:|//\w|@import|url\(|\b(src|href)\b|fetch\(", shown.html)
    assert not parse(shown).find_all(id=True)


def test_who_cannot_see_or_cannot_point_is_told_and_has_keys(shown):
    page = parse(shown)
    labels = [drawing["aria-label"] for drawing in page.find_all("svg", role="img")]
    title = "A pentagon with one feature of another density"
    assert labels == [f"{title}: directions of the features", f"{title}: loss of both solutions"]
    assert page.find("label").find("input", type="range")
    assert page.find("button", type="button").string == "Play"
    assert page.find(attrs={"aria-live": "polite"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"density": 0.0}, r"density must lie in \(0, 1\]; got 0"),
        ({"density": math.nan}, "density must be finite, got nan"),
        ({"density": 0.2}, "density must be at most 0.1, or other solutions are the best, got 0.2"),
        ({"n_ratios": 1}, "n_ratios must be at least 2, got 1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_trained_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        perturbed_pentagon(**changed)
