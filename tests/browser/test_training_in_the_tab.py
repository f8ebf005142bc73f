"""The landing page trains in the reader's own tab, and gets as far as `train` does."""

import json

import pytest
import torch
from playwright.sync_api import Browser, Page

import supertoy as st
from supertoy.chapters.index.explorer import opening

pytestmark = pytest.mark.xdist_group("training")  # in one tab

DENSITIES = [1.0, 0.3, 0.1, 0.03, 0.01]
A_MINUTE_OR_TWO = 120_000  # milliseconds: a few seconds on a machine that does nothing else


@pytest.fixture(scope="module")
def page(browser: Browser):
    page = browser.new_page()
    page.set_content(opening(densities=torch.tensor(DENSITIES), n_restarts=4).html)
    yield page
    page.close()


def trained(page: Page, n: int, p: float) -> st.ReLUOutputModel:
    """What the tab has trained after a click."""
    page.evaluate(
        """([n, k]) => {
            const move = (selector, value) => {
                const slider = document.querySelector(selector);
                slider.value = value;
                slider.dispatchEvent(new Event("input"));
            };
            move("input.frame", k);
            move("input.n", n);
        }""",
        [n, DENSITIES.index(p)],
    )
    page.click("button.train")
    page.wait_for_function("document.querySelector('.supertoy-opening').dataset.trained", timeout=A_MINUTE_OR_TWO)
    found = json.loads(page.evaluate("document.querySelector('.supertoy-opening').dataset.trained"))
    assert (found["n"], found["p"]) == (n, pytest.approx(p))
    model = st.ReLUOutputModel(1, n, 2, dtype=torch.float64).requires_grad_(False)
    W, b = (torch.tensor(found[name], dtype=torch.float64) for name in ("W", "b"))
    return model.like({"W": W.T[None], "b": b[None]})


@pytest.mark.parametrize(("n", "p"), [(3, 1.0), (5, 0.1), (7, 0.3), (9, 0.03), (9, 0.01)])
def test_it_reaches_the_loss_of_train_within_a_hundredth(page, n, p):
    data, importance = st.Independent(n, p), 0.9 ** torch.arange(n)
    here = st.ReLUOutputModel(1, n, 2, seed=0)
    best = st.train(here, data, importance=importance, n_restarts=64).loss.item()
    of_the_tab = st.expected_loss(trained(page, n, p), data, importance=importance.double()).item()
    assert of_the_tab <= 1.01 * best


def test_moving_the_sparsity_stops_it(page):
    page.click("button.train")
    page.wait_for_function("document.querySelector('.result').textContent.startsWith('Step')")
    page.focus("input.frame")
    page.keyboard.press("ArrowLeft")
    said = page.inner_text(".result")
    page.wait_for_timeout(300)
    assert page.inner_text(".result") == said
    assert page.evaluate("document.querySelector('.supertoy-opening').dataset.trained") is None
