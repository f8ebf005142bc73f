"""Training: many restarts of many instances at once, of which the lowest expected loss is kept for each instance.

Source: paper, "Demonstrating superposition".
"""

import dataclasses
import inspect
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeGuard

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from supertoy._engine.lattice import batches, on_lattice, weighted_batches
from supertoy._engine.quadrature import quadrature
from supertoy._engine.step import OPTIMIZERS, Adam, AutogradStep, Decay, LinearPart, TrainingStep, side_by_side, step_kind
from supertoy._util import checks
from supertoy._util.border import guard, guarded
from supertoy._util.generators import keyed_generator
from supertoy._util.precision import where_float64_is
from supertoy._util.progress import progress
from supertoy._util.threads import in_threads, stopping
from supertoy.data import Data, Samples
from supertoy.loss import Loss, SquaredError, check_fit, expected_loss, expected_value, has_closed_form
from supertoy.models import BatchedModel, ToyModel

_LOOK_EVERY = 50  # steps between looks for NaN, and over which losses are averaged to compare restarts
_N_ROWS = 4096  # on which the L1 norm of hidden activations is measured in the end
_PIECE = 2**18  # numbers in the largest tensor of a piece, of which a few should fit in the cache


#: The options of the paper's published code, for `train(model, data, **PUBLISHED)`. Biases do not decay here.
PUBLISHED: dict[str, Any] = {"optimizer": "published", "n_steps": 10_000, "batch_size": 1024, "learning_rate": 1e-3}
PUBLISHED |= {"weight_decay": 0.01, "n_restarts": 1}


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What `train` and `sweep` can be told: the arguments of both, said and checked here.

    >>> TrainingOptions(n_steps=0)
    Traceback (most recent call last):
    ValueError: TrainingOptions.__init__: n_steps must be at least 1, got 0

    Attributes:
        loss: what to minimise instead of the paper's squared error, by autograd: a function of the model, x [model, row,
            feature] and the weights of its rows [model, row], which sum to 1, that gives a number for each model.
        importance: I_i, broadcasts to [instance, feature].
        l1: λ of a penalty λ E‖h‖₁ on hidden activations, which is a part of the loss then; one number, or one for each
            instance. The L1 norm is smallest, for a given length, along the neurons. So features rotate towards them, and a
            feature that is not worth the price is dropped.
        weight_decay: γ, one number or one for each instance, also negative. Apart from the gradients, as in AdamW, weights W
            lose γ W for each unit of the learning rate; biases do not. Or a function of the model that gives what its
            parameters lose, by name. It is no part of the loss.
        n_steps: gradient steps.
        batch_size: rows per step in the end, the zero vector among them; at least 4. If None 256, or all rows of `Samples`.
        n_nodes: if given, every step sees the whole expectation instead of a batch: all sets of active features, each active
            value at this many quadrature nodes. For few features; deterministic, without sampling noise.
        learning_rate: at its peak.
        optimizer: "adam", or "gradient descent", which is slower but goes where the loss falls fastest: to see how models
            learn. Its steps are as long as the loss is steep, so it needs another learning rate. "published" is for
            `PUBLISHED`: Adam at a constant rate, on batches of one size, of independent rows.
        n_restarts: independent starts per instance, the model's present weights among them.
        seed: of the batches and of the fresh starts.
        snapshot_steps: steps after which to keep a copy of the parameters, 0 to n_steps.
        first_instance: number of the model's first instance, where the model is a part of something larger.

    Raises:
        TypeError: an option of another kind.
        ValueError: an option out of range.
    """

    loss: Loss | None = None
    importance: float | Tensor = 1.0
    l1: float | Tensor = 0.0
    weight_decay: float | Tensor | Decay = 0.0
    n_steps: int = 1000
    batch_size: int | None = None
    n_nodes: int | None = None
    learning_rate: float = 0.03
    optimizer: str = "adam"
    n_restarts: int = 8
    seed: int = 0
    snapshot_steps: Iterable[int] | Tensor = ()
    first_instance: int = 0

    def __post_init__(self) -> None:
        checks.require_int(batch_size=self.batch_size or 4, at_least=4)
        checks.require_int(first_instance=self.first_instance, at_least=0)
        checks.require_number(learning_rate=self.learning_rate, above=0)
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
        if unknown := [name for name in options if name not in known]:
            raise TypeError(f"options must be among {', '.join(known)}; got {unknown[0]!r}")
        return cls(**options)

    def fitted(self, model: BatchedModel, data: Data) -> "TrainingOptions":
        """The same with one importance for each feature, one λ and one γ for each instance, if all of it fits together.

        Raises:
            TypeError: a model or data of another kind.
            ValueError: a model, data or options that do not fit each other; weights that are not finite.
        """
        check_fit(model, data)
        _require_trainable(model)
        n_instances, device = model.n_instances, model.device
        importance = checks.importances(self.importance, n_instances, model.n_features).to(device)
        l1 = checks.one_each(self.l1, "l1", n_instances).to(device)
        if self.loss is None:
            _require_reachable_target(model, data, self.seed)
            if not importance.any(-1).all():
                k = int((~importance.any(-1)).nonzero()[0])
                raise ValueError(
                    f"importance must not be zero for all features, as it is at instance {k}: nothing would be learned"
                )
            if l1.any() and not isinstance(model, ToyModel):
                raise ValueError(
                    f"l1 must be 0 for {type(model).__name__}, which has no hidden activations that train knows"
                )
        elif l1.any() or not (importance == 1).all():
            raise ValueError("loss must be None where importance or l1 is given, which belong to the squared error")
        decay = self.weight_decay
        if not callable(decay):
            decay = checks.one_each(decay, "weight_decay", n_instances, at_least=-math.inf).to(device)
        batch_size = 256 if self.batch_size is None and not isinstance(data, Samples) else self.batch_size
        fitted = dataclasses.replace(self, importance=importance, l1=l1, weight_decay=decay, batch_size=batch_size)
        fitted.n_rows(data)
        if self.loss is not None or callable(decay) or not knows(model, data, fitted):
            _require_independent_instances(model, data, fitted)
        return fitted

    def select(self, part: slice) -> "TrainingOptions":
        """Fitted options for some consecutive instances."""
        names = ["importance", "l1", *(() if callable(self.weight_decay) else ("weight_decay",))]
        tables: dict[str, Any] = {name: torch.as_tensor(getattr(self, name))[part] for name in names}
        return dataclasses.replace(self, **tables, first_instance=self.first_instance + part.start)

    @property
    def sees_all(self) -> bool:
        """Whether every step of fitted options sees the whole expectation."""
        return self.n_nodes is not None or self.batch_size is None

    def n_rows(self, data: Data) -> int:
        """Rows of the largest batch."""
        if self.n_nodes is not None:
            return quadrature(data.select(slice(0, 1)), self.n_nodes)[0].shape[1]
        return data.n_rows if isinstance(data, Samples) and self.batch_size is None else self.batch_size or 0

    def objective(self) -> Loss:
        """The loss of fitted options."""
        return self.loss or SquaredError(torch.as_tensor(self.importance), torch.as_tensor(self.l1))

    def decay(self) -> Decay | None:
        """The weight decay of fitted options as a function of the model; None if there is none."""
        if callable(self.weight_decay):
            return self.weight_decay
        rate = torch.as_tensor(self.weight_decay)
        return partial(_decayed, rate) if rate.any() else None

    def rate(self, step: int) -> float:
        """Of learning: it rises over the first twentieth, stays at its peak, and falls to zero over the second half.

        >>> [TrainingOptions(n_steps=100, learning_rate=1).rate(step) for step in (0, 4, 50, 75)]
        [0.2, 1.0, 1.0, 0.5]
        """
        n_warmup = max(1, self.n_steps // 20)
        share = min(1.0, (step + 1) / n_warmup, 2 * (1 - step / self.n_steps))
        return self.learning_rate * (1 if OPTIMIZERS[self.optimizer].as_published else share)

    def stages(self) -> list[tuple[int, int, int]]:
        """(last step, rows per batch, restarts) of each stage."""
        if OPTIMIZERS[self.optimizer].as_published:
            return [(self.n_steps, self.batch_size or 0, self.n_restarts)]
        stages = []
        for end, share_of_rows, share_of_restarts in ((0.3, 4, 1), (0.7, 2, 4), (1, 1, 16)):
            rows = 0 if self.batch_size is None else min(self.batch_size, max(4, self.batch_size // share_of_rows))
            kept = min(self.n_restarts, max(2, math.ceil(self.n_restarts / share_of_restarts)))
            stages.append((math.ceil(end * self.n_steps), rows, kept))
        return stages


TrainingOptions.__init__ = guarded(TrainingOptions.__init__, inside=True)  # type: ignore[method-assign] # `train` passes them on


def knows(model: BatchedModel, data: Data, options: TrainingOptions) -> TypeGuard[ToyModel]:
    """Whether the fast step, which has its gradients from us, can train this; else autograd does."""
    if not isinstance(model, ToyModel) or model.changed_methods or options.loss is not None:
        return False
    return (on_lattice(data) or type(data).sample is Samples.sample) and all(p.requires_grad for p in model.parameters())


def _decayed(rate: Tensor, model: BatchedModel) -> dict[str, Tensor]:
    """γ W of all weights that are trained, biases left out."""
    weights = {name: value for name, value in model.named_parameters() if value.ndim > 2 and value.requires_grad}
    each = rate.repeat_interleave(model.n_instances // len(rate)).to(model.dtype)
    return {name: each.view(-1, *[1] * (value.ndim - 1)) * value for name, value in weights.items()}


def _require_trainable(model: BatchedModel) -> None:
    """Raise unless the model's tensors are what training can repeat and change."""
    parameters = dict(model.named_parameters())
    nested = [name for name in [*parameters, *dict(model.named_buffers())] if "." in name]
    if nested:
        raise ValueError(f"model must have its parameters itself, with an instance axis, not in modules, got {nested[0]}")
    loose = [name for name, value in vars(model).items() if isinstance(value, Tensor)]
    if loose:
        raise ValueError(f"model must hold tensors as parameters or buffers, or restarts would not fit them, got {loose[0]}")
    for name, value in model.named_buffers():
        if value.ndim == 0 or len(value) not in (1, model.n_instances):
            raise ValueError(f"buffer {name} must have 1 or {model.n_instances} instances, got shape {list(value.shape)}")
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise ValueError("model must have a parameter that requires grad, or there is nothing to train")
    checks.require_finite(**parameters)


