"""The built reference: every public name has an entry with its shapes and its source, and the search finds it."""

import json
from functools import cache
from pathlib import Path

import docstrings
import pytest
from bs4 import BeautifulSoup

SITE = Path(__file__).parents[2] / "_build" / "html"
each_module = pytest.mark.parametrize("module", docstrings.modules())


@cache
def page(module: str) -> BeautifulSoup:
    name = module.removeprefix("supertoy.")
    return BeautifulSoup((SITE / "book" / "package" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@each_module
def test_every_public_name_has_an_entry(module):
    names = [*dict(docstrings.objects(module)), *docstrings.constants(module)]
    assert not [name for name in names if page(module).find("dt", id=name) is None]


@each_module
def test_every_function_links_its_source(module):
    names = [name for name, value in docstrings.objects(module) if not docstrings.is_property(value)]
    links = {name: page(module).find("dt", id=name).select_one('a[href*="_modules/supertoy/"]') for name in names}
    assert not [name for name, link in links.items() if link is None]


def test_shapes_look_as_in_the_source():
    signature = page("supertoy.measures").find("dt", id="supertoy.measures.feature_norms").get_text()
    assert 'W: Float[Tensor, "instance hidden feature"]' in " ".join(signature.split())


def test_names_in_docstrings_are_links():
    text = page("supertoy.penalty").find("dt", id="supertoy.penalty.train_penalised").find_next_sibling("dd")
    assert text.find("a", href="descent.html#supertoy.descent.minimize")


def test_a_judge_shows_its_claim_and_links_its_figure():
    text = page("supertoy.claims.phase").find("dt", id="supertoy.claims.phase.first_order").find_next_sibling("dd")
    assert "phase/first-order" in text.get_text()
    assert text.find("a", href="../phase_change.html#fig-phase-crossing")


def test_the_search_finds_names_and_pages():
    index = (SITE / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    found = {f"{prefix}.{entry[4]}" for prefix, names in index["objects"].items() for entry in names}
    wanted = {name for module in docstrings.modules() for name, _ in docstrings.objects(module)}
    assert not wanted - found
    assert "book/package/training" in index["docnames"]


@pytest.mark.parametrize("folder", ["book/package", "_modules"])
def test_pages_load_fast(folder):
    sizes = {path.name: path.stat().st_size for path in (SITE / folder).rglob("*.html")}
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > 1e6}
