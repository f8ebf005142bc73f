"""The ledger: every claim of the paper, what its chapter found, and how often it comes out with other seeds."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from supertoy._util.border import guard
from supertoy._util.intervals import wilson
from supertoy.chapters import CHAPTERS, all_claims
from supertoy.ledger.fingerprints import changed_parts

#: From best to worst; see `Entry.verdict`.
VERDICTS = ("reproduced", "partly", "differs", "not reproduced", "not measured")
ENOUGH = 0.95  #: share of runs in which a claim must hold to be called reproduced: 19 of 20
_PRINTED = re.compile(
    r"^(?P<id>[a-z]+/[a-z0-9-]+): (?P<verdict>reproduced|partly reproduced|not reproduced)"
    r"(?: \((?P<cases>\d+) of \d+\))?; (?P<measured>.*)$",
    re.MULTILINE,
)


class Printed(NamedTuple):
    """What a chapter prints about a claim: its own verdict, in how many of its cases the whole claim held, and the words."""

    verdict: str
    cases: int
    measured: str


@dataclass(frozen=True)
class Tally:
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
class Entry:
    """One claim in the ledger.

    Attributes:
        id: of the claim.
        chapter: name of the notebook that judges it.
        printed: what is there; None if the notebook says nothing of the claim.
        tally: over fresh seeds, if there were any.
        changed: whether the chapter, its notebook or its room, has changed since these runs.
    """

    id: str
    chapter: str
    printed: Printed | None = None
    tally: Tally | None = None
    changed: bool = False

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`.

        "reproduced" if the whole claim held in at least 19 of 20 runs; "partly" if in fewer, or in some of the chapter's
        cases only; "differs" if the whole of it never held, though a part did; "not reproduced" if no part ever did.
        """
        if self.printed is None or self.tally is None:
            return "not measured"
        if self.tally.held >= ENOUGH * self.tally.n and self.printed.verdict == "reproduced":
            return "reproduced"
        if self.tally.held or self.printed.cases:
            return "partly"
        return "differs" if self.tally.some else "not reproduced"


def printed_findings(notebook: Mapping[str, Any]) -> dict[str, Printed]:
    """What a notebook's outputs say of each claim, by id; the last word of several.

    >>> text = "superposition/pentagon-at-90: reproduced (3 of 3); norms 1.2"
    >>> printed_findings({"cells": [{"cell_type": "code", "outputs": [{"text": text}]}]})
    {'superposition/pentagon-at-90': Printed(verdict='reproduced', cases=3, measured='norms 1.2')}
    """
    found: dict[str, Printed] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
            for match in _PRINTED.finditer(text):
                cases = int(match["cases"] or match["verdict"] == "reproduced")
                found[match["id"]] = Printed(match["verdict"], cases, match["measured"])
    return found


def entries(book: str | os.PathLike[str], kept: Mapping[str, Any]) -> list[Entry]:
    """The ledger: an entry for each claim of the paper, in the paper's order.

    Args:
        book: folder of the chapters' notebooks, with their outputs.
        kept: runs with fresh seeds, as from `reruns.read_kept`.
    """
    ledger = []
    for chapter in (chapter for chapter in CHAPTERS if chapter.sections):
        path = Path(book) / f"{chapter.name}.ipynb"
        printed = printed_findings(json.loads(path.read_text(encoding="utf-8")))
        runs = kept.get(chapter.name, {"code": {}, "runs": {}})
        changed = bool({*changed_parts(runs["code"], path)} - {"core"})  # a change of the core is said once, by `provenance`
        for id in all_claims():
            if id.partition("/")[0] in chapter.sections:
                tally = over_runs(id, runs)
                ledger.append(Entry(id, chapter.name, printed.get(id), tally, changed and tally is not None))
    return ledger


def over_runs(id: str, chapter: Mapping[str, Any]) -> Tally | None:
    """What became of a claim in a chapter's runs, as from `reruns.read_kept`; None if it was in none."""
    found = [run[id] for run in chapter["runs"].values() if id in run]
    if not found:
        return None
    values: dict[str, list[float]] = {}
    for finding in found:
        for name, value in finding.get("values", {}).items():
            values.setdefault(name, []).append(value)
    held, some = (sum(finding[what] for finding in found) for what in ("held", "some"))
    return Tally(held, some, len(found), values)


