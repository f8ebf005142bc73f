"""The built reference: every public name has an entry with its shapes and its source, and the search finds it."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils.nodes import make_id
from reference import home, modules, offered

from supertoy.claims import registry
from tests.project.test_reference import OBJECTS, each_module, objects

SITE = Path(__file__).parents[2] / "_build" / "html"
PAGES = SITE / "book" / "package"


def text(module: str) -> str:
    return (PAGES / f"{module}.html").read_text(encoding="utf-8")


def entry(name: str) -> BeautifulSoup:
    """The signature of a function, and what is said about it."""
    return BeautifulSoup(text(name.rpartition(".")[0]), "html.parser").find("dt", id=name).parent


def test_every_module_has_a_page_and_every_page_a_module():
    assert {path.stem for path in PAGES.iterdir()} == {*modules()}


def test_the_overview_leads_to_every_module_and_every_name_at_the_top_level():
    overview = (SITE / "book" / "package.html").read_text(encoding="utf-8")
    ids = {f"{module}.html#module-{module}" for module in modules()}
    ids |= {f"{name.rpartition('.')[0]}.html#{name}" for name in offered("supertoy")}
    assert not [id for id in ids if f'href="package/{id}"' not in overview]


@each_module
def test_every_public_name_has_an_entry(module):
    page = text(module)
    assert not [name for name, _ in objects(module) if f'id="{name}"' not in page]


@each_module
def test_every_function_links_its_source(module):
    page = text(module)
    for name, value in objects(module):
        if home(value):
            code = f"_modules/{value.__module__.replace('.', '/')}.html#{value.__qualname__}"
            assert f'{code}"' in page, f"{name} does not link {code}"


def test_shapes_look_as_in_the_source():
    signature = entry("supertoy.measures.feature_norms").find("dt").get_text()
    assert "W: Float[Tensor, 'instance hidden feature']" in " ".join(signature.split())


def test_names_in_docstrings_are_links():
    assert entry("supertoy.training.train").find("a", href="#supertoy.training.TrainingOptions")
    assert entry("supertoy.training.Record").find("a", href="supertoy.loss.html#supertoy.loss.expected_loss")


def test_judges_show_their_claims_and_link_their_figures():
    for claim in registry.values():
        about = entry(home(claim.judge))
        assert claim.id in about.get_text()
        assert about.select(f'a[href$="#{make_id(claim.figure)}"]'), f"{claim.id} does not link {claim.figure}"


def test_the_search_finds_names_and_pages():
    index = (SITE / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    found = {f"{prefix}.{entry[4]}" for prefix, names in index["objects"].items() for entry in names}
    assert not OBJECTS.keys() - found
    assert {f"book/package/{module}" for module in modules()} <= {*index["docnames"]}


@pytest.mark.parametrize("folder", ["book/package", "_modules"])
def test_pages_load_fast(folder):
    sizes = {path.name: path.stat().st_size for path in (SITE / folder).rglob("*.html")}
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > 1e6}
