"""`make links` finds addresses that are gone, and executes nothing for that."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.project import scratch_book


class OnePage(BaseHTTPRequestHandler):
    """A site with one page."""

    def do_GET(self):
        self.send_response(200 if self.path == "/here" else 404)
        self.end_headers()

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), OnePage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("path", "code"), [("here", 0), ("gone", 1)])
def test_an_address_that_is_gone_is_found(path, code, address, tmp_path):
    pages = {"index": f"# A book\n\n[A site]({address}/{path})"}
    root = scratch_book.make(tmp_path, pages, {"chapter": "raise ValueError('executed')"})
    done = scratch_book.build(root, "links", BOOK_ONLY="none")
    assert done.returncode == code, done.stdout + done.stderr
    assert f"{address}/{path}" in done.stdout + done.stderr
    assert "ValueError" not in done.stdout + done.stderr
