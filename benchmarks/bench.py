"""How fast `supertoy` trains, measured against the paper's published loop and against the machine: `make bench`.

Usage: python benchmarks/bench.py [--only PART ...] [--store]

Parts: published (the table), step (operations a second), growth (exponents), exact (phase diagrams), scale (the largest
experiments), restarts (is the best found when the hopeless are dropped early?). With --store, the published loop runs
in full on settings (c) and (d), and the losses that it reaches are kept beside this file.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from published_loop import published_loop
from torch import Tensor

import supertoy as st
from supertoy import training
from supertoy._engine.lattice import batches
from supertoy._engine.quadrature import quadrature
from supertoy._engine.step import TrainingStep, pack
from supertoy._util.generators import keyed_generator

STORED = Path(__file__).with_name("published_losses.json")
SEVEN = torch.tensor([1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001])
TOLERANCE = 1.005  # on the published loop's loss


@dataclass(frozen=True)
class Setting:
    """One of the paper's experiments, and how `train` is asked to do it."""

    name: str
    n_features: int
    n_hidden: int
    probability: Tensor
    importance: Tensor
    target: float  # times faster
    options: dict[str, Any] = field(default_factory=dict)
    in_full: bool = True  # whether the published loop runs all its steps here, or 300 of them and its loss is a stored one

    def train(self, seed: int = 0) -> tuple[st.ReLUOutputModel, float]:
        """The trained model, and the seconds that it took, initial weights included."""
        started = time.perf_counter()
        model = st.ReLUOutputModel(len(self.probability), self.n_features, self.n_hidden, seed=seed)
        st.train(model, self.data(), importance=self.importance, seed=seed, **self.options)
        return model, time.perf_counter() - started

    def data(self) -> st.Independent:
        return st.Independent(self.n_features, self.probability[:, None])

    def published(self, n_steps: int = 10_000) -> tuple[Tensor, float]:
        """The exact loss of the published loop's models, and the seconds that it took."""
        W, b, seconds = published_loop(self.n_hidden, self.probability, self.importance, n_steps=n_steps)
        model = st.ReLUOutputModel(len(W), self.n_features, self.n_hidden).like({"W": W, "b": b})
        return st.expected_loss(model, self.data(), importance=self.importance), seconds


SETTINGS = {
    "a": Setting(
        "n=5 m=2, 10 instances", 5, 2, 20 ** -torch.linspace(0, 1, 10), 0.9 ** torch.arange(5), 100,
        {"n_steps": 250, "n_restarts": 16, "learning_rate": 0.06, "batch_size": 192},
    ),
    "b": Setting(
        "n=20 m=5, 7 instances", 20, 5, SEVEN, 0.7 ** torch.arange(20), 100,
        {"n_steps": 350, "n_restarts": 40, "learning_rate": 0.03, "batch_size": 192},
    ),
    "c": Setting(
        "n=200 m=20, 20 instances", 200, 20, 20 ** -torch.linspace(0, 1, 20), torch.ones(200), 60,
        {"n_steps": 8000, "n_restarts": 1, "learning_rate": 0.0025, "batch_size": 128}, in_full=False,
    ),
    "d": Setting(
        "n=80 m=20, 7 instances", 80, 20, SEVEN, 0.9 ** torch.arange(80), 60,
        {"n_steps": 1600, "n_restarts": 12, "learning_rate": 0.01, "batch_size": 512}, in_full=False,
    ),
}  # fmt: skip


