"""Training: weighted batches, hand-derived gradients, Adam, and restarts of which the lowest exact loss is kept."""

import copy
import math
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm.auto import tqdm

from supertoy import checks
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit, expected_loss
from supertoy.models import ToyModel

_ROWS_AT_ONCE = 2**20  # numbers drawn in one go: many steps' batches cost little more than one
_CHECK_EVERY = 100  # steps between looks for NaN, since each look waits for the device


@dataclass
class Record:
    """What training leaves behind.

    Attributes:
        losses: [step, instance], each step's estimate of the expected loss, of the restart that was kept.
        loss: [instance], exact expected loss at the end (see `expected_loss`).
        restart_losses: [restart, instance], the same for every restart that was trained to the end.
        snapshots: the parameters after the steps that were asked for, by step and name; step 0 is the initial state.
    """

    losses: Float[Tensor, "step instance"]
    loss: Float[Tensor, "instance"]
    restart_losses: Float[Tensor, "restart instance"]
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)


def train(
    model: ToyModel,
    data: FeatureDistribution,
    *,
    importance: float | Tensor = 1.0,
    n_steps: int = 1500,
    batch_size: int = 256,
    learning_rate: float = 0.02,
    n_restarts: int = 1,
    seed: int = 0,
    snapshot_steps: Iterable[int] = (),
) -> Record:
    """Train every instance of `model` in place; with restarts, keep the one of lowest expected loss for each instance.

    Adam with a linear warm-up over the first twentieth of the steps and a cosine decay to zero. The first restart starts
    from the model's present weights, the others from fresh ones; all see the same batches. Of more than four restarts the
    worse ones are dropped early: three quarters after a fifth of the steps, and of the rest again after half.

    Args:
        model: any of the four models; its weights are the start and, afterwards, the result.
        data: one setting, or as many as the model has instances.
        importance: I_i, broadcasts to [instance, feature].
        n_steps: gradient steps.
        batch_size: rows per step, the zero vector among them.
        learning_rate: at its peak.
        n_restarts: independent starts per instance.
        seed: of the batches and of the fresh starts.
        snapshot_steps: steps after which to keep a copy of the parameters, 0 to n_steps.

    Raises:
        ValueError: any argument out of range or of a wrong shape, before anything is trained.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        KeyboardInterrupt: training was interrupted; the model holds, for each instance, the restart that looked
            best, after its last completed step.

    Source: paper, "Demonstrating superposition"; the objective is Σ_i I_i (x_i - x'_i)², in expectation over x.
    """
    check_fit(model, data)
    checks.require_int(n_steps=n_steps, n_restarts=n_restarts, at_least=1)
    checks.require_int(batch_size=batch_size, at_least=2)
    checks.require_int(seed=seed, at_least=0)
    checks.require_number(learning_rate=learning_rate, above=0)
    checks.require_finite(**dict(model.named_parameters()))
    I = checks.importances(importance, model.n_instances, model.n_features)
    snapshot_at = set(snapshot_steps)
    if not snapshot_at <= set(range(n_steps + 1)):
        raise ValueError(f"snapshot_steps must lie between 0 and n_steps = {n_steps}, got {sorted(snapshot_at)}")

    dtype, device = model.b.dtype, model.b.device
    data = data.to(dtype=dtype, device=device)
    I = I.to(device)
    runs, flat = _restarts(model, n_restarts, seed)

    # Row 0 of every batch is the zero vector, so only the other rows are ever written, and the weights never change.
    x = torch.zeros(len(flat), batch_size, model.n_features, dtype=dtype, device=device)
    row_weight = data.row_weights(batch_size).expand(model.n_instances, -1)
    weight = (row_weight[..., None] * I[:, None]).to(dtype).repeat(n_restarts, 1, 1)
    batches = _batches(data, batch_size - 1, n_steps, seed)

    adam = _Adam(flat)
    losses = torch.empty(n_steps, len(flat), dtype=dtype, device=device)
    snapshots = {0: flat.clone()} if 0 in snapshot_at else {}
    n_done = 0
    try:
        for step in _progress(n_steps):
            x[:, 1:].unflatten(0, (-1, model.n_instances)).copy_(next(batches))
            losses[step], gradients = runs.loss_and_gradients(x, weight)
            adam.step(gradients, _learning_rate(learning_rate, step, n_steps))
            n_done = step + 1
            if n_done in snapshot_at:
                snapshots[n_done] = adam.flat.clone()
            if n_done % _CHECK_EVERY == 0 or n_done == n_steps:
                _stop_at_nan(losses, n_done, model.n_instances)
            n_keep = _n_kept(n_restarts, n_done, n_steps)
            if n_keep < len(x) // model.n_instances:
                kept = _best(_recent(losses, n_done), model.n_instances, n_keep)
                adam.keep(kept)
                runs = _view(model, adam.flat)
                # Runs are laid out restart after restart, so any whole number of restarts fits the first rows.
                x, weight = x[: len(kept)], weight[: len(kept)]
                losses = losses[:, kept]
                snapshots = {step: state[kept] for step, state in snapshots.items()}
        n_left = len(x) // model.n_instances
        loss = expected_loss(runs, data.repeat(n_left), importance=I.repeat(n_left, 1))
    except KeyboardInterrupt:
        # Control goes back at once: the restart that looks best in the last steps, no exact evaluation.
        if n_done:
            _copy(runs, model, _best(_recent(losses, n_done), model.n_instances))
        raise

    best = _best(loss, model.n_instances)
    _copy(runs, model, best)
    return Record(
        losses=losses[:, best],
        loss=loss[best],
        restart_losses=loss.unflatten(0, (-1, model.n_instances)),
        snapshots={step: _split(state[best], model) for step, state in sorted(snapshots.items())},
    )


