"""Buttons and links lead to the repository that the build was told of, and nowhere without one."""

import subprocess
from pathlib import Path

import addresses
import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from tests.project import scratch_book

INDEX = """\
# A book

:::{only} repository
The rocket opens a chapter.
:::

In the {repository}`repository`, with {repository}`a README <#how-to-cite>`.
"""
FORK = "https://github.com/someone/a-fork"


def built(root, **variables):
    scratch_book.make(root, {"index": INDEX}, {"chapter": "1 + 1"})
    done = scratch_book.build(root, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: BeautifulSoup(scratch_book.page(root, name), "html.parser") for name in ("index", "chapter")}


@pytest.fixture(scope="module")
def with_repository(tmp_path_factory):
    return built(
        tmp_path_factory.mktemp("with"), BOOK_REPOSITORY=f"{FORK}.git", BOOK_BASEURL="https://someone.example/a-fork/"
    )


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    return built(tmp_path_factory.mktemp("without"))


def links(page):
    return {tag["href"] for tag in page.find_all("a", href=True)}


def test_chapters_launch_from_the_repository_of_the_build(with_repository):
    launch = "https://mybinder.org/v2/gh/someone/a-fork/HEAD?urlpath=lab/tree/book/chapter.ipynb"
    assert launch in links(with_repository["chapter"])
    assert launch not in links(with_repository["index"])  # nothing to run there


def test_every_page_has_buttons_for_the_repository_and_its_issues(with_repository):
    for page in with_repository.values():
        assert FORK in links(page)
        assert any(link.startswith(f"{FORK}/issues/new?") for link in links(page))


def test_text_links_to_the_repository(with_repository):
    article = with_repository["index"].find("article")
    assert links(article) >= {FORK, f"{FORK}#how-to-cite"}
    assert "The rocket" in article.get_text()


def test_pages_know_their_own_address(with_repository, without):
    canonical = with_repository["chapter"].find("link", rel="canonical")
    assert canonical["href"] == "https://someone.example/a-fork/book/chapter.html"
    assert without["chapter"].find("link", rel="canonical") is None


def test_without_a_repository_nothing_leads_to_one(without):
    for page in without.values():
        assert not [link for link in links(page) if "github" in link or "binder" in link]
        assert not page.select(".dropdown-launch-buttons, .dropdown-source-buttons")


def test_without_a_repository_the_text_reads_on(without):
    text = without["index"].find("article").get_text()
    assert "In the repository, with a README." in text
    assert "The rocket" not in text


def test_what_is_no_address_is_refused():
    with pytest.raises(ExtensionError, match=r"must be like https://github\.com/owner/name, got 'someone/a-fork'"):
        addresses.repository_from({"BOOK_REPOSITORY": "someone/a-fork"})


def test_no_file_names_a_repository_of_this_book():
    # It would be dead, or somebody else's, in every fork.
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=scratch_book.ROOT, capture_output=True, text=True).stdout
    texts = {name: Path(scratch_book.ROOT, name).read_bytes() for name in tracked.split("\0") if name}
    assert texts
    assert not [name for name, text in texts.items() if b"github.com/" + b"supertoy" in text or b"gh/" + b"supertoy" in text]
