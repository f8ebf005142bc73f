"""Every claim of the paper and what came out: what chapters found, and how often it comes out with other seeds.

A chapter prints its findings; `make ledger` runs each chapter again with fresh seeds, one seed at a time, and keeps in how
many of these runs each claim held. The page "Ledger" shows both, and nothing on it is typed.
"""

import hashlib
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from supertoy.claims import registry
from supertoy.claims._claim import FINDINGS
from supertoy.progress import progress

SECTIONS = {
    "features": "Features",
    "superposition": "Demonstrating superposition",
    "phase": "Superposition as a phase change",
    "geometry": "The geometry of superposition",
    "correlation": "Correlated and anticorrelated features",
    "dynamics": "Learning dynamics",
    "adversarial": "Adversarial robustness",
    "privileged": "Privileged basis",
    "computation": "Computation in superposition",
    "strategic": "Strategic picture",
    "appendix": "Appendix",
}  # in the paper's order
# The figure that a claim is about.
FIGURES = {
    "features": """king-queen=fig-king-queen analogy-directions=fig-analogies rotation-free=fig-turned
        rotation-breaks=fig-turned almost-orthogonal=fig-almost-orthogonal compressed-sensing=fig-recovery
        linear-interference=fig-interference universality=fig-universality""",
    "superposition": """dense-orthogonal=fig-opening antipodal-at-80=fig-opening pentagon-at-90=fig-opening
        linear-is-pca=fig-basic-results relu-dense-like-linear=fig-basic-results count-grows=fig-count
        least-important-first=fig-basic-results antipodal-first=fig-basic-results sparse-negative-bias=fig-basic-results
        rescales=fig-large linear-loss-identity=fig-basic-results k-sparse-expansion=fig-expansion thomson=fig-packings""",
    "phase": """theory-n2=fig-phase-n2 theory-n3=fig-phase-n3 empirical-n2=fig-phase-n2 empirical-n3=fig-phase-n3
        first-order=fig-phase-crossing loses-both=fig-reconstructions loss-surface=fig-surface confused-feature=fig-paths
        activation-matters=fig-activations""",
    "geometry": """sticky=fig-dstar levels=fig-dimensionalities budget=fig-dimensionalities size-free=fig-dstar
        tegum=fig-solids low-rank=fig-solids pentagon-stretch=fig-perturbed pentagon-digon=fig-snap
        norm-bias=fig-perturbed""",
    "correlation": """orthogonal=fig-orthogonal antipodal=fig-antipodal side-by-side=fig-side-by-side
        local-bases=fig-bases collapse=fig-collapse""",
    "dynamics": """energy-levels=fig-levels geometric-stages=fig-stages cross-set-antipodes=fig-stages paths=fig-dynamics
        pca-first=fig-stages""",
    "adversarial": """rises=fig-vulnerability tracks-density=fig-vulnerability-small gradient-masking=fig-gradients
        training=fig-defence""",
    "privileged": """aligned=fig-privileged-weights mono-to-poly=fig-privileged avoids-relu=fig-privileged""",
    "computation": """exact-abs=fig-exact mono-when-dense=fig-computation poly-when-sparse=fig-computation both=fig-kinds
        primary-secondary=fig-top-activations asymmetric-motif=fig-motif""",
    "strategic": """l1-removes=fig-l1-importance dictionary-recovers=fig-dictionary-density hybrid=fig-hybrid
        cosine-peril=fig-roc pure-features=fig-dog loss-per-activation=fig-firing""",
    "appendix": "nonlinear-compression=fig-compression compressed-sensing-bound=fig-bound",
}
VERDICTS = ("reproduced", "partly", "differs", "not reproduced", "not measured")
ENOUGH = 0.95  # share of runs in which a claim must hold to be called reproduced: 19 of 20
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
        found = binomtest(self.held, self.n).proportion_ci(method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Row:
    """One claim in the ledger.

    Attributes:
        id: of the claim.
        chapter: name of the notebook that shows it; empty if none does.
        figure: name of the figure that it is about; empty if there is none.
        measured: what the chapter found, in words.
        in_chapter: the verdict there; empty if there is none.
        cases: in how many of the chapter's cases the whole claim held.
        runs: over fresh seeds, if there were any.
        changed: whether the chapter's code has changed since these runs.
    """

    id: str
    chapter: str = ""
    figure: str = ""
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


# What chapters found -----------------------------------------------------------------------------------------------------


def code(notebook: Mapping[str, Any]) -> list[str]:
    """The code of a notebook, cell by cell."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def fingerprint(notebook: Mapping[str, Any]) -> str:
    """Changes when the notebook's code does."""
    return hashlib.sha256("\0".join(code(notebook)).encode()).hexdigest()[:16]


def found_in(notebook: Mapping[str, Any]) -> dict[str, tuple[str, int, str]]:
    """Verdict, cases that hold, and measurement of each claim that a notebook's outputs show, by id; of several the last."""
    found: dict[str, tuple[str, int, str]] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
            for match in _FOUND.finditer(text):
                cases = int(match["cases"] or match["verdict"] == "reproduced")
                found[match["id"]] = match["verdict"], cases, match["measured"]
    return found


def figure_of(id: str) -> str:
    """Name of the figure that a claim is about; empty if none is known."""
    section, _, name = id.partition("/")
    return dict(pair.split("=") for pair in FIGURES.get(section, "").split()).get(name, "")


def rows(chapters: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Any]) -> list[Row]:
    """The ledger: one row for each claim of the paper, in the paper's order.

    Args:
        chapters: notebooks with their outputs, by name.
        kept: runs with fresh seeds, as from `read_kept`.
    """
    shown = {id: (name, *what) for name, notebook in chapters.items() for id, what in found_in(notebook).items()}
    ledger = []
    for id in _in_order(registry):
        if id not in shown:
            ledger.append(Row(id))
            continue
        chapter, verdict, cases, measured = shown[id]
        of_chapter = kept.get(chapter, {"runs": {}})
        runs = over_runs(id, of_chapter)
        changed = runs is not None and of_chapter["code"] != fingerprint(chapters[chapter])
        ledger.append(Row(id, chapter, figure_of(id), measured, verdict, cases, runs, changed))
    return ledger