def _restarts(model: ToyModel, n_restarts: int, seed: int) -> tuple[ToyModel, Tensor]:
    """One model with all runs as its instances, restart after restart, whose parameters are views of one flat tensor."""
    start = torch.cat([p.detach().flatten(1) for p in model.parameters()], dim=1)
    fresh = model.like(n_restarts * model.n_instances, seed)
    flat = torch.cat([p.detach().flatten(1) for p in fresh.parameters()], dim=1)
    flat[: model.n_instances] = start
    return _view(model, flat), flat


def _view(model: ToyModel, flat: Tensor) -> ToyModel:
    """A model like `model` whose instances are the rows of `flat`, without a copy."""
    runs = copy.copy(model)
    runs._parameters = {name: nn.Parameter(value, requires_grad=False) for name, value in _split(flat, model).items()}
    return runs


def _split(flat: Tensor, model: ToyModel) -> dict[str, Tensor]:
    """Views of flat [instance, number] with the names and shapes of the model's parameters."""
    named = dict(model.named_parameters())
    pieces = flat.split([p[0].numel() for p in named.values()], dim=1)
    return {name: piece.unflatten(1, p.shape[1:]) for (name, p), piece in zip(named.items(), pieces, strict=True)}


@torch.no_grad()
def _copy(runs: ToyModel, model: ToyModel, which: Tensor) -> None:
    """Copy the chosen runs' parameters into the model's instances."""
    for mine, theirs in zip(model.parameters(), runs.parameters(), strict=True):
        mine.copy_(theirs[which])


def _n_kept(n_restarts: int, n_done: int, n_steps: int) -> int:
    """How many restarts of each instance go on after `n_done` steps: a quarter from 1/5 on, a quarter of that from 1/2 on.

    Never fewer than four, since the order may still change while the learning rate is high.
    """
    n_cuts = (n_done >= n_steps / 5) + (n_done >= n_steps / 2)
    return min(n_restarts, max(4, math.ceil(n_restarts / 4**n_cuts)))


