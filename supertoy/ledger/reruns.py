"""Running chapters again with fresh seeds, and keeping what each run found, for `supertoy.ledger.tables`."""

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any

from supertoy._util.border import guard
from supertoy._util.progress import progress
from supertoy.claims import FINDINGS
from supertoy.ledger.fingerprints import changed_parts, fingerprint, is_to_explore


def run_chapter(path: str, seed: int) -> dict[str, Any]:
    """Execute a chapter with one seed in place of its own, in a kernel of its own, and return its findings, by claim.

    Cells with the tag "explore" are left out.

    Raises:
        RuntimeError: a cell failed, with what it said.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not is_to_explore(cell)]
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

    What is in the file is not run again, so a call that was stopped goes on where it was. A chapter whose `fingerprint` has
    changed starts anew.

    Args:
        paths: of the notebooks, which the executor's workers must be able to read.
        seeds: one for each run.
        executor: any of `concurrent.futures`, or dask's `client.get_executor()`.
        kept: the file, made if it is not there.
        about: what else to note about these runs, such as versions.

    Raises:
        RuntimeError: a chapter failed, or was changed while it ran; what other runs have found is kept.
    """
    kept = Path(kept)
    ledger = read_kept(kept)
    done = {path: set() if _changed(ledger, path) else {*ledger[Path(path).stem]["runs"]} for path in paths}
    jobs = [(path, seed) for seed in seeds for path in paths if str(seed) not in done[path]]
    for path, seed, code, found in _run(jobs, executor):
        name = Path(path).stem
        if _changed(ledger, path):
            ledger[name] = {"code": code, "runs": {}}
        ledger[name] |= about or {}
        ledger[name]["runs"][str(seed)] = found
        _write(kept, ledger)


def verify_chapters(
    paths: Sequence[str | os.PathLike[str]],
    n: int,
    executor: Executor,
    kept: str | os.PathLike[str],
    about: Mapping[str, Any] | None = None,
) -> dict[str, list[str]]:
    """After a change of code that should change no result: the first n kept runs again, of each chapter that it touched.

    A chapter that finds what it found before, numbers to nine digits, keeps all its runs: they count as runs of the code as
    it is now, with a note of which seeds were verified. One that finds anything else stays as it is.

    Args:
        paths, executor, kept: as for `run_chapters`.
        n: runs of each chapter; all if there are fewer.
        about: what else to note about the verification, such as the date.

    Returns:
        what differs, by chapter; nothing for one whose runs are kept.

    Raises:
        RuntimeError: as for `run_chapters`; chapters that were verified before stay so.
    """
    kept = Path(kept)
    ledger = read_kept(kept)
    touched = {Path(path).stem: path for path in paths if Path(path).stem in ledger and _changed(ledger, path)}
    seeds = {name: sorted(map(int, ledger[name]["runs"]))[:n] for name in touched}
    left = {name: len(seeds[name]) for name in touched}
    differences: dict[str, list[str]] = {name: [] for name in touched}
    jobs = [(path, seed) for name, path in touched.items() for seed in seeds[name]]
    for path, seed, code, found in _run(jobs, executor):
        name = Path(path).stem
        before = ledger[name]["runs"][str(seed)]
        for id in sorted(before.keys() | found.keys()):
            if not _same(before.get(id), found.get(id)):
                differences[name].append(f"{id} with seed {seed}: {before.get(id)} before, {found.get(id)} now")
        left[name] -= 1
        if not left[name] and not differences[name]:
            ledger[name] |= {"code": code, "verified": {"seeds": seeds[name], **(about or {})}}
            _write(kept, ledger)
    return differences


def _same(before: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> bool:
    """Whether two runs found the same of a claim; the last digits of a number depend on the order in which it was summed."""
    if before is None or found is None:
        return before is found
    numbers, others = before.get("values", {}), found.get("values", {})
    return (
        {**before, "values": None} == {**found, "values": None}
        and numbers.keys() == others.keys()
        and all(math.isclose(numbers[name], others[name], rel_tol=1e-9) for name in numbers)
    )


def _changed(ledger: Mapping[str, Any], path: str | os.PathLike[str]) -> bool:
    return bool(changed_parts(ledger.get(Path(path).stem, {}).get("code", {}), path))


def _run(
    jobs: Sequence[tuple[str | os.PathLike[str], int]], executor: Executor
) -> Iterator[tuple[str | os.PathLike[str], int, dict[str, str], dict[str, Any]]]:
    """Path, seed, fingerprint and findings of each job, which is a path and a seed, as they come in."""
    codes = {path: fingerprint(path) for path, _ in jobs}
    running = {executor.submit(run_chapter, str(path), seed): (path, seed) for path, seed in jobs}
    with progress(len(jobs), "ledger", "run") as bar:
        try:
            for job in as_completed(running):
                found, (path, seed) = job.result(), running[job]
                if changed_parts(codes[path], path):
                    raise RuntimeError(f"{path}, or what it imports, was changed while it ran")
                yield path, seed, codes[path], found
                bar.update()
        finally:
            for job in running:
                job.cancel()


def read_kept(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `run_chapters` has kept: by chapter its code's fingerprint, and what each run found; nothing without a file."""
    return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if Path(path).exists() else {}


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


guard(__name__)
