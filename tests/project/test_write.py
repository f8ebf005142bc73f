"""A chapter is shown as it was last saved, and its outputs are kept the way they are committed."""

import re
import subprocess
import sys
import time
from urllib.request import urlopen

import nbformat
import pytest

from tests.project import scratch_book


@pytest.fixture
def root(tmp_path):
    return scratch_book.make(tmp_path, {"index": "# A book"}, {"one": "print('on' + 'ce')", "two": "print('exe' + 'cuted')"})


@pytest.fixture
def server(root):
    """The address of a server that watches the book."""
    process = subprocess.Popen(
        [sys.executable, "scripts/write.py", "one", "--port", "0"],
        cwd=root,
        env=scratch_book.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


def get(url):
    with urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def test_a_saved_chapter_is_built_and_asks_to_be_loaded_again(root, server):
    page = get(f"{server}/book/one.html")
    assert "once" in page
    assert '!== "1"' in page  # the build that the page is of, which it compares with the last
    assert get(f"{server}/-/build") == "1"
    assert "executed" not in get(f"{server}/book/two.html")
    assert "sphinx" in get(f"{server}/_static/basic.css").lower()

    scratch_book.write_chapter(root, "one", "print('twi' + 'ce')", "Other words.")
    give_up = time.monotonic() + 200
    while get(f"{server}/-/build") == "1":
        assert time.monotonic() < give_up, "the chapter was saved, and nothing was built"
        time.sleep(0.2)
    page = get(f"{server}/book/one.html")
    assert "twice" in page
    assert "Other words." in page
    assert '!== "2"' in page
    assert "executed" not in get(f"{server}/book/two.html")


def test_an_unknown_chapter_is_named_with_the_known_ones(root):
    command = [sys.executable, "scripts/write.py", "geometry"]
    done = subprocess.run(command, cwd=root, env=scratch_book.environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "chapter must be one of one, two, got 'geometry'" in done.stderr


def test_outputs_are_kept_without_images(root):
    code = "import matplotlib.pyplot as plt; print(1 + 1); plt.plot([1]); plt.show()"
    scratch_book.write_chapter(root, "one", code)
    command = [sys.executable, "scripts/outputs.py", "one"]
    done = subprocess.run(command, cwd=root, env=scratch_book.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [cell] = [cell for cell in nbformat.read(root / "book" / "one.ipynb", as_version=4).cells if cell.cell_type == "code"]
    assert cell.execution_count == 1
    assert [output.get("text") or [*output.data] for output in cell.outputs] == ["2\n", ["text/plain"]]
    assert "execution" not in cell.metadata
