"""The built book, read as a browser would: alternative text, links, no errors, nothing asked of other hosts."""

import re
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

SITE = Path(__file__).parents[2] / "_build" / "html"
# Pages with content; _static has templates, _sources the chapters' source, and of the pages of code, which are alike, one is
# enough.
CODE = SITE / "_modules" / "supertoy" / "training.html"
FOLDERS = ("_static", "_sources", "_modules")
PAGES = sorted({path for path in SITE.rglob("*.html") if path.relative_to(SITE).parts[0] not in FOLDERS} | {CODE})
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SITE)))


@cache
def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def content(path: Path) -> BeautifulSoup:
    """The page without the theme's frame around it."""
    page = parse(path)
    return page.find("article") or page


@cache
def names(path: Path) -> set[str]:
    """What a link's #fragment can point to."""
    return {unescape(name) for name in re.findall(r'\s(?:id|name)="([^"]+)"', path.read_text(encoding="utf-8"))}


def other_host(url: str) -> bool:
    return bool(urlsplit(url).netloc)


def test_the_site_is_built():
    assert CODE.exists(), f"there is no built book in {SITE.parent.name}/{SITE.name}; run `make book` first"


@each_page
def test_every_image_has_alternative_text(path):
    silent = []
    for image in content(path).find_all("img"):
        text = image.get("alt", "").strip()
        # Sphinx falls back to the file's path, which tells a listener nothing.
        if not text or text.endswith((".svg", ".png", ".jpg", ".jpeg", ".gif")):
            silent.append(image.get("src"))
    for drawing in content(path).find_all(["svg", "object", "canvas"]):
        hidden = drawing.get("aria-hidden") == "true" or drawing.find_parent(attrs={"aria-hidden": "true"})
        labelled = any(drawing.get(name) for name in ("aria-label", "aria-labelledby"))
        titled = drawing.find("title", recursive=False)
        in_labelled_image = drawing.find_parent(attrs={"role": "img", "aria-label": True})
        if not (hidden or labelled or titled or in_labelled_image):
            silent.append(str(drawing)[:120])
    assert not silent


@each_page
def test_images_say_how_large_they_are_and_wait_until_they_are_needed(path):
    images = content(path).find_all("img")
    assert not [image["src"] for image in images if not (image.get("width") and image.get("height"))]
    assert [image.get("loading") for image in images] == [None, *["lazy"] * (len(images) - 1)][: len(images)]


@each_page
def test_nothing_is_loaded_that_the_page_does_not_use(path):
    unused = ("thebe", "fontawesome.js")
    if path.name != "search.html":
        unused += ("searchindex.js", "searchtools.js")
    tags = parse(path).find_all(["script", "link"])
    assert not [str(tag)[:200] for tag in tags if any(name in str(tag) for name in unused)]


@each_page
def test_internal_links_lead_somewhere(path):
    broken = []
    for tag in parse(path).find_all(["a", "link", "img", "script", "source", "iframe"]):
        url = tag.get("href") or tag.get("src")
        if not url or url == "#" or urlsplit(url).scheme or other_host(url):
            continue
        target, fragment = unquote(urlsplit(url).path), unquote(urlsplit(url).fragment)
        file = (path.parent / target).resolve() if target else path
        if file.is_dir():
            file = file / "index.html"
        if not file.exists() or (fragment and file.suffix == ".html" and fragment not in names(file)):
            broken.append(url)
    assert not broken


@each_page
def test_no_cell_ended_in_an_error_or_wrote_to_stderr(path):
    assert not [tag.get_text()[:500] for tag in parse(path).select(".output.traceback, .output.stderr")]


@each_page
def test_no_reference_was_left_unresolved(path):
    assert not [tag.get_text()[:200] for tag in parse(path).select(".problematic, .system-message")]


@each_page
def test_loading_the_page_asks_no_other_host(path):
    asked = [tag["src"] for tag in parse(path).find_all(["script", "img", "iframe", "source"], src=True)]
    asked += [tag["href"] for tag in parse(path).find_all("link", href=True) if "canonical" not in tag.get("rel", [])]
    assert not [url for url in asked if other_host(url)]


@each_page
def test_the_first_view_waits_for_no_script_but_the_options(path):
    waited_for = [tag["src"] for tag in parse(path).find_all("script", src=True) if not {"defer", "async"} & set(tag.attrs)]
    assert [url for url in waited_for if "documentation_options.js" not in url] == []


def test_one_chapter_shows_each_claim_in_a_table():
    from supertoy import claims

    chapters = {
        path.stem: [row.get_text() for table in parse(path).find_all("table") for row in table.find_all("tr")]
        for path in (SITE / "book").glob("*.html")
        if path.stem != "ledger"  # which shows them all
    }
    for id in claims.registry:
        shown_in = [name for name, rows in chapters.items() if any(id in row and "reproduced" in row for row in rows)]
        assert len(shown_in) == 1, f"{id} is shown in {shown_in}"


def test_a_chapter_says_at_its_top_what_its_tables_say_at_its_end():
    from supertoy import claims

    summarised = 0
    for path in (SITE / "book").glob("*.html"):
        summary = parse(path).select_one(".claims-summary")
        if summary is None:
            continue
        lines = {line.code.get_text(): line.get_text() for line in summary.select("li")}
        shown = {}
        for row in parse(path).select("table tr"):
            cells = [cell.get_text() for cell in row.find_all("td")]
            if len(cells) == 4 and cells[0] in claims.registry:
                shown[cells[0].partition("/")[2]] = cells[3].partition(",")[0]
        assert {name: text.split(" ", 2)[2] for name, text in lines.items()} == shown
        assert summary.find_parent("article").find("figure") not in summary.previous_elements, "a figure comes first"
        assert all(parse(path).find(id=link["href"].removeprefix("#")) for link in summary.select("a"))
        summarised += len(lines)
    assert summarised == len(claims.registry)


def test_captions_stand_beside_their_figures():
    figures = [figure for path in (SITE / "book").glob("*.html") for figure in content(path).find_all("figure")]
    assert len(figures) > 50
    for figure in figures:
        assert "margin-caption" in figure["class"]
        assert figure.figcaption.get_text(strip=True)
