"""Each check of a page finds what it is for, and a page without faults passes them all."""

import os
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.server import serving
from tests.browser.visit import TOPICS, Visit, visit

pytestmark = pytest.mark.xdist_group("checks")  # one process visits the page with faults, once

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>@media (prefers-color-scheme: dark) {{ html {{ background: black; color: white }} a {{ color: yellow }} }}</style>
{head}</head><body><main><article><h1>A page</h1><p>Some text.</p>
{body}</article></main></body></html>"""

EXPLORER = """<div class="supertoy-{name}">
<svg viewBox="0 0 9 9" width="90" role="img" aria-label="A dot"><circle r="1"/></svg>
<label>Place <input type="range" class="{name}" min="0" max="9" value="9" aria-valuetext="9"></label>
<script>document.currentScript.parentNode.querySelector("input").oninput = function () {{
  for (const started = performance.now(); performance.now() - started < {milliseconds};);
  this.closest("div").querySelector("circle").setAttribute("cx", this.value);
}}</script></div>"""
FINE = EXPLORER.format(name="fine", milliseconds=0)
SLOW = EXPLORER.format(name="slow", milliseconds=150)
DEAD = re.sub("<script>.*</script>", "", EXPLORER.format(name="dead", milliseconds=0), flags=re.DOTALL)

LATE = """<style>html { overflow-anchor: none }</style><script>
new PerformanceObserver(() => setTimeout(() => document.querySelector("h1").style.marginTop = "400px", 100))
  .observe({ type: "paint", buffered: true });
</script>"""

# A topic, what is wrong, and words of the complaint. All are on one page, except for what is cut off.
FAULTS = [
    ("console", "<script>console.error('out of order')</script>", "out of order"),
    ("console", "<script>throw new Error('thrown')</script>", "thrown"),
    ("other hosts", "<style>@import 'http://example.org/font.css';</style>", "http://example.org/font.css"),
    ("requests", "<link rel='stylesheet' href='missing.css'>", "missing.css: 404"),
    ("images", "<img class='silent' src='dot.svg'>", 'no alternative text: <img class="silent"'),
    ("images", "<img src='dot.svg' alt='dot.svg'>", 'no alternative text but "dot.svg"'),
    ("images", "<img src='data:image/png,' alt='A dot'>", "did not load"),
    ("maths", r"<p>And \(x^2\).</p>", r"left as TeX: And \(x^2\)"),
    ("maths", "<p><span class='math'>x</span></p>", 'not set: <span class="math">'),
    ("maths", "<p><mjx-container></mjx-container></p>", "empty: <mjx-container>"),
    ("maths", "<p><mjx-container><mjx-merror>x^^2</mjx-merror></mjx-container></p>", "not understood: x^^2"),
    ("sideways at 1280 px", "<div style='width: 1400px'>Wide</div>", "the page scrolls sideways, by 1"),
    ("sideways at 1280 px", "<div style='overflow: hidden'><p id='cut' style='width: 1400px'>Wide</p></div>", '<p id="cut"'),
    ("sideways at 390 px", "<p id='laptop' style='width: 600px'>Wide</p>", '<p id="laptop"'),
    ("cut off on paper", f"<pre id='page' tabindex='0' style='overflow: auto'>{'W' * 99}</pre>", '<pre id="page"'),
    ("cut off on paper", f"<p id='short' style='overflow: hidden; width: 90px'>{'W' * 99}</p>", 'px: <p id="short"'),
    ("sliders move", DEAD, 'moves nothing: <input type="range" class="dead"'),
    ("sliders move", DEAD.replace('class="dead"', 'class="off" disabled'), 'takes no key: <input type="range" class="off"'),
    ("sliders speak", DEAD.replace("Place", "").replace('"dead"', '"mute"'), 'no label: <input type="range" class="mute"'),
    ("sliders speak", FINE.replace("aria-valuetext", "data-x").replace('"fine"', '"numb"'), "no aria-valuetext"),
    ("accessibility", "<p style='background: white; color: #bbb'>Pale</p>", "Pale"),
    ("accessibility in the dark", "<p style='color: #222'>Too dark</p>", "Too dark"),
    ("accessibility at 390 px", f"<pre style='overflow: auto'>{'W' * 60}</pre>", "scrollable-region-focusable"),
    ("weight", "<script>setTimeout(() => fetch('heavy.bin'), 100)</script>", "heavy.bin 4500000"),
    ("first view", "<script src='large.js'></script>", "large.js 2200"),
    ("first paint", "<script>for (const t = Date.now(); Date.now() - t < 1700;);</script>", "ms until the first text"),
    ("layout shift", f"<p style='height: 700px'>Tall</p>{LATE}", "largest: 0."),
    ("answers", SLOW, 'ms: <input type="range" class="slow"'),
]
FIRST = ("console", "other hosts", "requests", "first view", "first paint")  # topics of faults that belong in the head


@pytest.fixture(scope="module")
def look(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Visit]]:
    """A function that visits a page with the given head and body."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>')
    (folder / "heavy.bin").write_bytes(bytes(4_500_000))
    (folder / "large.js").write_text("//" + os.urandom(1_100_000).hex())  # half as much after compression
    with serving(folder) as address:

        def look(head: str, body: str) -> Visit:
            (folder / f"{len(head + body)}.html").write_text(PAGE.format(head=head, body=body))
            return visit(browser, address, f"{len(head + body)}.html")

        yield look


@pytest.fixture(scope="module")
def faulty(look) -> Visit:
    head = "".join(fault for topic, fault, _ in FAULTS if topic in FIRST)
    return look(head, "".join(fault for topic, fault, _ in FAULTS if topic not in FIRST))


def test_a_page_without_faults_passes(look):
    wide = "<pre tabindex='0' style='overflow: auto'>" + 300 * "W" + "</pre>"
    printed = "<style>@media print { pre { white-space: pre-wrap; overflow-wrap: anywhere; } }</style>"
    fading = "<p style='transition: color 1s'>Fades from black to white</p>"
    image = "<img src='dot.svg' alt='A dot' width='9' height='9'>"
    seen = look(printed, FINE + wide + fading + image + "<a href='#'>A link</a>")
    assert not seen.wrong()
    assert len(seen.answers) == 1
    assert seen.first_paint > 0
    assert len(PAGE) < seen.weight < 5000


@pytest.mark.parametrize(("topic", "fault", "words"), FAULTS, ids=[f"{topic}, {words}" for topic, _, words in FAULTS])
def test_a_fault_is_found_and_named(faulty, topic, fault, words):
    assert any(words in complaint for complaint in faulty.complaints[topic]), faulty.complaints[topic]


def test_every_topic_has_a_fault():
    assert {topic for topic, _, _ in FAULTS} == set(TOPICS)


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_browser_ci_fails_and_others_are_told(monkeypatch, ci, outcome):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no browser on this machine"):
        chromium.required()
