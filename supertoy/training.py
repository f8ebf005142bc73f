"""Training: many restarts of many instances at once, of which the lowest expected loss is kept for each instance.

Source: paper, "Demonstrating superposition".
"""

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from supertoy._engine.lattice import batches
from supertoy._engine.quadrature import quadrature
from supertoy._engine.schedule import rate
from supertoy._engine.step import OPTIMIZERS, pack, step_kind, unpack
from supertoy._util import checks
from supertoy._util.generators import keyed_generator
from supertoy._util.progress import progress
from supertoy._util.threads import in_threads
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit, expected_loss, has_closed_form
from supertoy.models import ToyModel

_LOOK_EVERY = 50  # steps between looks for NaN, and over which losses are averaged to compare restarts
_N_ROWS = 4096  # on which the L1 norm of hidden activations is measured in the end
_PIECE = 2**18  # numbers in the largest tensor of a piece, of which a few should fit in the cache


@dataclass
class Record:
    """What training leaves behind.

    Attributes:
        losses: [step, instance], each step's estimate of the expected loss, of the restart that was kept. Where there is a
            penalty, it is a part of the loss, here and below.
        restart_losses: [restart, instance], expected losses of the restarts that were trained to the end and chosen from, to
            within 1 in 1000 (2 % where `expected_loss` has no closed form); no rows where there was one start only.
        snapshots: the parameters after the steps that were asked for, by step and name; step 0 is the initial state.
        evaluate: what gives `loss`.
    """

    losses: Float[Tensor, "step instance"]
    restart_losses: Float[Tensor, "restart instance"]
    snapshots: dict[int, dict[str, Tensor]]
    evaluate: Callable[[], Tensor]

    @cached_property
    def loss(self) -> Float[Tensor, "instance"]:
        """Expected loss at the end, of the restart that was kept (see `expected_loss`); computed when first asked for.

        A penalty is estimated on a sample of rows.
        """
        return self.evaluate()


