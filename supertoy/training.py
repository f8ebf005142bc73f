"""Training: many restarts of many instances at once, of which the lowest expected loss is kept for each instance.

Source: paper, "Demonstrating superposition".
"""

import dataclasses
import inspect
import itertools
import math
import operator
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

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


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What `train` and `sweep` can be told: the arguments of both, said and checked here.

    >>> TrainingOptions(n_steps=0)
    Traceback (most recent call last):
    ValueError: n_steps must be at least 1, got 0

    Attributes:
        importance: I_i, broadcasts to [instance, feature].
        l1: λ of a penalty λ E‖h‖₁ on hidden activations, which is a part of the loss then; one number, or one for each
            instance. The L1 norm is smallest, for a given length, along the neurons. So features rotate towards them, and a
            feature that is not worth the price is dropped.
        n_steps: gradient steps.
        batch_size: rows per step in the end, the zero vector among them; at least 4.
        n_nodes: if given, every step sees the whole expectation instead of a batch: all sets of active features, each active
            value at this many quadrature nodes. For few features; deterministic, without sampling noise.
        learning_rate: at its peak.
        optimizer: "adam", or "gradient descent", which is slower but goes where the loss falls fastest: to see how models
            learn. Its steps are as long as the loss is steep, so it needs another learning rate.
        n_restarts: independent starts per instance.
        seed: of the batches and of the fresh starts.
        snapshot_steps: steps after which to keep a copy of the parameters, 0 to n_steps.
        first_instance: number of the model's first instance, where the model is a part of something larger.

    Raises:
        TypeError: an option of another kind.
        ValueError: an option out of range.
    """

    importance: float | Tensor = 1.0
    l1: float | Tensor = 0.0
    n_steps: int = 1000
    batch_size: int = 256
    n_nodes: int | None = None
    learning_rate: float = 0.03
    optimizer: str = "adam"
    n_restarts: int = 1
    seed: int = 0
    snapshot_steps: Iterable[int] | Tensor = ()
    first_instance: int = 0

    def __post_init__(self) -> None:
        checks.require_int(n_steps=self.n_steps, n_restarts=self.n_restarts, at_least=1)
        checks.require_int(batch_size=self.batch_size, at_least=4)
        checks.require_int(seed=self.seed, first_instance=self.first_instance, at_least=0)
        checks.require_number(learning_rate=self.learning_rate, above=0)
        if self.n_nodes is not None:
            checks.require_int(n_nodes=self.n_nodes, at_least=1)
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(map(repr, OPTIMIZERS))}, got {self.optimizer!r}")
        snapshots = tuple(sorted({operator.index(step) for step in self.snapshot_steps}))
        if snapshots and not 0 <= snapshots[0] <= snapshots[-1] <= self.n_steps:
            raise ValueError(f"snapshot_steps must lie between 0 and n_steps = {self.n_steps}, got {[*snapshots]}")
        object.__setattr__(self, "snapshot_steps", snapshots)

    @classmethod
    def of(cls, options: dict[str, Any]) -> "TrainingOptions":
        """The options that were given by name; TypeError if there is no such option."""
        known = [option.name for option in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(f"options must be among {', '.join(known)}; got {name!r}")
        return cls(**options)

    def fitted(self, model: ToyModel, data: FeatureDistribution) -> "TrainingOptions":
        """The same with one importance for each feature and one λ for each instance, if all of it fits together.

        Raises:
            TypeError: a model with a bias in its hidden layer, which only `descent.minimize` can train.
            ValueError: a model, data, importance or l1 that do not fit each other; weights that are not finite.
        """
        check_fit(model, data)
        if model.hidden_bias:
            raise TypeError(
                f"model must have no bias in its hidden layer, which {type(model).__name__} has; see descent.minimize"
            )
        if model.changed_methods:
            raise TypeError(
                f"model must be one that train knows, and {type(model).__name__} has its own "
                f"{', '.join(model.changed_methods)}; see descent.minimize"
            )
        checks.require_finite(**dict(model.named_parameters()))
        _require_reachable_target(model, data, self.seed)
        importance = checks.importances(self.importance, model.n_instances, model.n_features).to(model.b.device)
        if not importance.any(-1).all():
            k = int((~importance.any(-1)).nonzero()[0])
            raise ValueError(
                f"importance must not be zero for all features, as it is at instance {k}: nothing would be learned"
            )
        l1 = checks.one_each(self.l1, "l1", model.n_instances).to(model.b.device)
        self.n_rows(data)
        return dataclasses.replace(self, importance=importance, l1=l1)

    def select(self, part: slice) -> "TrainingOptions":
        """Fitted options for some consecutive instances."""
        importance, l1 = (torch.as_tensor(table)[part] for table in (self.importance, self.l1))
        return dataclasses.replace(self, importance=importance, l1=l1, first_instance=self.first_instance + part.start)

    def n_rows(self, data: FeatureDistribution) -> int:
        """Rows of the largest batch."""
        if self.n_nodes is None:
            return self.batch_size
        return quadrature(data.select(slice(0, 1)), self.n_nodes)[0].shape[1]

    def stages(self) -> list[tuple[int, int, int]]:
        """(last step, rows per batch, restarts) of each stage."""
        stages = []
        for end, share_of_rows, share_of_restarts in ((0.3, 4, 1), (0.7, 2, 4), (1, 1, 16)):
            rows = min(self.batch_size, max(4, self.batch_size // share_of_rows))
            kept = min(self.n_restarts, max(2, math.ceil(self.n_restarts / share_of_restarts)))
            stages.append((math.ceil(end * self.n_steps), rows, kept))
        return stages


def _require_reachable_target(model: ToyModel, data: FeatureDistribution, seed: int) -> None:
    """Raise unless a ReLU can give what the model is to compute of such data."""
    if model.target_is_input or not model.output_relu:
        return
    x, _ = data.to(dtype=model.b.dtype, device=model.b.device).sample(
        256, keyed_generator(seed, 0, "target", model.b.device)
    )
    with torch.no_grad():
        lowest = model.target(x).min().item()
    if not lowest >= 0:
        raise ValueError(f"function must be nowhere negative, since a ReLU gives the outputs; got {lowest:.3g} on such data")


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


def train(model: ToyModel, data: FeatureDistribution, **options: Any) -> Record:
    """Train every instance of `model` in place; with restarts, keep the one of lowest expected loss for each instance.

    >>> data = st.Independent(n_features=2, probability=torch.tensor([[1.0], [0.1]]))  # dense, and sparse
    >>> model = st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1)
    >>> record = train(model, data, importance=torch.tensor([1.0, 0.9]), n_steps=300, n_restarts=4)
    >>> st.n_represented(model.W)  # both features share the one dimension where they are sparse
    tensor([1, 2])

    Adam (or plain gradient descent), with a learning rate that rises over the first twentieth of the steps, stays, and falls
    to zero over the second half. Batches grow: the first 0.3 of the steps see a quarter of `batch_size`, those up to 0.7 a
    half. The first restart starts from the model's present weights, the others from fresh ones; all restarts of an instance
    see the same batches. Where batches grow, the best quarter of the restarts goes on, but never fewer than two. (With
    `n_nodes` every batch is the whole expectation, and does not grow; restarts are dropped all the same.)

    Random numbers are keyed by (seed, instance), so what is trained beside an instance matters to it only by roundings
    in the last bit (which training can amplify). The same call gives the same bits on any number of threads.

    `data` has one setting, or as many as the model has instances. All other arguments are the fields of `TrainingOptions`.

    Raises:
        TypeError: no such option, or one of another kind; before anything is trained, as the next two.
        ValueError: an option out of range or of a wrong shape.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        KeyboardInterrupt: training was interrupted; the model holds, for each instance, the restart that looked
            best, after its last completed step.

    Source: paper, "Demonstrating superposition"; the objective is Σ_i I_i (x_i - x'_i)², in expectation over x. The penalty
    is from "Strategic picture", "Approach 1: Creating models without superposition".
    """
    fitted = TrainingOptions.of(options).fitted(model, data)
    data = data.to(dtype=model.b.dtype, device=model.b.device)
    start = pack(model)
    n_rows = fitted.n_rows(data)
    largest = max((rows if fitted.n_nodes is None else n_rows) * kept for _, rows, kept in fitted.stages())
    pieces = [
        _Piece(model, [m[part] for m in start], data.select(part), fitted.select(part))
        for part in _cut(model.n_instances, model.n_features * largest, model.b.device)
    ]
    stop = threading.Event()
    try:
        with progress(len(pieces) * fitted.n_steps, "training", "step") as bar:
            in_threads([partial(piece.run, stop, bar) for piece in pieces], stop)
    except KeyboardInterrupt:
        _take_best(model, pieces)
        raise
    _take_best(model, pieces)
    return join([piece.record() for piece in pieces])


def show_options(function: Callable[..., Any]) -> None:
    """Let a function that takes training options by name show them, with their defaults, in its signature."""
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    options = [*inspect.signature(TrainingOptions).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]


show_options(train)


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


class _Piece:
    """Some consecutive instances, all restarts of them, trained together in one thread.

    Cutting keeps tensors in the cache, and lets cores work side by side without having to meet at every operation. Where the
    cuts are depends on sizes alone.
    """

    def __init__(self, model: ToyModel, start: list[Tensor], data: FeatureDistribution, options: TrainingOptions) -> None:
        self.model, self.data, self.options = model, data, options
        self.importance, self.l1 = torch.as_tensor(options.importance), torch.as_tensor(options.l1).to(start[0])
        self.snapshot_at = frozenset(options.snapshot_steps)
        self.n_instances = len(start[0])
        self.matrices = [matrix[:, None] for matrix in start]  # [instance, restart, hidden and bias, feature]
        self.restart = torch.zeros(self.n_instances, 1, dtype=torch.long, device=start[0].device)  # which they are
        self.losses: list[Tensor] = []  # of each stage, [step, instance, restart]
        self.snapshots: dict[int, list[Tensor]] = {}
        self.n_done = 0
        self.restart_losses = self.importance.new_zeros(self.n_instances, 0)

    def run(self, stop: threading.Event, bar: "tqdm[None]") -> None:
        """Train to the end, or until `stop` is set."""
        self._add_restarts()
        self._keep_snapshot()
        step, n_shown = None, 0
        for last, n_rows, n_kept in self.options.stages():
            root_weight, scale, rows = self._rows(n_rows, last - self.n_done)
            if step is None:
                kind = step_kind(self.model)
                step = kind(self.model, self.matrices, self.importance, root_weight, self.options.optimizer, self.l1)
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
                step(next(rows), rate(n, self.options.n_steps, self.options.learning_rate), losses[n - first])
                self.n_done = n + 1
                self._keep_snapshot()
                if self.n_done % _LOOK_EVERY == 0 or self.n_done == last:
                    self._stop_at_nan()
                    bar.update(self.n_done - n_shown)
                    n_shown = self.n_done
            losses *= scale[:, None, None]

        if n_kept > 1:
            # A rough look is enough to choose by.
            self.restart_losses = self._expected_losses(1e-3 if has_closed_form(self.model, self.data) else 2e-2)
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
        n_restarts, start = self.options.n_restarts, self.matrices
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
        if self.options.n_nodes is not None:
            x, weight = quadrature(self.data, self.options.n_nodes)
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
        if not OPTIMIZERS[self.options.optimizer].sees_scale:
            return root_weight, scale, drawn
        if step_kind(self.model).weighs_rows:
            drawn = (scale.sqrt()[:, None, None] * rows for rows in drawn)
        return weight.sqrt(), torch.ones_like(scale), drawn

    def _stream(self, instance: int, purpose: str, device: torch.device | str) -> torch.Generator:
        return keyed_generator(self.options.seed, self.options.first_instance + instance, purpose, device)

    def _keep_snapshot(self) -> None:
        if self.n_done in self.snapshot_at:
            self.snapshots[self.n_done] = [matrix.clone() for matrix in self.matrices]

    def _recent(self) -> Tensor:
        """Loss over the last steps, [instance, restart]; comparable, since all restarts see the same batches."""
        if not self.n_done:
            return torch.zeros_like(self.restart, dtype=torch.float)
        # Only losses on random batches need averaging; without noise the last one says most.
        n_averaged = _LOOK_EVERY if self.options.n_nodes is None else 1
        recent = torch.cat(self.losses)[max(0, self.n_done - n_averaged) : self.n_done].mean(0)
        return recent.nan_to_num(nan=torch.inf)  # a restart that went astray is the worst, not the least

    def _stop_at_nan(self) -> None:
        bad = ~torch.isfinite(self.losses[-1])
        if bad.any():
            row, instance, k = bad.nonzero()[0].tolist()
            step = sum(len(stage) for stage in self.losses[:-1]) + row + 1
            raise FloatingPointError(
                f"loss became {self.losses[-1][row, instance, k].item():g} at step {step}, "
                f"instance {self.options.first_instance + instance} (restart {self.restart[instance, k]}); "
                "a smaller learning_rate may help"
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
