"""The browser, the built book on a server, and a table of what was measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.server import serving
from tests.browser.visit import Visit

SITE = Path(__file__).parents[2] / "_build" / "html"
HEADER = f"{'page':34}{'weight':>9}{'first view':>12}{'first paint':>13}{'shift':>8}{'slowest slider':>16}{'machine':>10}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium.running(chromium.required()) as browser:
        yield browser


@pytest.fixture(scope="session")
def home() -> Iterator[str]:
    """Where the built book is served."""
    with serving(SITE) as address:
        yield address


def row(path: str, seen: Visit) -> str:
    """What was measured on a page, under HEADER."""
    loaded = f"{seen.weight / 1e6:6.2f} MB{seen.first_view / 1e6:9.2f} MB{seen.first_paint:10.0f} ms"
    slowest = f"{max(seen.answers):13.0f} ms" if seen.answers else ""
    return f"{path:34}{loaded}{seen.layout_shift:8.3f}{slowest:>16}{seen.slowness:9.1f}x"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [value for report in reports for name, value in report.user_properties if name == "measured"]
    if rows:
        terminalreporter.section("what readers get")
        terminalreporter.write_line("\n".join([HEADER, *sorted(rows)]))