def train(
    model: ToyModel,
    data: FeatureDistribution,
    *,
    importance: float | Tensor = 1.0,
    l1: float | Tensor = 0.0,
    n_steps: int = 1000,
    batch_size: int = 256,
    n_nodes: int | None = None,
    learning_rate: float = 0.03,
    optimizer: str = "adam",
    n_restarts: int = 1,
    seed: int = 0,
    snapshot_steps: Iterable[int] = (),
    first_instance: int = 0,
) -> Record:
    """Train every instance of `model` in place; with restarts, keep the one of lowest expected loss for each instance.

    Adam (or plain gradient descent), with a learning rate that rises over the first twentieth of the steps, stays, and falls
    to zero over the second half. Batches grow: the first 0.3 of the steps see a quarter of `batch_size`, those up to 0.7 a
    half. The first restart starts from the model's present weights, the others from fresh ones; all restarts of an instance
    see the same batches. Where batches grow, the best quarter of the restarts goes on, but never fewer than two. (With
    `n_nodes` every batch is the whole expectation, and does not grow; restarts are dropped all the same.)

    Random numbers are keyed by (seed, instance), so what is trained beside an instance matters to it only by roundings
    in the last bit (which training can amplify). The same call gives the same bits on any number of threads.

    Args:
        model: any of the models; its weights are the start and, afterwards, the result.
        data: one setting, or as many as the model has instances.
        importance: I_i, broadcasts to [instance, feature].
        l1: λ of a penalty λ E‖h‖₁ on hidden activations, which is a part of the loss then; one number, or one for each
            instance. The L1 norm is smallest, for a given length, along the neurons: so features turn towards them, and one
            that is not worth the price is dropped.
        n_steps: gradient steps.
        batch_size: rows per step in the end, the zero vector among them.
        n_nodes: if given, every step sees the whole expectation instead of a batch: all sets of active features, each active
            value at this many nodes (see `quadrature`). For few features; deterministic, without sampling noise.
        learning_rate: at its peak.
        optimizer: "adam", or "gradient descent", which is slower but goes where the loss falls fastest: to see how models
            learn. Its steps are as long as the loss is steep, so it needs another learning rate.
        n_restarts: independent starts per instance.
        seed: of the batches and of the fresh starts.
        snapshot_steps: steps after which to keep a copy of the parameters, 0 to n_steps.
        first_instance: number of the model's first instance, where the model is a part of something larger.

    Raises:
        TypeError: a model with a bias in its hidden layer, which only `descent.minimize` can train.
        ValueError: any argument out of range or of a wrong shape, before anything is trained.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        KeyboardInterrupt: training was interrupted; the model holds, for each instance, the restart that looked
            best, after its last completed step.

    Source: paper, "Demonstrating superposition"; the objective is Σ_i I_i (x_i - x'_i)², in expectation over x. The penalty
    is from "Strategic picture", "Approach 1: Creating models without superposition".

    >>> data = st.Independent(n_features=2, probability=torch.tensor([[1.0], [0.1]]))  # dense, and sparse
    >>> model = st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1)
    >>> record = train(model, data, importance=torch.tensor([1.0, 0.9]), n_steps=300, n_restarts=4)
    >>> st.n_represented(model.W)  # both features share the one dimension where they are sparse
    tensor([1, 2])
    """
    snapshot_at = frozenset(snapshot_steps)
    I = check_options(
        model, data, importance=importance, l1=l1, n_steps=n_steps, batch_size=batch_size, n_nodes=n_nodes,
        learning_rate=learning_rate, optimizer=optimizer, n_restarts=n_restarts, seed=seed, snapshot_steps=snapshot_at,
        first_instance=first_instance,
    )  # fmt: skip
    data = data.to(dtype=model.b.dtype, device=model.b.device)
    l1 = checks.one_each(l1, "l1", model.n_instances).to(model.b)
    if n_nodes is not None:
        batch_size = quadrature(data.select(slice(0, 1)), n_nodes)[0].shape[1]

    schedule = _Schedule(n_steps, batch_size, n_nodes, learning_rate, optimizer, n_restarts, snapshot_at)
    start = pack(model)
    per_instance = model.n_features * max(rows * kept for _, rows, kept in schedule.stages())
    pieces = [
        _Piece(
            model,
            [m[part] for m in start],
            data.select(part),
            I[part],
            l1[part],
            schedule,
            seed,
            first_instance + part.start,
        )
        for part in _cut(model.n_instances, per_instance, model.b.device)
    ]
    stop = threading.Event()
    try:
        with progress(len(pieces) * n_steps, "training", "step") as bar:
            in_threads([partial(piece.run, stop, bar) for piece in pieces], stop)
    except KeyboardInterrupt:
        _take_best(model, pieces)
        raise
    _take_best(model, pieces)
    return join([piece.record() for piece in pieces])


def check_options(
    model: ToyModel,
    data: FeatureDistribution,
    *,
    importance: float | Tensor,
    l1: float | Tensor,
    n_steps: int,
    batch_size: int,
    n_nodes: int | None,
    learning_rate: float,
    optimizer: str,
    n_restarts: int,
    seed: int,
    snapshot_steps: Iterable[int],
    first_instance: int,
) -> Float[Tensor, "instance feature"]:
    """Refuse what `train` cannot take, and give back the importance of every instance's features.

    Args:
        model: as for `train`.
        data: as for `train`.
        importance: as for `train`.
        l1: as for `train`.
        n_steps: as for `train`.
        batch_size: as for `train`, at least 4.
        n_nodes: as for `train`.
        learning_rate: as for `train`.
        optimizer: as for `train`.
        n_restarts: as for `train`.
        seed: as for `train`.
        snapshot_steps: as for `train`.
        first_instance: as for `train`.

    Raises:
        TypeError: as for `train`.
        ValueError: as for `train`.
    """
    check_fit(model, data)
    if model.hidden_bias:
        raise TypeError(
            f"model must have no bias in its hidden layer, which {type(model).__name__} has; see descent.minimize"
        )
    checks.require_int(n_steps=n_steps, n_restarts=n_restarts, at_least=1)
    checks.require_int(batch_size=batch_size, at_least=4)
    checks.require_int(seed=seed, first_instance=first_instance, at_least=0)
    checks.require_number(learning_rate=learning_rate, above=0)
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(map(repr, OPTIMIZERS))}, got {optimizer!r}")
    checks.require_finite(**dict(model.named_parameters()))
    checks.one_each(l1, "l1", model.n_instances)
    if not set(snapshot_steps) <= set(range(n_steps + 1)):
        raise ValueError(f"snapshot_steps must lie between 0 and n_steps = {n_steps}, got {sorted(snapshot_steps)}")
    if n_nodes is not None:
        quadrature(data.select(slice(0, 1)), n_nodes)
    return checks.importances(importance, model.n_instances, model.n_features).to(model.b.device)


