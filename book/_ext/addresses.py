"""Addresses that only a build knows: of the repository, for the buttons and links that lead to it, and of the site itself.

They come from the environment, so the book of a fork leads to the fork:

    BOOK_REPOSITORY   as https://github.com/owner/name; without it there are no such buttons, and links are plain text
    BOOK_BRANCH       what the launch buttons open, HEAD unless given
    BOOK_BASEURL      where the site will be, for the canonical address of each page, and its card where it is shared

In a page, {repository}`the code` links to the repository, {repository}`an issue </issues/new>` to what is below it, and
what stands in an `only` directive for the tag `repository` is left out without one.
"""

import os
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util.docutils import ReferenceRole

REPOSITORY = re.compile(r"https://[^/\s]+/[^/\s]+/[^/\s]+")


def repository_from(environment: dict[str, str]) -> str:
    """The address of the repository without what people leave at its end, or nothing.

    >>> repository_from({"BOOK_REPOSITORY": "https://github.com/owner/name.git"})
    'https://github.com/owner/name'
    """
    given = environment.get("BOOK_REPOSITORY", "").strip()
    address = given.rstrip("/").removesuffix(".git")
    if address and not REPOSITORY.fullmatch(address):
        raise ExtensionError(f"BOOK_REPOSITORY must be like https://github.com/owner/name, got {given!r}")
    return address


def configure(app: Sphinx, config: Config) -> None:
    """Tell the theme, before it draws any button."""
    repository = repository_from(dict(os.environ))
    config.book_repository = repository
    options = config.html_theme_options
    options["repository_url"] = repository
    options["repository_branch"] = os.environ.get("BOOK_BRANCH") or "HEAD"
    options["use_repository_button"] = options["use_issues_button"] = bool(repository)
    if repository:
        app.tags.add("repository")
    else:
        options.pop("launch_buttons", None)
    config.html_baseurl = os.environ.get("BOOK_BASEURL") or config.html_baseurl
    config.ogp_site_url = config.html_baseurl


class RepositoryRole(ReferenceRole):
    """{repository}`text` or {repository}`text </what/follows/the/address>`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if not self.config.book_repository:
            return [nodes.Text(self.title)], []
        address = self.config.book_repository + (self.target if self.has_explicit_title else "")
        return [nodes.reference(self.rawtext, self.title, refuri=address)], []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("book_repository", "", "env", str)
    app.connect("config-inited", configure)
    app.add_role("repository", RepositoryRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