def store_published() -> None:
    """Run the published loop in full where the table does not, and keep its losses."""
    losses = {}
    for key in ("c", "d"):
        loss, seconds = SETTINGS[key].published()
        losses[key] = [float(f"{value:.6g}") for value in loss.tolist()]
        print(f"({key}) in full: {seconds:.0f} s", flush=True)
    record = {"torch": torch.__version__.split("+")[0], "machine": platform.machine(), "seed": 0, "losses": losses}
    STORED.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def against_published() -> None:
    """The table: seconds of both, their ratio, and the exact loss that both reach on each instance."""
    SETTINGS["a"].train()  # what is done once per process (loading kernels) belongs to neither
    stored = json.loads(STORED.read_text(encoding="utf-8"))["losses"]
    rows = []
    for key, setting in SETTINGS.items():
        runs = [setting.train() for _ in range(3)]
        model, seconds = runs[0][0], sorted(run[1] for run in runs)[1]
        if setting.in_full:
            published_loss, published_seconds = setting.published()
            how = "in full"
        else:
            setting.published(20)
            published_loss, published_seconds = torch.tensor(stored[key]), setting.published(300)[1] * 10_000 / 300
            how = "from 300 steps"
        loss = st.expected_loss(model, setting.data(), importance=setting.importance)
        ratio, worse = published_seconds / seconds, loss / published_loss
        n_above = int((worse > TOLERANCE).sum())
        rows.append((key, setting, published_seconds, how, seconds, ratio, worse, n_above))
        print(f"\n({key}) {setting.name}: exact loss by density, published loop and supertoy, and their ratio")
        for p, a, b, r in zip(setting.probability, published_loss, loss, worse, strict=True):
            print(f"    p = {p:.4f}  {a:11.6g}  {b:11.6g}  {r:6.3f}{'  above' if r > TOLERANCE else ''}")

    print("\nsetting                          published loop          supertoy     ratio  target  losses above (0.5 %)")
    for key, setting, published_seconds, how, seconds, ratio, worse, n_above in rows:
        above = f"{n_above} of {len(worse)}" + (f", by up to {100 * (worse.max() - 1):.1f} %" if n_above else "")
        print(
            f"({key}) {setting.name:26} {published_seconds:8.2f} s {how:14} {seconds:7.3f} s {ratio:7.0f}x"
            f" {setting.target:6.0f}x  {above}"
        )
    print("seconds of supertoy: median of three on seed 0; restarts and the choice between them included. Its options were")
    print(
        "chosen by trying a dozen; the loop is the paper's, run once as it stands. The loop's losses of (c), (d) are stored."
    )