def _recent(losses: Tensor, n_done: int) -> Tensor:
    """Each run's loss summed over its last steps; comparable between restarts, since all see the same batches."""
    return losses[max(0, n_done - _CHECK_EVERY) : n_done].sum(0)


def _best(loss: Tensor, n_instances: int, n_best: int = 1) -> Tensor:
    """The `n_best` runs of lowest loss for each instance, as indices of runs, restart after restart."""
    restart = loss.unflatten(0, (-1, n_instances)).topk(n_best, dim=0, largest=False).indices.sort(0).values
    return (restart * n_instances + torch.arange(n_instances, device=loss.device)).flatten()


def _batches(data: FeatureDistribution, n_rows: int, n_steps: int, seed: int) -> Iterator[Tensor]:
    """One batch [instance, row, feature] of rows with something active for each step, drawn many steps at a time."""
    generator = torch.Generator(device=data.device).manual_seed(seed)
    n_at_once = max(1, _ROWS_AT_ONCE // (data.n_instances * n_rows * data.n_features))
    for start in range(0, n_steps, n_at_once):
        count = min(n_at_once, n_steps - start)
        yield from data.sample_active(count * n_rows, generator).unflatten(1, (count, n_rows)).unbind(1)


class _Adam:
    """Adam on one flat tensor of all parameters: five operations a step, however many models there are.

    The last of them is the only one that touches the parameters, so an interrupt never leaves a step half done.

    Source: Kingma & Ba (2015), algorithm 1, with the bias corrections folded into the step size.
    """

    def __init__(self, flat: Tensor, beta1: float = 0.9, beta2: float = 0.99, epsilon: float = 1e-10) -> None:
        self.flat, self.beta1, self.beta2, self.epsilon = flat, beta1, beta2, epsilon
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.n_steps = 0

    def keep(self, which: Tensor) -> None:
        """Go on with these rows alone."""
        self.flat, self.mean, self.square = self.flat[which], self.mean[which], self.square[which]

    def step(self, gradients: dict[str, Tensor], learning_rate: float) -> None:
        self.n_steps += 1
        gradient = torch.cat([g.flatten(1) for g in gradients.values()], dim=1)
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        corrected1, corrected2 = (1 - beta**self.n_steps for beta in (self.beta1, self.beta2))
        scale = self.square.sqrt().div_(corrected2**0.5).add_(self.epsilon)
        self.flat.addcdiv_(self.mean, scale, value=-learning_rate / corrected1)


def _learning_rate(peak: float, step: int, n_steps: int) -> float:
    """Linear warm-up over the first twentieth of the steps, then a cosine decay towards zero."""
    n_warmup = max(1, n_steps // 20)
    decay = 0.5 * (1 + math.cos(math.pi * step / n_steps))
    return peak * min(1.0, (step + 1) / n_warmup) * decay


def _stop_at_nan(losses: Tensor, n_done: int, n_instances: int) -> None:
    recent = losses[max(0, n_done - _CHECK_EVERY) : n_done]
    bad = ~torch.isfinite(recent)
    if bad.any():
        row, run = bad.nonzero()[0].tolist()
        step = max(0, n_done - _CHECK_EVERY) + row + 1
        restart, instance = divmod(run, n_instances)
        raise FloatingPointError(
            f"loss became {recent[row, run].item():g} at step {step}, instance {instance} (restart {restart}); "
            "a smaller learning_rate may help"
        )


def _progress(n_steps: int) -> Iterable[int]:
    """Steps with a progress bar, which shows in a terminal or a notebook and nowhere else."""
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and "IPKernelApp" in getattr(ipython.get_ipython(), "config", {})
    # tqdm's notebook bar draws a widget even where TQDM_DISABLE=1 silences it, so it is not asked at all.
    if os.environ.get("TQDM_DISABLE", "0") in ("", "0") and (in_notebook or sys.stderr.isatty()):
        return tqdm(range(n_steps), desc="training", unit="step", leave=False)
    return range(n_steps)
