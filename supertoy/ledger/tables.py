"""The ledger: every claim of the paper, what its chapter found, and how often it comes out with other seeds."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from supertoy._util.intervals import wilson
from supertoy.chapters import CHAPTERS, all_claims
from supertoy.ledger.reruns import fingerprint, read_chapters

#: From best to worst; see `Row.verdict`.
VERDICTS = ("reproduced", "partly", "differs", "not reproduced", "not measured")
ENOUGH = 0.95  #: share of runs in which a claim must hold to be called reproduced: 19 of 20
_FOUND = re.compile(
    r"^(?P<id>[a-z]+/[a-z0-9-]+): (?P<verdict>reproduced|partly reproduced|not reproduced)"
    r"(?: \((?P<cases>\d+) of \d+\))?; (?P<measured>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Runs:
    """A claim over fresh seeds.

    Attributes:
        held: runs in which every part of the claim held, in every case.
        some: runs in which at least some part held in some case.
        n: all runs.
        values: what the paper gives a number for, by name, a value for each run.
    """

    held: int
    some: int
    n: int
    values: dict[str, list[float]] = field(default_factory=dict)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share of runs in which the claim holds."""
        return wilson(self.held, self.n)


@dataclass(frozen=True)
class Row:
    """One claim in the ledger.

    Attributes:
        id: of the claim.
        chapter: name of the notebook that shows it; empty if none does.
        measured: what the chapter found, in words.
        in_chapter: the verdict there; empty if there is none.
        cases: in how many of the chapter's cases the whole claim held.
        runs: over fresh seeds, if there were any.
        changed: whether the chapter's code has changed since these runs.
    """

    id: str
    chapter: str = ""
    measured: str = ""
    in_chapter: str = ""
    cases: int = 0
    runs: Runs | None = None
    changed: bool = False

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`.

        "reproduced" if the whole claim held in at least 19 of 20 runs; "partly" if in fewer, or in some of the chapter's
        cases only; "differs" if the whole of it never held, though a part did; "not reproduced" if no part ever did.
        """
        if not self.in_chapter or self.runs is None:
            return "not measured"
        if self.runs.held >= ENOUGH * self.runs.n and self.in_chapter == "reproduced":
            return "reproduced"
        if self.runs.held or self.cases:
            return "partly"
        return "differs" if self.runs.some else "not reproduced"


def found_in(notebook: Mapping[str, Any]) -> dict[str, tuple[str, int, str]]:
    """Verdict, cases that hold, and measurement of each claim that a notebook's outputs show, by id; of several the last.

    Args:
        notebook: with its outputs.

    >>> text = "superposition/pentagon-at-90: reproduced (3 of 3); norms 1.2"
    >>> found_in({"cells": [{"cell_type": "code", "outputs": [{"text": text}]}]})
    {'superposition/pentagon-at-90': ('reproduced', 3, 'norms 1.2')}
    """
    found: dict[str, tuple[str, int, str]] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
            for match in _FOUND.finditer(text):
                cases = int(match["cases"] or match["verdict"] == "reproduced")
                found[match["id"]] = match["verdict"], cases, match["measured"]
    return found


def rows(chapters: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Any]) -> list[Row]:
    """The ledger: one row for each claim of the paper, in the paper's order.

    Args:
        chapters: notebooks with their outputs, by name.
        kept: runs with fresh seeds, as from `reruns.read_kept`.
    """
    shown = {id: (name, *what) for name, notebook in chapters.items() for id, what in found_in(notebook).items()}
    ledger = []
    for id in all_claims():
        if id not in shown:
            ledger.append(Row(id))
            continue
        chapter, verdict, cases, measured = shown[id]
        of_chapter = kept.get(chapter, {"runs": {}})
        runs = over_runs(id, of_chapter)
        changed = runs is not None and of_chapter["code"] != fingerprint(chapters[chapter])
        ledger.append(Row(id, chapter, measured, verdict, cases, runs, changed))
    return ledger


def chapters_with_claims(folder: str | os.PathLike[str]) -> list[Path]:
    """The notebooks in a folder whose outputs show a claim.

    Args:
        folder: of notebooks with their outputs.
    """
    notebooks = read_chapters(folder)
    return [Path(folder) / f"{name}.ipynb" for name, notebook in notebooks.items() if found_in(notebook)]


def over_runs(id: str, chapter: Mapping[str, Any]) -> Runs | None:
    """What became of a claim in a chapter's runs; None if it was in none.

    Args:
        id: of the claim.
        chapter: its runs, as from `reruns.read_kept`.
    """
    found = [run[id] for run in chapter["runs"].values() if id in run]
    if not found:
        return None
    values: dict[str, list[float]] = {}
    for finding in found:
        for name, value in finding.get("values", {}).items():
            values.setdefault(name, []).append(value)
    held, some = (sum(finding[what] for finding in found) for what in ("held", "some"))
    return Runs(held, some, len(found), values)


# The page -------------------------------------------------------------------------------------------------------------


class MarkdownTable:
    """Rows of cells under a head: Markdown in a notebook, lines of text elsewhere.

    Args:
        head: names of the columns.
        body: rows, as many cells each.
    """

    def __init__(self, head: Sequence[str], body: Iterable[Sequence[str]]) -> None:
        self.head, self.body = head, [[*cells] for cells in body]

    def _repr_markdown_(self) -> str:
        rows = [self.head, ["---"] * len(self.head), *([cell.replace("|", "\\|") for cell in row] for row in self.body)]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def __repr__(self) -> str:
        return "\n".join(" · ".join(cell for cell in row if cell) for row in self.body)


class SectionTables:
    """Tables one below the other, each with the name of its section: Markdown in a notebook, lines of text elsewhere.

    Args:
        tables: by the name of the section.
    """

    def __init__(self, tables: Mapping[str, MarkdownTable]) -> None:
        self.tables = tables

    def _repr_markdown_(self) -> str:
        return "\n\n".join(f"**{title}**\n\n{table._repr_markdown_()}" for title, table in self.tables.items())

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}\n{table!r}" for title, table in self.tables.items())


def table(ledger: Sequence[Row]) -> SectionTables:
    """Every claim, by section: what the paper says, what its chapter measured, the verdict, and in how many runs it held.

    Args:
        ledger: as from `rows`.
    """
    head = ("claim", "the paper", "here", "verdict and runs")
    claims, titles = all_claims(), {id: title for chapter in CHAPTERS for id, title in chapter.sections.items()}
    sections: dict[str, list[tuple[str, ...]]] = {}
    for row in ledger:
        section, _, name = row.id.partition("/")
        link = f"[`{name}`]({row.chapter}.html#{claims[row.id].figure})" if row.chapter else f"`{name}`"
        verdict = f"**{row.verdict}**" + (f", {_share(row)}" if row.runs else "")
        sections.setdefault(titles[section], []).append((link, claims[row.id].says, row.measured, verdict))
    return SectionTables({title: MarkdownTable(head, body) for title, body in sections.items()})


def _share(row: Row) -> str:
    if row.runs is None:
        return ""
    low, high = row.runs.interval
    return f"{row.runs.held} of {row.runs.n} ({low:.2f} to {high:.2f})" + (", chapter changed since" if row.changed else "")


def numbers(kept: Mapping[str, Any]) -> MarkdownTable:
    """What the paper gives a number for: the median over runs, the range of nine tenths of them, and the paper's number.

    Args:
        kept: runs with fresh seeds, as from `reruns.read_kept`.
    """
    body = []
    numbers = [(id, *number) for id, claim in all_claims().items() for number in claim.numbers.items()]
    for id, name, paper in numbers:
        values = [
            finding[id]["values"][name]
            for chapter in kept.values()
            for finding in chapter["runs"].values()
            if name in finding.get(id, {}).get("values", {})
        ]
        if values:
            low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
            body.append((f"`{id}`", name, f"{middle:.3g}", f"{low:.3g} to {high:.3g}", str(len(values)), paper))
    return MarkdownTable(("claim", "number", "median", "nine tenths of the runs", "runs", "the paper"), body)


def criteria() -> MarkdownTable:
    """When each claim counts as found, and why there."""
    body = [(f"`{id}`", claim.criterion, claim.reason) for id, claim in all_claims().items()]
    return MarkdownTable(("claim", "criterion", "why"), body)


def counts(ledger: Iterable[Row]) -> dict[str, int]:
    """How many claims have each verdict.

    Args:
        ledger: as from `rows`.

    >>> counts([Row("geometry/levels"), Row("geometry/tegum")])
    {'reproduced': 0, 'partly': 0, 'differs': 0, 'not reproduced': 0, 'not measured': 2}
    """
    number = Counter(row.verdict for row in ledger)
    return {verdict: number[verdict] for verdict in VERDICTS}
