"""The browser, the built book on a server, and a table of what was measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.server import serving
from tests.browser.visit import Visit, visit

SITE = Path(__file__).parents[2] / "_build" / "html"
HEADER = f"{'page':34}{'weight':>9}{'first view':>12}{'first paint':>13}{'shift':>8}{'slowest slider':>16}{'machine':>10}"

measured: dict[str, Visit] = {}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium.running(chromium.required()) as browser:
        yield browser


@pytest.fixture(scope="session")
def home() -> Iterator[str]:
    """Where the built book is served."""
    with serving(SITE) as address:
        yield address


@pytest.fixture(scope="session")
def seen(browser: Browser, home: str, request: pytest.FixtureRequest) -> Visit:
    """What the browser saw on one page, visited once for all tests of that page."""
    measured[request.param] = visit(browser, home, request.param)
    return measured[request.param]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not measured:
        return
    terminalreporter.section("what readers get")
    terminalreporter.write_line(HEADER)
    for path, of in measured.items():
        loaded = f"{of.weight / 1e6:6.2f} MB{of.first_view / 1e6:9.2f} MB{of.first_paint:10.0f} ms"
        slowest = f"{max(of.answers):13.0f} ms" if of.answers else ""
        terminalreporter.write_line(f"{path:34}{loaded}{of.layout_shift:8.3f}{slowest:>16}{of.slowness:9.1f}x")
