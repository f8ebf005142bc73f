"""A pytest plugin for nbval: `--keep` keeps what chapters printed and drew, so that the build need not execute them again.

A chapter is kept if all of its cells passed.
"""

import json
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

KINDS = ("stream", "display_data", "execute_result", "error")


class Chapter(IPyNbFile):
    """A notebook that remembers what its kernel sends.

    nbval keeps outputs too, but joins what a cell printed before a figure and after it.
    """

    received: list[dict[str, Any]]

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict[str, Any]:
        message: dict[str, Any] = super().get_kernel_message(timeout, stream)
        self.received.append(message)
        return message


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep", action="store_true", help="Keep outputs of notebooks that pass, for the build.")


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, IPyNbCell) and item.config.option.keep:
        item.parent.__class__ = Chapter


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Hand a cell's outputs to its report, which reaches the process that keeps them."""
    if not isinstance(item.parent, Chapter):
        return (yield)
    item.parent.received = []
    yield
    *outputs, idle = item.parent.received
    cell = idle["parent_header"]["msg_id"]
    shown = [m for m in outputs if m["msg_type"] in KINDS and m["parent_header"].get("msg_id") == cell]
    item.user_properties.append(("outputs", json.dumps([nbformat.v4.output_from_msg(message) for message in shown])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Keep chapters in one process, after all have passed or failed: jupyter-cache is not made for several."""
    if not config.option.keep:
        return
    import kept_outputs  # of book/_ext, which is on the path by now

    cache = kept_outputs.kept(config.rootpath)
    chapters: dict[str, dict[str, str]] = defaultdict(dict)
    for report in terminalreporter.getreports("passed"):
        outputs = dict(report.user_properties).get("outputs")
        if outputs:
            name, _, cell = report.nodeid.partition("::")
            chapters[name][cell] = outputs
    for name, found in chapters.items():
        path = config.rootpath / name
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if len(found) == len(cells):
            for k, cell in enumerate(cells):
                cell.outputs = nbformat.from_dict(json.loads(found[f"Cell {k}"]))
            kept_outputs.keep(path, notebook, cache)