def join(records: list[Record]) -> Record:
    """One record of all instances, in order, from records of some of them each.

    Args:
        records: with the same steps and snapshots.
    """
    return Record(
        losses=torch.cat([record.losses for record in records], dim=1),
        restart_losses=torch.cat([record.restart_losses for record in records], dim=1),
        snapshots={
            step: {name: torch.cat([record.snapshots[step][name] for record in records]) for name in names}
            for step, names in records[0].snapshots.items()
        },
        evaluate=lambda: torch.cat([record.loss for record in records]),
    )


def _take_best(model: ToyModel, pieces: "list[_Piece]") -> None:
    """Copy each instance's best restart into the model."""
    best = [piece.best() for piece in pieces]
    matrices = [torch.cat(parts) for parts in zip(*best, strict=True)]
    with torch.no_grad():
        for name, value in unpack(model, matrices).items():
            getattr(model, name).copy_(value)


@dataclass(frozen=True)
class _Schedule:
    """What happens at which step."""

    n_steps: int
    batch_size: int
    n_nodes: int | None
    learning_rate: float
    optimizer: str
    n_restarts: int
    snapshot_at: frozenset[int]

    def stages(self) -> list[tuple[int, int, int]]:
        """(last step, rows per batch, restarts) of each stage."""
        stages = []
        for end, share_of_rows, share_of_restarts in ((0.3, 4, 1), (0.7, 2, 4), (1, 1, 16)):
            rows = self.batch_size
            if self.n_nodes is None:
                rows = min(rows, max(4, rows // share_of_rows))
            kept = min(self.n_restarts, max(2, math.ceil(self.n_restarts / share_of_restarts)))
            stages.append((math.ceil(end * self.n_steps), rows, kept))
        return stages


class _Piece:
    """Some consecutive instances, all restarts of them, trained together in one thread.

    Cutting keeps tensors in the cache, and lets cores work side by side without having to meet at every operation. Where the
    cuts are depends on sizes alone.
    """

    def __init__(
        self,
        model: ToyModel,
        start: list[Tensor],
        data: FeatureDistribution,
        importance: Tensor,
        l1: Tensor,
        schedule: _Schedule,
        seed: int,
        first_instance: int,
    ) -> None:
        self.model, self.data, self.importance, self.l1, self.schedule = model, data, importance, l1, schedule
        self.seed, self.first_instance = seed, first_instance
        self.n_instances = len(importance)
        self.matrices = [matrix[:, None] for matrix in start]  # [instance, restart, hidden and bias, feature]
        self.restart = torch.zeros(self.n_instances, 1, dtype=torch.long, device=importance.device)  # which they are
        self.losses: list[Tensor] = []  # of each stage, [step, instance, restart]
        self.snapshots: dict[int, list[Tensor]] = {}
        self.n_done = 0
        self.restart_losses = importance.new_zeros(self.n_instances, 0)

    def run(self, stop: threading.Event, bar: "tqdm[None]") -> None:
        """Train to the end, or until `stop` is set."""
        self._add_restarts()
        self._keep_snapshot()
        step, n_shown = None, 0
        for last, n_rows, n_kept in self.schedule.stages():
            root_weight, scale, rows = self._rows(n_rows, last - self.n_done)
            if step is None:
                step = step_kind(self.model)(
                    self.model, self.matrices, self.importance, root_weight, self.schedule.optimizer, self.l1
                )
            else:
                kept = self._recent().topk(n_kept, dim=1, largest=False).indices.sort(1).values
                step.keep(kept)
                self._keep(kept, step.matrices)
                step.use_rows(root_weight)
            first = self.n_done
            losses = self.matrices[0].new_zeros(last - first, self.n_instances, n_kept, 1)
            self.losses.append(losses[..., 0])
            for n in range(first, last):
                if stop.is_set():
                    return
                step(next(rows), rate(n, self.schedule.n_steps, self.schedule.learning_rate), losses[n - first])
                self.n_done = n + 1
                self._keep_snapshot()
                if self.n_done % _LOOK_EVERY == 0 or self.n_done == last:
                    self._stop_at_nan()
                    bar.update(self.n_done - n_shown)
                    n_shown = self.n_done
            losses *= scale[:, None, None]

        if n_kept > 1:
            # A rough look is enough to choose by.
            self.restart_losses = self._expected_losses(1e-3 if has_closed_form(self.model) else 2e-2)
            self._keep(self.restart_losses.argmin(1, keepdim=True))

    def best(self) -> list[Tensor]:
        """The matrices of each instance's best restart, [instance, ...]; by recent losses if training was interrupted."""
        if self.restart.shape[1] > 1:
            self._keep(self._recent().argmin(1, keepdim=True))
        return [matrix[:, 0] for matrix in self.matrices]

    def record(self) -> Record:
        """The record of the best restarts."""
        return Record(
            losses=torch.cat(self.losses)[..., 0],
            restart_losses=self.restart_losses.T,
            snapshots={at: unpack(self.model, [m[:, 0] for m in state]) for at, state in self.snapshots.items()},
            evaluate=lambda: self._expected_losses()[:, 0],
        )

    def _keep(self, kept: Tensor, matrices: list[Tensor] | None = None) -> None:
        """Go on with these restarts alone, [instance, kept]."""
        instance = torch.arange(self.n_instances, device=kept.device)[:, None]
        # One assignment, so that an interrupt finds either all of them or none.
        self.matrices, self.restart, self.losses, self.snapshots = (
            matrices or [matrix[instance, kept] for matrix in self.matrices],
            self.restart[instance, kept],
            [losses[:, instance, kept] for losses in self.losses],
            {at: [matrix[instance, kept] for matrix in state] for at, state in self.snapshots.items()},
        )

    def _add_restarts(self) -> None:
        """The given weights as first restart, and fresh ones from each instance's own random numbers as the others."""
        n_restarts, start = self.schedule.n_restarts, self.matrices
        if n_restarts > 1:
            shape = (n_restarts - 1, len(start), *start[0].shape[2:])
            fresh = torch.stack(
                [torch.randn(shape, generator=self._stream(k, "restarts", "cpu")) for k in range(self.n_instances)]
            )
            fresh = self.model.initial_scale * fresh.to(start[0])
            fresh[..., -1, :] = 0  # the biases, and the row below untied input weights
            start = [torch.cat([mine, new], dim=1) for mine, new in zip(start, fresh.unbind(2), strict=True)]
        self.matrices = [matrix.clone() for matrix in start]
        self.restart = torch.arange(n_restarts, device=self.restart.device).expand(self.n_instances, -1)

    def _rows(self, n_rows: int, n_steps: int) -> tuple[Tensor, Tensor, Iterator[Tensor]]:
        """√w of the rows in a batch [instance, row], what the loss is then to be multiplied with, and the batches."""
        if self.schedule.n_nodes is not None:
            x, weight = quadrature(self.data, self.schedule.n_nodes)
            root_weight = weight.sqrt().to(x).expand(self.n_instances, -1)
            rows = x.mT.expand(self.n_instances, -1, -1)
            if step_kind(self.model).weighs_rows:
                rows = rows * root_weight[:, None]
            return root_weight, torch.ones_like(x[:1, 0, 0]), itertools.repeat(rows)
        weight = self.data.row_weights(n_rows).flip(1).expand(self.n_instances, -1)  # the zero vector is last
        generators = [self._stream(k, f"batches {self.n_done}", self.data.device) for k in range(self.n_instances)]
        drawn = batches(self.data, n_rows, n_steps, generators)
        # All rows but the zero vector weigh the same, so they may weigh 1 until the loss is reported, if the optimizer does
        # not see the difference. Otherwise the rows carry it.
        root_weight, scale = (weight / weight[:, :1]).sqrt(), weight[:, 0]
        if not OPTIMIZERS[self.schedule.optimizer].sees_scale:
            return root_weight, scale, drawn
        if step_kind(self.model).weighs_rows:
            drawn = (scale.sqrt()[:, None, None] * rows for rows in drawn)
        return weight.sqrt(), torch.ones_like(scale), drawn

    def _stream(self, instance: int, purpose: str, device: torch.device | str) -> torch.Generator:
        return keyed_generator(self.seed, self.first_instance + instance, purpose, device)

    def _keep_snapshot(self) -> None:
        if self.n_done in self.schedule.snapshot_at:
            self.snapshots[self.n_done] = [matrix.clone() for matrix in self.matrices]

    def _recent(self) -> Tensor:
        """Loss over the last steps, [instance, restart]; comparable, since all restarts see the same batches."""
        if not self.n_done:
            return torch.zeros_like(self.restart, dtype=torch.float)
        # Only losses on random batches need averaging; without noise the last one says most.
        n_averaged = _LOOK_EVERY if self.schedule.n_nodes is None else 1
        recent = torch.cat(self.losses)[max(0, self.n_done - n_averaged) : self.n_done].mean(0)
        return recent.nan_to_num(nan=torch.inf)  # a restart that went astray is the worst, not the least

    def _stop_at_nan(self) -> None:
        bad = ~torch.isfinite(self.losses[-1])
        if bad.any():
            row, instance, k = bad.nonzero()[0].tolist()
            step = sum(len(stage) for stage in self.losses[:-1]) + row + 1
            raise FloatingPointError(
                f"loss became {self.losses[-1][row, instance, k].item():g} at step {step}, instance "
                f"{self.first_instance + instance} (restart {self.restart[instance, k]}); a smaller learning_rate may help"
            )

    def _expected_losses(self, rtol: float | None = None) -> Tensor:
        """Expected losses, [instance, restart]."""
        n_restarts = self.matrices[0].shape[1]
        trained = self.model.like(unpack(self.model, [matrix.flatten(0, 1) for matrix in self.matrices]))
        index = torch.arange(self.n_instances, device=self.restart.device).repeat_interleave(n_restarts)
        loss = expected_loss(trained, self.data.select(index), importance=self.importance[index], rtol=rtol)
        if self.l1.any():
            rows = [
                self.data.select(slice(k, k + 1)).sample(_N_ROWS, self._stream(k, "penalty", self.data.device))
                for k in range(self.n_instances)
            ]
            x, weight = (torch.cat(parts)[index] for parts in zip(*rows, strict=True))
            loss = loss + self.l1[index] * (weight * trained.hidden(x).abs().sum(-1)).sum(1)
        return loss.view(self.n_instances, n_restarts)


def _cut(n_instances: int, per_instance: int, device: torch.device) -> list[slice]:
    """Consecutive instances in pieces that fit in the cache; two or more where there is enough for two threads to do."""
    total = n_instances * per_instance
    n_pieces = 1 if device.type != "cpu" else max(math.ceil(total / _PIECE), 2 if total >= _PIECE / 4 else 1)
    n_pieces = min(n_instances, n_pieces)
    ends = [n_instances * k // n_pieces for k in range(n_pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]
