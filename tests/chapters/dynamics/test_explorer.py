"""Explorers of training hold what they were given, and need nothing from elsewhere."""

import dataclasses
import json
import math
import re

import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.colors import to_hex

from supertoy.chapters.dynamics.explorer import trajectory
from supertoy.plots import LINES

N_STEPS, N_FEATURES = 100, 6
STEPS = range(0, 10 * N_STEPS, 10)
LOSS = torch.logspace(0, -7, N_STEPS)


def walk(n_dimensions, n_steps=N_STEPS, n_features=N_FEATURES):
    return torch.randn(n_steps, n_features, n_dimensions, generator=torch.Generator().manual_seed(0)).cumsum(0)


def parse(shown):
    return BeautifulSoup(shown.html, "html.parser")


def data(shown):
    return json.loads(parse(shown).find("script", type="application/json").string)


def test_a_notebook_shows_a_drawing_and_a_terminal_one_line():
    shown = trajectory(walk(3), STEPS, LOSS, title="Walk")
    bundle = shown._repr_mimebundle_()
    assert bundle == {"text/html": shown.html, "text/plain": "<Trajectory: 100 steps, 6 features, 3 dimensions>"}
    assert repr(shown) == bundle["text/plain"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.html = ""


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_the_page_holds_the_numbers_to_three_digits(n_dimensions):
    points = walk(n_dimensions)
    held = data(trajectory(points, STEPS, LOSS, title="Walk"))
    assert torch.allclose(torch.tensor(held["points"]), points, rtol=0, atol=0.00051)
    assert held["points"][3][1] == [round(x, 3) for x in points[3, 1].tolist()]
    assert held["steps"] == list(STEPS)
    assert held["loss"] == pytest.approx(LOSS.tolist(), rel=0.005)
    assert held["stages"] is None


def test_features_of_a_set_share_a_colour_and_others_do_not():
    points = walk(2)
    blue, orange, green = (to_hex(colour) for colour in LINES[:3])
    by_set = data(trajectory(points, STEPS, LOSS, sets=[7, 7, 2, 7, 2, 0], title="Walk"))["colours"]
    assert by_set == [blue, blue, orange, blue, orange, green]
    assert len(set(data(trajectory(points, STEPS, LOSS, title="Walk"))["colours"])) == N_FEATURES


def test_words_arrive_as_they_were_written_and_never_as_markup():
    title, stages = 'Walk & "<b>$data</b>"', ["</script><b>", "<!-- calm"] * (N_STEPS // 2)
    shown = trajectory(walk(3), STEPS, LOSS, stages=stages, title=title)
    page = parse(shown)
    assert page.find(class_="title").string == title
    assert data(shown)["stages"] == stages
    assert not page.find("b")
    assert len(page.find_all("script")) == 2


def test_the_same_arguments_give_the_same_page():
    def draw():
        return trajectory(walk(3), STEPS, LOSS, sets=[0, 0, 1, 1, 2, 2], title="Walk").html

    assert draw() == draw()


def test_zero_has_no_sign():
    assert "-0.0" not in json.dumps(data(trajectory(-torch.zeros(2, 1, 2), [0, 1], torch.ones(2), title="Rest"))["points"])


def test_a_page_asks_no_other_host_and_may_hold_several():
    shown = trajectory(walk(3), STEPS, LOSS, title="Walk")
    assert not re.search(r"https?:|//\w|@import|url\(|\b(src|href)\b|fetch\(", shown.html)
    assert not parse(shown).find_all(id=True)


def test_a_hundred_steps_are_a_small_page():
    assert len(trajectory(walk(3), STEPS, LOSS, stages=["growing"] * N_STEPS, title="Walk").html.encode()) < 80_000


def test_who_cannot_see_or_cannot_point_is_told_and_has_keys():
    page = parse(trajectory(walk(3), STEPS, LOSS, title="Walk"))
    labels = [drawing["aria-label"] for drawing in page.find_all("svg", role="img")]
    assert labels == ["Walk: 6 features in 3 dimensions", "Walk: loss against step"]
    assert page.find("label").find("input", type="range")
    assert page.find("button", type="button").string == "Play"
    assert page.find(attrs={"aria-live": "polite"})


def test_without_scripts_there_is_a_sentence_and_no_dead_control():
    page = parse(trajectory(walk(2), STEPS, LOSS, title="Walk"))
    assert "needs JavaScript" in page.find("noscript").get_text()
    assert all(control.find_parent(hidden=True) for control in page.find_all(["svg", "button", "input"]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": walk(4)}, r"points must be \[step, feature, 2 or 3 dimensions\], got shape \[100, 6, 4\]"),
        ({"points": walk(2)[:1], "loss": LOSS[:1], "steps": [0]}, "points must have 2 steps and 1 feature at least, got 1 "),
        ({"points": walk(2)[:, :0]}, "points must not be empty"),
        ({"points": walk(2) / torch.tensor([1.0, 0.0])}, "points must be finite; got -?(inf|nan) at"),
        ({"loss": LOSS * math.nan}, r"loss must be finite; got nan at \[0\]"),
        ({"loss": LOSS - 0.5}, "loss must be positive, for its log axis, got -0.5"),
        ({"steps": range(99)}, "steps must have one entry for each of 100 steps, got 99"),
        ({"steps": range(-1, 99)}, r"steps must be ascending and not negative, got \[-1, 0"),
        ({"steps": [5] * 100}, "steps must rise, got 5 after 5"),
        ({"sets": [0, 1]}, "sets must have one entry for each of 6 features, got 2"),
        ({"stages": ["start"]}, "stages must have one entry for each of 100 steps, got 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed, message):
    arguments = {"points": walk(2), "steps": STEPS, "loss": LOSS} | changed
    with pytest.raises(ValueError, match=message):
        trajectory(**arguments, title="Walk")


def test_shapes_that_do_not_fit_are_refused():
    # By the types, where they are checked at run time.
    for changed in ({"points": walk(2)[0]}, {"loss": LOSS[1:]}):
        arguments = {"points": walk(2), "steps": STEPS, "loss": LOSS} | changed
        with pytest.raises((ValueError, TypeError), match=r"must|Type-check"):
            trajectory(**arguments, title="Walk")
