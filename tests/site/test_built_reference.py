"""The built reference: every public name has an entry with its shapes and its source, and the search finds it."""

import json
from pathlib import Path

import docstrings
import pytest
from bs4 import BeautifulSoup

SITE = Path(__file__).parents[2] / "_build" / "html"
each_module = pytest.mark.parametrize("module", docstrings.modules())


def text(module: str) -> str:
    name = module.removeprefix("supertoy.")
    return (SITE / "book" / "package" / f"{name}.html").read_text(encoding="utf-8")


def entry(name: str) -> BeautifulSoup:
    """The signature of a function, and what is said about it."""
    return BeautifulSoup(text(name.rpartition(".")[0]), "html.parser").find("dt", id=name).parent


@each_module
def test_every_public_name_has_an_entry(module):
    names = [*dict(docstrings.objects(module)), *docstrings.constants(module)]
    page = text(module)
    assert not [name for name in names if f'id="{name}"' not in page]


@each_module
def test_every_function_links_its_source(module):
    page = text(module)
    for name, value in docstrings.objects(module):
        if not docstrings.is_property(value):
            code = f"_modules/{value.__module__.replace('.', '/')}.html#{value.__qualname__}"
            assert f'{code}"' in page, f"{name} does not link {code}"


def test_shapes_look_as_in_the_source():
    signature = entry("supertoy.measures.feature_norms").find("dt").get_text()
    assert 'W: Float[Tensor, "instance hidden feature"]' in " ".join(signature.split())


def test_names_in_docstrings_are_links():
    assert entry("supertoy.training.train").find("a", href="enumeration.html#supertoy._engine.quadrature.quadrature")


def test_a_judge_shows_its_claim_and_links_its_figure():
    about = entry("supertoy.chapters.phase_change.claims.first_order")
    assert "phase/first-order" in about.get_text()
    assert about.find("a", href="../phase_change.html#fig-phase-crossing")


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
