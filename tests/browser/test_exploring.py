"""Explorers of two solutions and of the phase plane, operated in a browser, show what their models do."""

import json
import re

import pytest
import torch
from playwright.sync_api import Browser, Page

import supertoy as st
from supertoy.chapters.geometry.explorer import perturbed_pentagon
from supertoy.chapters.phase_change.explorer import phase_plane


@pytest.fixture(params=[2, 3], ids=["two features", "three features"])
def plane(browser: Browser, request):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(phase_plane(request.param, n_points=5, n_restarts=4).html)
    yield page
    page.close()


@pytest.fixture
def pentagon(browser: Browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(perturbed_pentagon(n_ratios=18).html)
    yield page
    page.close()


def held(page: Page):
    return json.loads(page.evaluate("document.querySelector('script[type=\"application/json\"]').textContent"))


def move(page: Page, selector: str, value: int) -> None:
    page.evaluate(
        """([selector, value]) => {
            const slider = document.querySelector(selector);
            slider.value = value;
            slider.dispatchEvent(new Event("input"));
        }""",
        [selector, value],
    )


def test_the_charts_are_the_outputs_of_the_model_at_the_marker(plane):
    data = held(plane)
    W, b = torch.tensor(data["W"]), torch.tensor(data["b"])
    n = W.shape[2]
    inputs = torch.cat([torch.eye(n), torch.ones(1, n)])
    for at_density, at_ratio in ((0, 0), (0, 4), (1, 2), (3, 1)):
        move(plane, "input.density", at_density)
        move(plane, "input.ratio", at_ratio)
        k = 5 * at_density + at_ratio
        model = st.ReLUOutputModel(1, n, n - 1).requires_grad_(False).like({"W": W[k : k + 1], "b": b[k : k + 1]})
        outputs = model(torch.cat([0 * inputs, inputs, 0.37 * inputs])[None])[0]
        drawn = plane.evaluate(
            """n => [...document.querySelectorAll(".charts svg")].map(chart => {
                const paths = [...chart.querySelectorAll("path")];
                // The last is the input itself, and before it come the outputs; its ends are 0 and 1.
                return paths.slice(-n - 1).map(path => path.getAttribute("d"));
            })""",
            n,
        )
        assert len(drawn) == n + 1
        for chart, (*curves, itself) in enumerate(drawn):
            (left, bottom), (right, top) = points(itself)
            for feature, curve in enumerate(curves):
                x = [(px - left) / (right - left) for px, _ in points(curve)]
                y = [(py - bottom) / (top - bottom) for _, py in points(curve)]
                at_zero, at_one, between = outputs[chart :: n + 1, feature].tolist()
                assert (y[0], y[-1]) == pytest.approx((at_zero, at_one), abs=0.003)
                assert interpolated(0.37, x, y) == pytest.approx(between, abs=0.005)


def points(path: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point)) for point in re.findall(r"([\d.-]+) ([\d.-]+)", path)]


def interpolated(at: float, x, y) -> float:
    k = max(k for k in range(len(x) - 1) if x[k] <= at)
    return y[k] + (y[k + 1] - y[k]) * (at - x[k]) / (x[k + 1] - x[k])


def test_a_click_on_the_map_moves_both_sliders_and_a_key_one(plane):
    plane.locator(".map").click(position={"x": 60, "y": 40})  # dense and important, in a corner
    assert plane.get_attribute("input.density", "aria-valuetext") == "density 1, sparsity 0"
    assert plane.get_attribute("input.ratio", "aria-valuetext") == "relative importance 10"
    assert plane.inner_text(".status").startswith(
        "Density 1, relative importance 10: the extra feature is in a dimension of"
    )
    plane.focus("input.density")
    plane.keyboard.press("ArrowRight")
    assert plane.get_attribute("input.density", "aria-valuetext") == "density 0.316, sparsity 0.684"
    assert plane.get_attribute("input.ratio", "aria-valuetext") == "relative importance 10"


def test_the_cheapest_candidate_is_marked(plane):
    data = held(plane)
    for at_density, at_ratio in ((0, 0), (4, 2)):
        move(plane, "input.density", at_density)
        move(plane, "input.ratio", at_ratio)
        losses = [losses[5 * at_density + at_ratio] for losses in data["candidateLoss"]]
        marked = plane.locator("tr.best").all_inner_texts()
        assert len(marked) == 1
        assert marked[0].startswith(data["candidates"][losses.index(min(losses))])
        assert "best" in marked[0]


def test_the_solution_of_lower_loss_is_named_and_drawn_in_full(pentagon):
    data = held(pentagon)
    for k, ratio in enumerate(data["ratio"]):
        move(pentagon, "input.frame", k)
        digons_are_best = ratio < data["crossing"]
        said = pentagon.inner_text(".status")
        assert said.split(": ")[1].startswith("two digons" if digons_are_best else "pentagon")
        assert f"loss {data['loss'][digons_are_best][k]:.3g}".rstrip("0") in said
        outlines = pentagon.locator(".features path").evaluate_all("all => all.map(p => p.getAttribute('stroke-dasharray'))")
        assert [dashes == "none" for dashes in outlines] == [not digons_are_best, digons_are_best]


def test_ratios_are_said_as_the_paper_does(pentagon):
    said = []
    for k in (0, 6, 10, 13):
        move(pentagon, "input.frame", k)
        said.append(pentagon.get_attribute("input.frame", "aria-valuetext"))
    assert said == [
        "10 times sparser than the others",
        "2.5 times sparser than the others",
        "as dense as the others",
        "2 times denser than the others",
    ]


def test_a_click_on_the_chart_moves_the_slider(pentagon):
    box = pentagon.locator(".loss").bounding_box()
    pentagon.locator(".loss").click(position={"x": box["width"] - 10, "y": box["height"] / 2})
    assert pentagon.input_value("input.frame") == "17"


def test_nothing_is_wider_than_a_phone(plane, pentagon):
    for page in (plane, pentagon):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
