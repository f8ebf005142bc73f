"""Explorers that a kernel trains again: controls for what was asked, the page where there is none."""

import pytest
import torch

from supertoy.chapters.index.explorer import opening, retrain
from supertoy.explore import Explorer


def make(n_features: int = 5, *, importance: float = 0.9, seed: int = 0, title) -> Explorer:
    return Explorer(f"<p>{n_features}, {importance}</p>", f"{n_features} features")


def titled(n_features: int = 5, *, importance: float = 0.9, seed: int = 0) -> Explorer:
    return make(n_features, importance=importance, seed=seed, title="")


def test_it_starts_with_the_defaults_and_has_the_controls_asked_for():
    shown = retrain(titled, n_features=(2, 9), importance=(0.5, 1.0))
    features, importance, button, _ = shown.controls.children
    assert (features.value, features.min, features.max) == (5, 2, 9)
    assert (importance.value, importance.min, importance.max) == (0.9, 0.5, 1)
    assert button.description == "Train again"
    assert shown.explorer.html == "<p>5, 0.9</p>"


def test_the_button_makes_another_one():
    shown = retrain(titled, n_features=(2, 9))
    shown.controls.children[0].value = 7
    shown.controls.manual_button.click()
    assert shown.controls.result.html == "<p>7, 0.9</p>"


def test_a_page_has_the_explorer_and_a_live_notebook_the_widget():
    bundle = retrain(titled, n_features=(2, 9))._repr_mimebundle_()
    assert bundle["text/html"] == "<p>5, 0.9</p>"
    assert bundle["text/plain"] == "<5 features>"
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("name", ["n_hidden", "title"])
def test_a_control_for_what_has_no_default_is_refused(name):
    with pytest.raises(ValueError, match=f"controls must be for parameters with a default of make, got {name}"):
        retrain(make, **{name: (1, 2)})


def test_a_real_one_trains_again():
    shown = retrain(small_opening, importance=[0.9, 0.5])
    shown.controls.children[0].value = 0.5
    shown.controls.manual_button.click()
    assert '"importance":0.5' in shown.controls.result.html


def small_opening(importance: float = 0.9) -> Explorer:
    return opening(3, importance=importance, densities=torch.tensor([1.0, 0.1]), n_restarts=4)