# The page -------------------------------------------------------------------------------------------------------------


class MarkdownTable:
    """Rows of cells under a head: Markdown in a notebook, lines of text elsewhere."""

    def __init__(self, head: Sequence[str], body: Iterable[Sequence[str]]) -> None:
        self.head, self.body = head, [[*cells] for cells in body]

    def _repr_markdown_(self) -> str:
        rows = [self.head, ["---"] * len(self.head), *([cell.replace("|", "\\|") for cell in row] for row in self.body)]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def __repr__(self) -> str:
        return "\n".join(" · ".join(cell for cell in row if cell) for row in self.body)


class SectionTables:
    """Tables one below the other, each with the name of its section: Markdown in a notebook, lines of text elsewhere."""

    def __init__(self, tables: Mapping[str, MarkdownTable]) -> None:
        self.tables = tables

    def _repr_markdown_(self) -> str:
        return "\n\n".join(f"**{title}**\n\n{table._repr_markdown_()}" for title, table in self.tables.items())

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}\n{table!r}" for title, table in self.tables.items())


def table(ledger: Sequence[Entry]) -> SectionTables:
    """Every claim, by section: what the paper says, what its chapter measured, the verdict, and in how many runs it held."""
    head = ("claim", "the paper", "here", "verdict and runs")
    claims, titles = all_claims(), {id: title for chapter in CHAPTERS for id, title in chapter.sections.items()}
    sections: dict[str, list[tuple[str, ...]]] = {}
    for entry in ledger:
        section, _, name = entry.id.partition("/")
        link = f"[`{name}`]({entry.chapter}.html#{claims[entry.id].figure})"
        measured = entry.printed.measured if entry.printed else ""
        verdict = f"**{entry.verdict}**"
        if entry.tally:
            low, high = entry.tally.interval
            verdict += f", {entry.tally.held} of {entry.tally.n} ({low:.2f} to {high:.2f})"
        verdict += ", chapter changed since" * entry.changed
        sections.setdefault(titles[section], []).append((link, claims[entry.id].says, measured, verdict))
    return SectionTables({title: MarkdownTable(head, body) for title, body in sections.items()})


def provenance(book: str | os.PathLike[str], kept: Mapping[str, Any]) -> MarkdownTable:
    """Of each chapter: how many runs, the date of the last, which were verified when, and what of the code changed since."""
    words = {"notebook": "the chapter's cells", "room": "its judges or analysis", "core": "the core"}
    body = []
    for chapter in (chapter for chapter in CHAPTERS if chapter.name in kept):
        of_chapter = kept[chapter.name]
        verified = of_chapter.get("verified")
        again = f"{verified['date']}, seed {', '.join(map(str, verified['seeds']))}" if verified else ""
        changed = [words[part] for part in changed_parts(of_chapter["code"], Path(book) / f"{chapter.name}.ipynb")]
        link = f"[{chapter.title}]({chapter.name}.html)"
        body.append((link, str(len(of_chapter["runs"])), of_chapter["date"], again, ", ".join(changed) or "nothing"))
    return MarkdownTable(("chapter", "runs", "last run", "verified", "changed since"), body)


def numbers(kept: Mapping[str, Any]) -> MarkdownTable:
    """What the paper gives a number for: the median over runs, the range of nine tenths of them, and the paper's number."""
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


def counts(ledger: Iterable[Entry]) -> dict[str, int]:
    """How many claims have each verdict.

    >>> counts([Entry("geometry/levels", "geometry"), Entry("geometry/tegum", "geometry")])
    {'reproduced': 0, 'partly': 0, 'differs': 0, 'not reproduced': 0, 'not measured': 2}
    """
    number = Counter(entry.verdict for entry in ledger)
    return {verdict: number[verdict] for verdict in VERDICTS}


guard(__name__)