def sgemm_rate(n_threads: int) -> float:
    """GFLOP/s of a large single-precision product."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    A = torch.rand(2048, 2048)
    seconds = min(_timed(torch.matmul, A, A)[1] for _ in range(5))
    torch.set_num_threads(before)
    return 2 * 2048**3 / seconds / 1e9


def step_rates() -> None:
    """Steps a second and achieved GFLOP/s of the bare step and of whole trainings, against the measured sgemm rate."""
    peak, peak_of_one = sgemm_rate(torch.get_num_threads()), sgemm_rate(1)
    print(f"sgemm: {peak:.0f} GFLOP/s on {torch.get_num_threads()} threads, {peak_of_one:.0f} on one")
    print("                                    bare step, 1 thread            whole training, all threads")
    print("setting                      rows   steps/s  GFLOP/s  of sgemm      steps/s  GFLOP/s  of sgemm")
    n400 = Setting("n=400 m=30, 8 instances", 400, 30, torch.logspace(-2, 0, 8), torch.ones(400), 1, {"batch_size": 512})
    for setting in (*SETTINGS.values(), n400):
        n, m, k = setting.n_features, setting.n_hidden, len(setting.probability)
        rows = setting.options["batch_size"]
        bare, n_instances = bare_step_seconds(setting, rows), 1 if n >= 200 else k
        n_steps = 100 if n >= 200 else 1000
        _, seconds = replace(setting, options={"n_steps": n_steps, "n_restarts": 1, "batch_size": rows}).train()
        work = 5 * 2 * n * m  # multiply-adds in five products, for each row of each instance
        mean_rows = _mean_rows(n_steps, rows)
        bare_rate, rate = work * rows * n_instances / bare / 1e9, work * mean_rows * k * n_steps / seconds / 1e9
        print(
            f"{setting.name:27} {rows:5d} {1 / bare:9.0f} {bare_rate:8.1f} {100 * bare_rate / peak_of_one:8.0f} %"
            f" {n_steps / seconds:12.0f} {rate:8.1f} {100 * rate / peak:8.0f} %"
        )
    print("five products per step count as work; rows are those of the last steps of a training, fewer before")


def bare_step_seconds(setting: Setting, rows: int) -> float:
    """Seconds of one step on a batch that is there, on one thread; one instance where these are large."""
    n_instances = 1 if setting.n_features >= 200 else len(setting.probability)
    model = st.ReLUOutputModel(n_instances, setting.n_features, setting.n_hidden)
    data = setting.data().select(slice(0, n_instances))
    x = next(batches(data, rows, 1, [keyed_generator(0, k, "bench") for k in range(n_instances)]))
    step = TrainingStep(
        model, [pack(model)[0][:, None]], setting.importance.double().expand(n_instances, -1), torch.ones(n_instances, rows)
    )
    loss, n_threads = torch.zeros(n_instances, 1, 1), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        repeats = max(10, int(2e8 / (rows * setting.n_features * setting.n_hidden * n_instances)))

        def many_steps() -> None:
            for _ in range(repeats):
                step(x, 1e-3, loss)

        return min(_timed(many_steps)[1] for _ in range(5)) / repeats
    finally:
        torch.set_num_threads(n_threads)


def growth() -> None:
    """How time grows with instances, n and m over a decade: fitted exponents, 1 for linear."""
    base = {"n_instances": 16, "n": 100, "m": 20}
    grids = {
        "instances": [base | {"n_instances": k} for k in (16, 32, 80, 160)],
        "n": [base | {"n": n} for n in (100, 200, 500, 1000)],
        "m": [base | {"n": 400, "m": m} for m in (20, 50, 100, 200)],
    }
    print("time of 100 steps, batches of up to 512 rows, and the exponent of its growth")
    for name, grid in grids.items():
        seconds = []
        for sizes in grid:
            model = st.ReLUOutputModel(sizes["n_instances"], sizes["n"], sizes["m"])
            data = st.Independent(sizes["n"], 0.1)
            runs = [_timed(st.train, model, data, n_steps=100, n_restarts=1, batch_size=512)[1] for _ in range(3)]
            seconds.append(min(runs))
        key = {"instances": "n_instances"}.get(name, name)
        x, y = (torch.tensor(values).double().log() for values in ([sizes[key] for sizes in grid], seconds))
        exponent = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
        shown = ", ".join(f"{sizes[key]}: {s:.2f} s" for sizes, s in zip(grid, seconds, strict=True))
        print(f"  {name:10} {shown}; exponent {exponent:.2f}")


def phase_diagram(n: int, size: int, **options: Any) -> tuple[st.ReLUOutputModel, training.Record, Tensor, Tensor]:
    """n features in n - 1 dimensions over the extra feature's importance and the density."""
    r, p = torch.cartesian_prod(torch.logspace(-1, 1, size), torch.logspace(-2, 0, size)).T
    importance = torch.cat([torch.ones(size**2, n - 1), r[:, None]], dim=1)
    model = st.ReLUOutputModel(size**2, n, n - 1)
    data = st.Independent(n, p[:, None])
    record = st.sweep(model, data, importance=importance, learning_rate=0.04, n_steps=200, **options)
    return model, record, r, p


def exact() -> None:
    """Phase diagrams of 256 x 256 points, trained from restarts on the expectation itself."""
    for n, n_restarts, n_nodes, limit in ((2, 16, 4, 60), (3, 20, 3, 120)):
        (_, record, r, p), seconds = _timed(phase_diagram, n, 256, n_restarts=n_restarts, n_nodes=n_nodes)
        own = p / 3 - p**2 / 4  # the paper's candidates: one feature left out, or two as an antipodal pair
        pairs = [(1 + r) * p**2 / 6] + ([p**2 / 3] if n == 3 else [])
        best = torch.stack([own, r * own, *pairs]).min(0).values.double()
        excess = record.loss / best
        print(
            f"n={n} m={n - 1}, 256 x 256 points, {n_restarts} restarts: {seconds:.0f} s (limit {limit} s), "
            f"{quadrature(st.Independent(n, 0.5), n_nodes)[0].shape[1]} rows, peak memory {_peak_memory():.0f} MB;\n"
            f"    loss over the paper's best candidate: median {excess.median():.4f}, 99th percentile "
            f"{excess.quantile(0.99):.4f}, largest {excess.max():.3f}"
        )


