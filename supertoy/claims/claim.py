"""What a claim is, and how one is checked."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from supertoy._util.border import guard, guarded

# Where it is set, `check` appends what it finds to the file of this name, for the ledger.
FINDINGS = "SUPERTOY_FINDINGS"


@dataclass(frozen=True)
class Outcome:
    """What a judge found in one case.

    Attributes:
        parts: for each part of the claim, in the order of its criterion, whether it holds.
        measured: the measurement in words, with a replacement field, as {:.2f}, for each of the numbers.
        values: numbers that the paper gives as well, by name.
        numbers: what `Finding.measured` fills in, with the range over cases.
    """

    parts: tuple[bool, ...]
    measured: str
    values: Mapping[str, float] = field(default_factory=dict)
    numbers: tuple[float, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the whole claim holds."""
        return all(self.parts)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper that can be measured.

    Attributes:
        id: section/name, as in `superposition/pentagon-at-90`.
        says: what the paper says, in our words.
        criterion: when it counts as found, with the thresholds.
        reason: why these thresholds.
        figure: name of the figure of the book that shows it.
        judge: from what was measured in one case (keyword arguments) to an Outcome.
        numbers: what the paper gives a number for: its words, by the name under which the judge reports one.
    """

    id: str
    says: str
    criterion: str
    reason: str
    figure: str
    judge: Callable[..., Outcome]
    numbers: Mapping[str, str] = field(default_factory=dict)


class _Range(tuple[float, ...]):
    """Numbers that are written as the smallest "to" the largest, or as one where these look the same."""

    def __format__(self, spec: str) -> str:
        low, high = format(min(self), spec), format(max(self), spec)
        return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Finding:
    """What a chapter found about a claim.

    Attributes:
        claim: the claim that was checked.
        outcomes: one for each case: a seed, or one of several objects that the claim speaks of.
    """

    claim: Claim
    outcomes: tuple[Outcome, ...]

    @property
    def n_holds(self) -> int:
        """Cases in which the whole claim holds."""
        return sum(outcome.holds for outcome in self.outcomes)

    @property
    def verdict(self) -> str:
        """ "reproduced" if the claim holds in every case, "not reproduced" if no part of it in any, else "partly"."""
        if self.n_holds == len(self.outcomes):
            return "reproduced"
        return "partly reproduced" if any(any(outcome.parts) for outcome in self.outcomes) else "not reproduced"

    @property
    def measured(self) -> str:
        """The measurement: where words differ between cases, those of a failing one, which is what a reader needs to see.

        Numbers come with their range over the cases of which the same words are said.
        """
        words = next((outcome for outcome in self.outcomes if not outcome.holds), self.outcomes[0]).measured
        numbers = zip(*(outcome.numbers for outcome in self.outcomes if outcome.measured == words), strict=True)
        ranges = [_Range(over_cases) for over_cases in numbers]
        return words.format(*ranges) if ranges else words

    @property
    def share(self) -> str:
        """In how many cases the whole claim holds, as "4 of 5"; empty for a single case."""
        return f"{self.n_holds} of {len(self.outcomes)}" if len(self.outcomes) > 1 else ""

    def __str__(self) -> str:
        return f"{self.claim.id}: {self.verdict}{self.share and f' ({self.share})'}; {self.measured}"


class Registry(Mapping[str, Claim]):
    """Claims by id, in the order in which they were written."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def __getitem__(self, id: str) -> Claim:
        if id not in self._claims:
            known = ", ".join(self._claims) or "none"
            raise ValueError(
                f"id must be a known claim, got {id!r}; known are {known} (and others once their room is imported)"
            )
        return self._claims[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def claim(
        self,
        id: str,
        *,
        says: str,
        criterion: str,
        reason: str,
        figure: str,
        numbers: Mapping[str, str] = MappingProxyType({}),
        gaps: Collection[str] = (),
    ) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
        """Decorate a judge to register its claim; the arguments are the attributes of `Claim`.

        In the judge's parameters `gaps`, NaN and infinity mean something. In all others they are refused.
        """

        def register(judge: Callable[..., Outcome]) -> Callable[..., Outcome]:
            judge = guarded(judge, gaps=gaps, inside=True)  # `check` calls it with what came from outside
            self._claims[id] = Claim(id, says, criterion, reason, figure, judge, numbers)
            return judge

        return register


registry = Registry()


def check(id: str, cases: Iterable[Mapping[str, Any]]) -> Finding:
    """Judge a claim on what was measured.

    Args:
        id: of the claim.
        cases: for each case (in most claims, each seed) the keyword arguments of the claim's judge.

    Raises:
        ValueError: an unknown id; no cases.

    >>> from supertoy.chapters import adversarial
    >>> print(check("adversarial/gradient-masking", [
    ...     {"probability": torch.tensor([1.0, 0.1, 0.01]), "share": torch.tensor([0.9, 0.8, 0.1])}
    ... ]))
    adversarial/gradient-masking: reproduced; a gradient step does at most half of the analytic attack's damage ...
    """
    claim = registry[id]
    outcomes = tuple(claim.judge(**case) for case in cases)
    if not outcomes:
        raise ValueError("cases must hold at least one measurement, got none")
    finding = Finding(claim, outcomes)
    if os.environ.get(FINDINGS):
        _record(finding, Path(os.environ[FINDINGS]))
    return finding


def _record(finding: Finding, path: Path) -> None:
    values: dict[str, float] = {}
    for outcome in reversed(finding.outcomes):  # the first case has the last word: it is what the chapter is about
        values |= outcome.values
    line = {
        "id": finding.claim.id,
        "held": finding.n_holds == len(finding.outcomes),
        "some": any(any(outcome.parts) for outcome in finding.outcomes),
        "values": values,
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


class Table:
    """Findings as a table: Markdown in a notebook, lines of text elsewhere.

    Args:
        findings: one row for each.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)

    def _repr_markdown_(self) -> str:
        rows = ["| claim | the paper | here | verdict |", "| --- | --- | --- | --- |"]
        for f in self.findings:
            cells = (f"`{f.claim.id}`", f.claim.says, f.measured, f"**{f.verdict}**{f.share and f', {f.share}'}")
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(rows)

    def __repr__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


guard(__name__, gaps=("cases", "values", "numbers"))  # what was measured; the judge says what may be in it