def read_chapters(folder: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """All notebooks in a folder, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.ipynb"))}


def chapters_with_claims(folder: str | os.PathLike[str]) -> list[Path]:
    """The notebooks in a folder whose outputs show a claim."""
    notebooks = read_chapters(folder)
    return [Path(folder) / f"{name}.ipynb" for name, notebook in notebooks.items() if found_in(notebook)]


# Runs with fresh seeds ---------------------------------------------------------------------------------------------------


def run_chapter(path: str, seed: int, n_threads: int = 1) -> dict[str, Any]:
    """Execute a chapter with one seed in a kernel of its own, and return its findings, by claim.

    Args:
        path: of the notebook.
        seed: takes the place of the chapter's seeds (see `chapter_seeds`).
        n_threads: of the kernel.

    Raises:
        RuntimeError: a cell failed, with what it said.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "findings.jsonl"
        environment = os.environ | {
            "SUPERTOY_SEED": str(seed),
            "SUPERTOY_N_SEEDS": "1",
            FINDINGS: str(record),
            "TQDM_DISABLE": "1",
            "OMP_NUM_THREADS": str(n_threads),
        }
        client = NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(Path(path).parent)}})
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            raise RuntimeError(f"{path} failed with seed {seed}: {error}") from None
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    # A claim may be looked at several times on the way; the chapter's last word counts.
    return {
        finding.pop("id"): {key: value for key, value in finding.items() if key != "values" or value}
        for finding in map(json.loads, lines)
    }