def scale() -> None:
    """The paper's largest experiments."""
    p = 1 / torch.logspace(0, 2, 40)
    model, data = st.ReLUOutputModel(40, 400, 30), st.Independent(400, p[:, None])
    _, seconds = _timed(st.train, model, data, n_steps=4000, n_restarts=1, batch_size=384, learning_rate=0.005)
    print(f"n=400 m=30, 40 sparsities: {seconds:.0f} s (limit 150 s), peak memory {_peak_memory():.0f} MB")
    print("    p      D*    sum of D  features at each level (D within 0.02)")
    levels = {"3/4": 3 / 4, "2/3": 2 / 3, "1/2": 1 / 2, "2/5": 2 / 5, "3/8": 3 / 8}
    D, D_star = st.feature_dimensionality(model.W), st.dimensions_per_feature(model.W)
    for k in range(0, 40, 3):
        counts = "  ".join(f"{name}: {int(((D[k] - level).abs() < 0.02).sum()):3d}" for name, level in levels.items())
        print(f"    {p[k]:.3f}  {D_star[k]:.3f}  {D[k].sum():6.2f}    {counts}")

    absolute = st.AbsoluteValueModel(7, 100, 40)
    data, importance = st.Independent(100, SEVEN[:, None], values=st.values.SIGNED), 0.8 ** torch.arange(100)
    options: dict[str, Any] = {"n_steps": 4000, "batch_size": 512, "learning_rate": 0.01, "n_restarts": 16}
    record, seconds = _timed(st.train, absolute, data, importance=importance, **options)
    print(
        f"absolute value, n=100 m=40, 7 densities, 16 restarts: {seconds:.0f} s (limit 60 s), peak {_peak_memory():.0f} MB"
    )
    print("    loss per density:", "  ".join(f"{p:g}: {loss:.4g}" for p, loss in zip(SEVEN, record.loss, strict=True)))


def restarts() -> None:
    """1000 restarts at each of seven densities, hopeless ones dropped early, against training all of them to the end."""
    p = torch.tensor([1, 0.5, 0.3, 0.2, 0.15, 0.12, 0.05])
    data, importance = st.Independent(10, p[:, None]), 0.75 ** torch.arange(10)
    options: dict[str, Any] = {"n_steps": 2000, "batch_size": 128, "n_restarts": 1000, "importance": importance}
    dropped, full = st.ReLUHiddenModel(7, 10, 5), st.ReLUHiddenModel(7, 10, 5)
    _, seconds = _timed(st.train, dropped, data, **options)
    print(
        f"n=10 m=5, ReLU hidden layer, 1000 restarts at 7 densities: {seconds:.0f} s (limit 60 s), "
        f"peak memory {_peak_memory():.0f} MB"
    )
    stages = training.TrainingOptions.stages
    keep_all = lambda self: [(end, rows, self.n_restarts) for end, rows, _ in stages(self)]  # noqa: E731
    with patch.object(training.TrainingOptions, "stages", keep_all):
        _, seconds = _timed(st.train, full, data, **options)
    losses = [st.expected_loss(model, data, importance=importance, rtol=1e-3) for model in (dropped, full)]
    print(f"    all of them to the end: {seconds:.0f} s; best loss when dropping early over best loss of all:")
    print("    " + "  ".join(f"{p:g}: {a / b:.4f}" for p, a, b in zip(p, *losses, strict=True)))


def _mean_rows(n_steps: int, batch_size: int) -> float:
    """Rows per step of a training, on average over its stages."""
    schedule = training.TrainingOptions(n_steps=n_steps, batch_size=batch_size)
    ends = [0, *(end for end, _, _ in schedule.stages())]
    return sum((b - a) * rows for a, b, (_, rows, _) in zip(ends, ends[1:], schedule.stages(), strict=False)) / n_steps


def _timed(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = function(*arguments, **keywords)
    return result, time.perf_counter() - started


def _peak_memory() -> float:
    """MB that this process has held at most, so far; NaN on Windows, which has no such count."""
    try:
        import resource
    except ImportError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


PARTS: dict[str, Callable[[], None]] = {
    "published": against_published, "step": step_rates, "growth": growth, "exact": exact, "scale": scale,
    "restarts": restarts,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--store", action="store_true", help="run the published loop in full and keep its losses")
    arguments = parser.parse_args()
    if arguments.store:
        store_published()
    elif len(arguments.only) == 1:
        PARTS[arguments.only[0]]()
    else:
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores, {platform.machine()}")
        for name in arguments.only:  # each in a process of its own, since the peak of memory is a process's
            print(f"\n== {name}", flush=True)
            subprocess.run([sys.executable, __file__, "--only", name], check=True)


if __name__ == "__main__":
    main()
