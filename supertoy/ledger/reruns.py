"""Running chapters again with fresh seeds, and keeping what each run found, for `supertoy.ledger.tables`."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any

from supertoy._util.progress import progress
from supertoy.claims import FINDINGS


def read_chapters(folder: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """All notebooks in a folder, by name.

    Args:
        folder: of notebooks.
    """
    return {path.stem: _read(path) for path in sorted(Path(folder).glob("*.ipynb"))}


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def fingerprint(notebook: Mapping[str, Any]) -> str:
    """Changes when the code of the notebook's experiment does.

    Args:
        notebook: as from `read_chapters`.

    >>> cell = {"cell_type": "code", "metadata": {}, "source": ["1 + 1"]}
    >>> text = {"cell_type": "markdown", "source": ["One and one."]}
    >>> fingerprint({"cells": [cell]}) == fingerprint({"cells": [text, cell]})  # only code counts
    True
    """
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code" and not _to_explore(cell)]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def _to_explore(cell: Mapping[str, Any]) -> bool:
    """Whether a cell is there for readers to play with, tagged "explore": nothing that a chapter finds depends on it."""
    return "explore" in cell["metadata"].get("tags", [])


def run_chapter(path: str, seed: int) -> dict[str, Any]:
    """Execute a chapter's experiment with one seed in a kernel of its own, and return its findings, by claim.

    Cells with the tag "explore" are left out.

    Args:
        path: of the notebook.
        seed: takes the place of the chapter's seeds (see `chapter_seeds`).

    Raises:
        RuntimeError: a cell failed, with what it said.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not _to_explore(cell)]
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "findings.jsonl"
        environment = os.environ | {
            "SUPERTOY_SEED": str(seed),
            "SUPERTOY_N_SEEDS": "1",
            FINDINGS: str(record),
            "TQDM_DISABLE": "1",
            "OMP_NUM_THREADS": "1",  # chapters run side by side
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
    marks = {Path(path).stem: fingerprint(_read(path)) for path in paths}
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
    """What `run_chapters` has kept: by chapter its code's fingerprint, and what each run found; nothing without a file.

    Args:
        path: of the file that `run_chapters` writes.
    """
    return _read(path) if Path(path).exists() else {}


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