def run_chapters(
    paths: Sequence[str | os.PathLike[str]],
    seeds: Iterable[int],
    executor: Executor,
    kept: str | os.PathLike[str],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Run every chapter with every seed, and keep what each run found in a JSON file, run by run.

    What is in the file is not run again, so a call that was stopped goes on where it was. A chapter whose code has changed
    starts anew.

    Args:
        paths: of the notebooks, which the executor's workers must be able to read.
        seeds: one for each run.
        executor: any of `concurrent.futures`, or dask's `client.get_executor()`.
        kept: the file, made if it is not there.
        about: what else to note about these runs, such as versions.

    Raises:
        RuntimeError: a chapter failed; what other runs have found is kept.
    """
    kept = Path(kept)
    ledger = read_kept(kept)
    marks = {Path(path).stem: fingerprint(json.loads(Path(path).read_text(encoding="utf-8"))) for path in paths}
    jobs = {}
    for seed in seeds:
        for path in paths:
            name = Path(path).stem
            chapter = ledger.get(name, {})
            if chapter.get("code") != marks[name] or str(seed) not in chapter["runs"]:
                jobs[executor.submit(run_chapter, str(path), seed)] = name, str(seed)
    with progress(len(jobs), "ledger", "run") as bar:
        try:
            for job in as_completed(jobs):
                found, (name, at) = job.result(), jobs[job]
                if ledger.get(name, {}).get("code") != marks[name]:
                    ledger[name] = {"code": marks[name], "runs": {}}
                ledger[name] |= about or {}
                ledger[name]["runs"][at] = found
                _write(kept, ledger)
                bar.update()
        finally:
            for job in jobs:
                job.cancel()


def read_kept(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `run_chapters` has kept: by chapter its code's fingerprint, and what each run found; nothing without a file."""
    path = Path(path)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _write(path: Path, ledger: dict[str, Any]) -> None:
    """One line for each run, in order, so that a commit shows what came to it; as a whole or not at all."""
    chapters = []
    for name in sorted(ledger):
        runs = ledger[name]["runs"]
        lines = ",\n".join(
            f"  {json.dumps(seed)}: {json.dumps(runs[seed], sort_keys=True)}" for seed in sorted(runs, key=int)
        )
        about = json.dumps({key: value for key, value in ledger[name].items() if key != "runs"}, sort_keys=True)
        chapters.append(f' {json.dumps(name)}: {about[:-1]}, "runs": {{\n{lines}\n }}}}')
    part = path.with_suffix(".part")
    part.write_text("{\n" + ",\n".join(chapters) + "\n}\n", encoding="utf-8")
    part.replace(path)


def over_runs(id: str, chapter: Mapping[str, Any]) -> Runs | None:
    """What became of a claim in a chapter's runs; None if it was in none."""
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

# What the paper gives a number for, in its words, and the name under which judges report theirs.
NUMBERS = (
    ("geometry/pentagon-digon", "times sparser where the losses cross", "about 2.5"),
    ("geometry/sticky", "neighbouring sparsities (of 40) on the plateau at 1", "a plateau"),
    ("geometry/sticky", "neighbouring sparsities (of 40) on the plateau at 1/2", "a plateau"),
    ("correlation/collapse", "density at which pair 1 collapses", "0.05"),
    ("correlation/collapse", "density at which pair 2 collapses", "0.15"),
    ("correlation/collapse", "density at which pair 3 collapses", "0.2 to 0.25"),
    ("adversarial/rises", "highest relative vulnerability", "more than 3"),
    ("adversarial/training", "attack norm at which superposition is gone", "0.8"),
)


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


def table(ledger: Sequence[Row]) -> SectionTables:
    """Every claim, by section: what the paper says, what its chapter measured, the verdict, and in how many runs it held."""
    head = ("claim", "the paper", "here", "verdict and runs")
    sections: dict[str, list[tuple[str, ...]]] = {}
    for row in ledger:
        section, _, name = row.id.partition("/")
        link = f"[`{name}`]({row.chapter}.html#{row.figure})" if row.chapter else f"`{name}`"
        verdict = f"**{row.verdict}**" + (f", {_share(row)}" if row.runs else "")
        sections.setdefault(SECTIONS[section], []).append((link, registry[row.id].says, row.measured, verdict))
    return SectionTables({title: MarkdownTable(head, body) for title, body in sections.items()})


def _share(row: Row) -> str:
    if row.runs is None:
        return ""
    low, high = row.runs.interval
    return f"{row.runs.held} of {row.runs.n} ({low:.2f} to {high:.2f})" + (", chapter changed since" if row.changed else "")


def numbers(kept: Mapping[str, Any]) -> MarkdownTable:
    """What the paper gives a number for: the median over runs, the range of nine tenths of them, and the paper's number."""
    body = []
    for id, name, paper in NUMBERS:
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
    body = [(f"`{id}`", registry[id].criterion, registry[id].reason) for id in _in_order(registry)]
    return MarkdownTable(("claim", "criterion", "why"), body)


def counts(ledger: Iterable[Row]) -> dict[str, int]:
    """How many claims have each verdict."""
    number = Counter(row.verdict for row in ledger)
    return {verdict: number[verdict] for verdict in VERDICTS}


def _in_order(ids: Iterable[str]) -> list[str]:
    """Sections in the paper's order, and in each the order in which its claims are registered."""
    return sorted(ids, key=lambda id: list(SECTIONS).index(id.partition("/")[0]))
