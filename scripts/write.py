"""Show a chapter while it is written: its page is built whenever a file is saved, and the browser loads it again.

Usage: python scripts/write.py CHAPTER [--port PORT]

Only this chapter is executed, and only when its code changed, or something that it depends on. The others show the outputs
of the last `make book`, and no figures where there are none.
"""

import argparse
import subprocess
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from run_steps import ROOT, environment, in_full

OUTPUT = ROOT / "_build" / "write"
SITE = OUTPUT / "_build" / "html"
WATCHED = ("book", "supertoy", "_config.yml", "_toc.yml")
UNWATCHED = {"__pycache__", ".ipynb_checkpoints", "package"}  # the last one is written by the build
RELOAD = """
<script>
setInterval(async () => {
  const answer = await fetch("/-/build").catch(() => null);
  if (answer && await answer.text() !== "%d") location.reload();
}, 1000);
</script>
"""


class Builds:
    """How often the site was built; pages ask whether they are of the last build."""

    def __init__(self, chapter: str) -> None:
        self.chapter = chapter
        self.number = 0

    def build(self) -> None:
        """Build the pages that changed; if that fails, say so and leave the site as it was."""
        started = time.perf_counter()
        command = in_full(("jupyter-book", "build", "-q", "--path-output", str(OUTPUT), "."))
        # Warnings and errors are on stderr; the rest would hide them.
        done = subprocess.run(command, cwd=ROOT, env=environment() | {"BOOK_ONLY": self.chapter}, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        if done.returncode:
            print(f"== The build failed after {seconds:.0f} s, as said above", flush=True)
            return
        self.number += 1
        print(f"== Build {self.number} took {seconds:.0f} s", flush=True)


class Handler(SimpleHTTPRequestHandler):
    """Files of the site, with a script in each page that loads it again after a build."""

    def __init__(self, builds: Builds, *arguments: object) -> None:
        self.builds = builds
        super().__init__(*arguments, directory=str(SITE))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if self.path == "/-/build":
            self.answer(str(self.builds.number), "text/plain")
        elif path.suffix == ".html" and path.is_file():
            self.answer(path.read_text(encoding="utf-8") + RELOAD % self.builds.number, "text/html")
        else:
            super().do_GET()

    def answer(self, text: str, kind: str) -> None:
        """Send a text."""
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # figures keep their names when they change
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def state() -> dict[Path, tuple[int, int]]:
    """When each watched file was last written, and how long it is."""
    seen = {}
    for name in WATCHED:
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if path.is_file() and not UNWATCHED & set(path.parts):
                found = path.stat()
                seen[path] = (found.st_mtime_ns, found.st_size)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapter", help="its name in the folder book, as geometry")
    parser.add_argument("--port", type=int, default=8000, help="of the server, any free one if 0")
    options = parser.parse_args()
    if not (ROOT / "book" / f"{options.chapter}.ipynb").exists():
        known = ", ".join(sorted(path.stem for path in (ROOT / "book").glob("*.ipynb")))
        parser.error(f"chapter must be one of {known}, got {options.chapter!r}")

    builds, seen = Builds(options.chapter), state()
    builds.build()
    with ThreadingHTTPServer(("127.0.0.1", options.port), partial(Handler, builds)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"== http://127.0.0.1:{server.server_port}/book/{options.chapter}.html  (Ctrl+C ends)", flush=True)
        while True:
            time.sleep(0.5)
            if (now := state()) != seen:
                seen = now
                builds.build()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
