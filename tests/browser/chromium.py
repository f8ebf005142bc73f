"""The browser: Chromium as the system has it, or Chrome."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Without a screen, as any user, and without the browser's own traffic. Other hosts than this machine cannot be found, so
# that a page that asks one fails at once instead of after a minute.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def executable() -> str | None:
    """Where the browser is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def required() -> str:
    """Where the browser is. Without one, tests that need it are skipped, and fail where CI=true."""
    path = executable()
    if path:
        return path
    message = f"no browser on this machine ({', '.join(NAMES)}): nobody has looked at the pages as readers do"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def running(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        browser.new_context().new_page().goto("about:blank")  # so that the first page measured does not wait for it
        yield browser
        browser.close()