def _require_independent_instances(model: BatchedModel, data: Data, options: TrainingOptions) -> None:
    """Raise unless loss and decay give each instance what they give it alone, since training repeats and cuts instances."""
    data = data.to(dtype=model.dtype, device=model.device)
    generators = [keyed_generator(options.seed, 0, "look at the loss", data.device)] * data.n_instances
    rows, weight = next(weighted_batches(data, 32, 1, generators))
    x, weight = rows.mT.expand(model.n_instances, -1, -1), weight.expand(model.n_instances, -1)
    loss = options.objective()
    together, alone = side_by_side(model, {n: p.detach()[:, None] for n, p in model.named_parameters()}), model.select([0])
    first = options.select(slice(0, 1)).objective()
    with torch.enable_grad():
        try:
            of_all, of_first = loss(together, x, weight), first(alone, x[:1], weight[:1])
        except RuntimeError as error:
            raise ValueError(
                f"loss must take any number of models, as many as x has instances; with one of {model.n_instances} "
                f"it failed: {error} (What differs between instances belongs into the model, as a buffer.)"
            ) from error
    if of_all.shape != (model.n_instances,) or of_first.shape != (1,):
        raise ValueError(f"loss must give one number for each of {model.n_instances} models, got {list(of_all.shape)}")
    if not of_all.requires_grad:
        raise ValueError("loss must depend on a parameter that requires grad")
    if not torch.allclose(of_all[:1], of_first, rtol=1e-3, equal_nan=True):
        raise ValueError(
            f"loss must give an instance the same with others beside it and alone, got {of_all[0]:.6g} and {of_first[0]:.6g}"
        )
    if callable(options.weight_decay):
        own = {name: parameter for name, parameter in alone.named_parameters() if parameter.requires_grad}
        lost = options.weight_decay(together)
        for name, value in options.weight_decay(alone).items():
            if name not in own or value.shape != own[name].shape or not torch.allclose(lost[name][:1], value):
                raise ValueError(
                    "weight_decay must give parameters that require grad by name, in their shapes for any number of models, "
                    f"and an instance the same with others beside it and alone, got {name} {list(value.shape)}"
                )


