"""The built book in a browser: nothing fails, everything can be read, moved and found, and little has to be loaded."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SITE, row
from tests.browser.visit import TIMEOUT, Visit, opened, visit

# Of the pages that are made of docstrings and of code, of one mould each: those with most on them, and of claims.
SAMPLED = {
    "book/package": (
        "supertoy.html",
        "supertoy.data.html",
        "supertoy.models.html",
        "supertoy.chapters.phase_change.claims.html",
        "supertoy.chapters.phase_change.phases.html",
    ),
    "_modules": ("supertoy/data.html",),
}


def is_looked_at(path: str) -> bool:
    """Whether a page is one to look at.

    _static has templates and _sources the chapters' source; the file at the root only leads to the landing page.
    """
    if path.startswith(("_static/", "_sources/")) or path == "index.html":
        return False
    for folder, names in SAMPLED.items():
        if path.startswith(f"{folder}/"):
            return path in [f"{folder}/{name}" for name in names]
    return True


PAGES = sorted(filter(is_looked_at, (path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))))
LANDING = "book/index.html"


def test_the_site_is_built():
    assert LANDING in PAGES, f"there is no built book in {SITE.parent.name}/{SITE.name}; run `make book` first"
    assert {f"{folder}/{name}" for folder, names in SAMPLED.items() for name in names} <= {*PAGES}


@pytest.mark.parametrize("path", PAGES)
def test_page(browser: Browser, home: str, path: str, record_property: Callable[[str, str], None]):
    seen = visit(browser, home, path)
    record_property("measured", row(path, seen))
    assert not seen.wrong(), "\n".join(seen.wrong())


def test_explorers_were_among_what_was_tried(home: str, browser: Browser):
    with opened(browser, home, "book/dynamics.html") as (page, _):
        assert page.evaluate("inPage.nSliders()") >= 1


@pytest.fixture(params=["server", "folder"])
def landing(request: pytest.FixtureRequest, browser: Browser, home: str) -> Iterator[tuple[Page, Visit]]:
    """The landing page, once from a server and once from a folder without one, as after unpacking an archive."""
    with opened(browser, home if request.param == "server" else f"{SITE.as_uri()}/", LANDING) as both:
        yield both


def test_search_finds_the_pages_with_a_word(landing):
    page, seen = landing
    page.keyboard.press("Control+k")
    page.keyboard.type("antipodal")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a")
    expect(found.first).to_be_visible(timeout=TIMEOUT)
    page.wait_for_load_state("networkidle")  # it reads what it found, to show a part of it
    found.first.click()
    expect(page.locator("article")).to_contain_text("antipodal", ignore_case=True, timeout=TIMEOUT)
    assert not seen.wrong()


@pytest.mark.parametrize("path", PAGES)
def test_page_in_a_folder_needs_no_server(browser: Browser, path: str):
    with opened(browser, f"{SITE.as_uri()}/", path) as (page, seen):
        page.evaluate("inPage.scrollThrough()")
        complaints = [*page.evaluate("inPage.maths()"), *page.evaluate("inPage.images()")]
    assert not seen.wrong() + complaints


def test_the_root_leads_to_the_landing_page(browser: Browser, home: str):
    page = browser.new_page()
    page.goto(home)
    page.wait_for_url(home + LANDING)
    page.close()