def _require_reachable_target(model: BatchedModel, data: Data, seed: int) -> None:
    """Raise unless a ReLU can give what the model is to compute of such data."""
    if not isinstance(model, ToyModel) or model.target_is_input or not model.output_relu or model.changed_methods:
        return
    x, _ = data.to(dtype=model.dtype, device=model.device).sample(256, keyed_generator(seed, 0, "target", model.device))
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
        restart: [instance], which of the starts was kept; 0 is the model's own weights, -1 these as they were, where no
            training improved them.
        snapshots: the parameters after the steps that were asked for, by step and name; step 0 is the initial state.
        path: "fast step", where the gradients are ours, or "autograd".
        evaluate: what gives `loss`.
    """

    losses: Float[Tensor, "step instance"]
    restart_losses: Float[Tensor, "restart instance"]
    restart: Int[Tensor, "instance"]
    snapshots: dict[int, dict[str, Tensor]]
    path: str
    evaluate: Callable[[], Tensor] | None = field(repr=False)

    @cached_property
    def loss(self) -> Float[Tensor, "instance"]:
        """Expected loss at the end, of the restart that was kept (see `expected_loss`); computed when first asked for.

        A penalty is estimated on a sample of rows; a loss of your own by `supertoy.loss.expected_value`.
        """
        assert self.evaluate is not None
        return self.evaluate()

    def __getstate__(self) -> dict[str, Any]:
        """All numbers; what computes the loss stays behind."""
        return {**vars(self), "loss": self.loss, "evaluate": None}

    def __repr__(self) -> str:
        n_steps, n_instances = self.losses.shape
        low, high = self.losses[-1].aminmax()
        return (
            f"Record({n_steps} steps of {n_instances} instances by {self.path}, last losses {low:.4g} to {high:.4g}, "
            f"snapshots after {', '.join(map(str, self.snapshots)) or 'no'} steps)"
        )


def train(model: BatchedModel, data: Data, **options: Any) -> Record:
    """Train every instance of `model` in place; with restarts, keep the one of lowest expected loss for each instance.

    >>> data = st.Independent(n_features=2, probability=torch.tensor([[1.0], [0.1]]))  # dense, and sparse
    >>> model = st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1)
    >>> record = train(model, data, importance=torch.tensor([1.0, 0.9]), n_steps=300)
    >>> st.n_represented(model.W)  # both features share the one dimension where they are sparse
    tensor([1, 2])

    Adam (or plain gradient descent), with a learning rate that rises over the first twentieth of the steps, stays, and falls
    to zero over the second half. Batches grow: the first 0.3 of the steps see a quarter of `batch_size`, those up to 0.7 a
    half. The first restart starts from the model's present weights, the others from fresh ones; all restarts of an instance
    see the same batches. Where batches grow, the best quarter of the restarts goes on, but never fewer than two. (With
    `n_nodes`, and on all of `Samples`, every batch is the whole expectation, and does not grow; restarts are dropped all the
    same.) In the end the present weights compete as they were, so that none is made worse (a snapshot of the last
    step has what training made of it); not so under weight decay, which is no part of the loss.

    The paper's models are trained by a step whose gradients are ours. For a model or a `loss` of your own, a hidden bias, or
    where a parameter is frozen (`requires_grad=False`), autograd finds the gradients; the record says so.

    Random numbers are keyed by (seed, instance), so what is trained beside an instance matters to it only by roundings
    in the last bit (which training can amplify). The same call gives the same bits on any number of threads.

    `data` has one setting, or as many as the model has instances. All other arguments are the fields of `TrainingOptions`.
    A model on Apple's GPU, which has no float64, is trained on the CPU.

    Raises:
        TypeError: no such option, or one of another kind; before anything is trained, as the next two.
        ValueError: an option out of range or of a wrong shape.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        KeyboardInterrupt: training was interrupted; the model holds, for each instance, the restart that looked
            best, after its last completed step.

    Source: paper, "Demonstrating superposition"; the objective is Σ_i I_i (x_i - x'_i)², in expectation over x. The penalty
    is from "Strategic picture", "Approach 1: Creating models without superposition".
    """
    if (here := where_float64_is(model)) is not model:
        record = train(here, data, **options)
        model.load_state_dict(here.state_dict())
        return record
    fitted = TrainingOptions.of(options).fitted(model, data)
    data = data.to(dtype=model.dtype, device=model.device)
    n_rows = fitted.n_rows(data)
    largest = max((n_rows if fitted.sees_all else rows) * kept for _, rows, kept in fitted.stages())
    pieces = [
        _Piece(model.select(part), data.select(part), fitted.select(part))
        for part in _cut(model.n_instances, model.n_features * largest, model.device)
    ]
    try:
        with progress(len(pieces) * fitted.n_steps, "training", "step") as bar:
            in_threads([partial(piece.run, bar) for piece in pieces])
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
        restart=torch.cat([record.restart for record in records]),
        path=records[0].path,
        snapshots={
            step: {name: torch.cat([record.snapshots[step][name] for record in records]) for name in names}
            for step, names in records[0].snapshots.items()
        },
        evaluate=lambda: torch.cat([record.loss for record in records]),
    )


def _take_best(model: BatchedModel, pieces: "list[_Piece]") -> None:
    """Copy each instance's best restart into the model."""
    best = [piece.best() for piece in pieces]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.cat([values[name] for values in best]))


class _Piece:
    """Some consecutive instances, all restarts of them, trained together in one thread.

    Cutting keeps tensors in the cache, and lets cores work side by side without having to meet at every operation. Where the
    cuts are depends on sizes alone.
    """

    def __init__(self, model: BatchedModel, data: Data, options: TrainingOptions) -> None:
        self.model, self.data, self.options = model, data, options
        self.importance, self.l1 = torch.as_tensor(options.importance), torch.as_tensor(options.l1).to(model.dtype)
        self.kind: type[TrainingStep | AutogradStep] = step_kind(model) if knows(model, data, options) else AutogradStep
        self.is_exact = options.loss is None and has_closed_form(model, data)
        self.snapshot_at = frozenset(options.snapshot_steps)
        self.n_instances = model.n_instances
        self.start = [matrix[:, None].clone() for matrix in self.kind.pack(model)]
        self.matrices = self.start  # [instance, restart, ...]: hidden and bias, feature, or parameters by themselves
        self.restart = torch.zeros(self.n_instances, 1, dtype=torch.long, device=model.device)  # which they are
        self.losses: list[Tensor] = []  # of each stage, [step, instance, restart]
        self.snapshots: dict[int, list[Tensor]] = {}
        self.n_done = 0
        self.restart_losses = self.importance.new_zeros(self.n_instances, 0)

    def run(self, bar: "tqdm[None]") -> None:
        """Train to the end, or until nobody waits for it."""
        self._add_restarts()
        self._keep_snapshot()
        step, n_shown = None, 0
        for last, n_rows, n_kept in self.options.stages():
            root_weight, scale, rows = self._rows(n_rows, last - self.n_done)
            if step is None:
                step = self._step(root_weight)
            else:
                kept = self._recent().topk(n_kept, dim=1, largest=False).indices.sort(1).values
                step.keep(kept)
                self._keep(kept, step.matrices)
                step.use_rows(root_weight)
            first = self.n_done
            losses = self.matrices[0].new_zeros(last - first, self.n_instances, n_kept, 1)
            self.losses.append(losses[..., 0])
            for n in range(first, last):
                if stopping():
                    return
                step(next(rows), self.options.rate(n), losses[n - first])
                self.n_done = n + 1
                self._keep_snapshot()
                if self.n_done % _LOOK_EVERY == 0 or self.n_done == last:
                    self._stop_at_nan()
                    bar.update(self.n_done - n_shown)
                    n_shown = self.n_done
            losses *= scale[:, None, None]
            if first == 0:
                start_loss = losses[0, :, 0, 0].clone()

        if n_kept > 1:
            # A rough look is enough to choose by.
            self.restart_losses = self._expected_losses(self.matrices, 1e-3 if self.is_exact else 2e-2)
            self._keep(self.restart_losses.argmin(1, keepdim=True))
        # Where batches say that the loss has halved, the start need not be looked at. Weight decay is no part of the loss.
        in_doubt = ~(self._recent()[:, 0] < start_loss / 2)
        if in_doubt.any() and self.options.decay() is None:
            self._let_the_start_compete(in_doubt.nonzero()[:, 0])

    def _step(self, root_weight: Tensor) -> TrainingStep | AutogradStep:
        options = self.options
        if isinstance(self.model, ToyModel) and self.kind is not AutogradStep:
            kind = step_kind(self.model)
            optimizer, decay, data = options.optimizer, options.decay(), self.data.expand(self.n_instances)
            alike = bool((self.importance == self.importance[:, :1]).all()) and OPTIMIZERS[optimizer] is Adam
            linear = LinearPart.of(self.model, data, self.matrices[0]) if alike and not options.sees_all else None
            return kind(self.model, self.matrices, self.importance, root_weight, optimizer, self.l1, decay, linear)
        return AutogradStep(self.model, self.matrices, options.objective(), options.optimizer, options.decay())

    def best(self) -> dict[str, Tensor]:
        """The parameters of each instance's best restart, [instance, ...]; by recent losses if training was interrupted."""
        if self.restart.shape[1] > 1:
            self._keep(self._recent().argmin(1, keepdim=True))
        return self.kind.unpack(self.model, [matrix[:, 0] for matrix in self.matrices])

    def record(self) -> Record:
        """The record of the best restarts."""
        return Record(
            losses=torch.cat(self.losses)[..., 0],
            restart_losses=self.restart_losses.T,
            restart=self.restart[:, 0],
            snapshots={at: self.kind.unpack(self.model, [m[:, 0] for m in state]) for at, state in self.snapshots.items()},
            path=self.kind.path,
            evaluate=lambda: self._expected_losses(self.matrices)[:, 0],
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

    @torch.no_grad()
    def _let_the_start_compete(self, among: Tensor) -> None:
        """Go back to the given weights in those of these instances that training has not improved."""
        both = [torch.cat([mine, trained], dim=1) for mine, trained in zip(self.start, self.matrices, strict=True)]
        models = side_by_side(self.model.select(among), self.kind.unpack(self.model, [each[among] for each in both]))
        loss = self.options.loss or SquaredError(self.importance[among], self.l1[among])
        generators = [self._stream(k, "start", self.data.device) for k in among.tolist()]
        gains = []
        for rows, weight in weighted_batches(self.data.select(among), 256, 16, generators):
            x, weight = rows.mT.repeat_interleave(2, 0), weight.repeat_interleave(2, 0)
            gains.append(-loss(models, x, weight).view(-1, 2).diff(dim=1)[:, 0].double())
        gain, error = torch.stack(gains).mean(0), torch.stack(gains).std(0) / 4
        is_worse, is_close = gain < 0, gain.abs() <= 5 * error  # where they are close, only expected losses can tell
        if is_close.any():
            start, trained = self._expected_losses(both, 1e-4 if self.is_exact else None, among[is_close]).unbind(1)
            is_worse[is_close] = start < trained
        back, self.restart = among[is_worse], self.restart.clone()
        for matrix, mine in zip(self.matrices, self.start, strict=True):
            matrix[back] = mine[back]
        self.restart[back] = -1

    def _add_restarts(self) -> None:
        """The given weights as first restart, and fresh ones from each instance's own random numbers as the others."""
        n_fresh, start = self.options.n_restarts - 1, self.start
        if n_fresh:
            fresh = zip(*(self._fresh(k, n_fresh) for k in range(self.n_instances)), strict=True)
            start = [torch.cat([mine, torch.stack(each).to(mine)], dim=1) for mine, each in zip(start, fresh, strict=True)]
        self.matrices = [matrix.clone() for matrix in start]
        self.restart = torch.arange(1 + n_fresh, device=self.restart.device).expand(self.n_instances, -1)

    def _fresh(self, k: int, n: int) -> list[Tensor]:
        """n fresh starts of instance k as matrices, [restart, ...]."""
        generator, model = self._stream(k, "restarts", "cpu"), self.model
        draws_as_ours = all(getattr(type(model), name) is getattr(BatchedModel, name) for name in ("initial", "settle"))
        if isinstance(model, ToyModel) and self.kind is not AutogradStep and draws_as_ours:
            drawn = model.initial_scale * torch.randn(n, len(self.start), *self.start[0].shape[2:], generator=generator)
            drawn[..., -1, :] = 0  # the biases, and the row below untied input weights
            return [*drawn.unbind(1)]
        values = {name: value.detach()[k].expand(n, *value.shape[1:]).clone() for name, value in model.named_parameters()}
        for name in model.shapes:
            if getattr(model, name).requires_grad:
                values[name] = torch.stack([model.initial(name, generator) for _ in range(n)]).to(values[name])
        fresh = model.select([k] * n).like(values)
        fresh.settle()
        return self.kind.pack(fresh)

    def _rows(self, n_rows: int, n_steps: int) -> tuple[Tensor, Tensor, Iterator[Any]]:
        """√w of the rows in a batch [instance, row], what the loss is then to be multiplied with, and the batches."""
        n_instances, data, one = self.n_instances, self.data, torch.ones_like(self.matrices[0].flatten()[:1])
        weighs_rows = self.kind.weighs_rows
        if self.options.sees_all:
            x, weight = (data.x, data.weight) if isinstance(data, Samples) else quadrature(data, self.options.n_nodes or 1)
            root_weight, rows = weight.sqrt().to(x).expand(n_instances, -1), x.mT.expand(n_instances, -1, -1)
            if self.kind is AutogradStep:
                return root_weight, one, itertools.repeat((rows, weight.to(x).expand(n_instances, -1)))
            return root_weight, one, itertools.repeat(rows * root_weight[:, None] if weighs_rows else rows)
        generators = [self._stream(k, f"batches {self.n_done}", data.device) for k in range(n_instances)]
        published = OPTIMIZERS[self.options.optimizer].as_published
        if self.kind is AutogradStep:
            return one[:, None], one, weighted_batches(data, n_rows, n_steps, generators, independent=published)
        if on_lattice(data) and not published:
            weight = data.row_weights(n_rows).flip(1).expand(n_instances, -1)  # the zero vector is last
            drawn: Iterator[Tensor] = batches(data, n_rows, n_steps, generators)
        else:
            n_rows = min(n_rows, self.options.n_rows(data))
            weight = one.new_full((n_instances, n_rows), 1 / n_rows)
            drawn = (rows for rows, _ in weighted_batches(data, n_rows, n_steps, generators, independent=published))
        # All rows but the zero vector weigh the same, so they may weigh 1 until the loss is reported, if the optimizer does
        # not see the difference. Otherwise the rows carry it.
        root_weight, scale = (weight / weight[:, :1]).sqrt(), weight[:, 0]
        if not OPTIMIZERS[self.options.optimizer].sees_scale:
            return root_weight, scale, drawn
        if weighs_rows:
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
        n_averaged = 1 if self.options.sees_all else _LOOK_EVERY
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

    def _expected_losses(self, matrices: list[Tensor], rtol: float | None = None, among: Tensor | None = None) -> Tensor:
        """Expected losses of all instances, or of some, [instance, restart]."""
        n_restarts, chosen = matrices[0].shape[1], torch.arange(self.n_instances) if among is None else among.cpu()
        named = self.kind.unpack(self.model, [matrix[chosen] for matrix in matrices])
        trained, index = side_by_side(self.model.select(chosen), named), chosen.repeat_interleave(n_restarts)
        data, l1 = self.data.select(index), self.l1[index]
        if self.options.loss is not None:
            loss = expected_value(self.options.loss, trained, data, rtol or 5e-3)
        else:
            loss = expected_loss(trained, data, importance=self.importance[index], rtol=rtol)
        if l1.any():
            rows = {
                k: self.data.select(slice(k, k + 1)).sample(_N_ROWS, self._stream(k, "penalty", self.data.device))
                for k in chosen.tolist()
            }
            x, weight = (torch.cat(parts) for parts in zip(*(rows[k] for k in index.tolist()), strict=True))
            assert isinstance(trained, ToyModel)
            loss = loss + l1 * (weight * trained.hidden(x).abs().sum(-1)).sum(1)
        return loss.view(len(chosen), n_restarts)


def _cut(n_instances: int, per_instance: int, device: torch.device) -> list[slice]:
    """Consecutive instances in pieces that fit in the cache; two or more where there is enough for two threads to do."""
    total = n_instances * per_instance
    n_pieces = 1 if device.type != "cpu" else max(math.ceil(total / _PIECE), 2 if total >= _PIECE / 4 else 1)
    n_pieces = min(n_instances, n_pieces)
    ends = [n_instances * k // n_pieces for k in range(n_pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


guard(__name__)
