"""Training with a price on hidden activations, which is one way out of superposition.

Source: paper, "Strategic picture", "Approach 1: Creating models without superposition".
"""

import threading
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy import checks
from supertoy.data import FeatureDistribution, sample_each
from supertoy.lattice import batches
from supertoy.loss import check_fit
from supertoy.models import ToyModel
from supertoy.progress import progress
from supertoy.schedule import rate
from supertoy.step import PenalisedStep, pack, unpack
from supertoy.streams import stream
from supertoy.threads import cut, in_threads

_N_ROWS = 4096  # on which starts are compared
_LOOK_EVERY = 50  # steps between looks for NaN


def train_penalised(
    model: ToyModel,
    data: FeatureDistribution,
    strength: float | Float[Tensor, "#instance"],
    *,
    importance: float | Tensor = 1.0,
    n_starts: int = 1,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> Float[Tensor, "instance"]:
    """Train every instance in place on the loss plus strength · E‖h‖₁, h its hidden activations.

    The L1 norm is smallest, for a given length, along the neurons. So the penalty turns features towards them, and it is a
    price that a feature must be worth.

    Args:
        model: its weights are the first start.
        data: of one setting, or as many as the model has instances.
        strength: λ, in units of loss per unit of activation; one for each instance, or one for all. At 0 this is ordinary
            training.
        importance: of the features, broadcast to [instance, feature].
        n_starts: independent starts for each instance, of which the one with the lowest penalised loss is kept.
        n_steps: gradient steps.
        batch_size: rows of a batch, the zero vector among them.
        learning_rate: at its peak; it runs as for `train`.
        seed: of the batches, which all starts of an instance share, and of further starts. Instance k depends on (seed, k)
            and n_starts.

    Returns:
        The penalised loss of each instance at the end, on a sample.

    Raises:
        TypeError: a model with a bias in its hidden layer, or with another activation than ReLU or none.
        ValueError: data that does not fit the model; strength negative or not finite; another argument out of range.
        FloatingPointError: a loss became NaN or infinite, with the step and the instance.
        KeyboardInterrupt: training was interrupted; the model is as it was.

    >>> model = st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1)
    >>> loss = train_penalised(model, st.Independent(2, 0.1), torch.tensor([0.0, 1.0]), n_steps=100)
    >>> st.n_represented(model.W) > 0  # at a price of 1 nothing is worth it
    tensor([ True, False])
    """
    check_fit(model, data)
    if model.hidden_bias or model.any_activation:
        raise TypeError(f"model must be linear, or with ReLUs and no hidden bias, which {type(model).__name__} is not")
    checks.require_int(n_starts=n_starts, n_steps=n_steps, at_least=1)
    checks.require_int(batch_size=batch_size, at_least=4)
    checks.require_int(seed=seed, at_least=0)
    checks.require_number(learning_rate=learning_rate, above=0)
    checks.require_finite(**dict(model.named_parameters()))
    n_instances, like = model.n_instances, model.b
    price = checks.one_each(strength, "strength", n_instances).to(like)
    I = checks.importances(importance, n_instances, model.n_features).to(like)
    data = data.to(dtype=like.dtype, device=like.device)

    packed = [matrix.unflatten(0, (n_instances, n_starts)) for matrix in pack(model.like(_starts(model, n_starts, seed)))]
    # Row 0, the zero vector, comes last in batches. The others weigh 1 here: Adam does not see the scale of a loss.
    weight = data.row_weights(batch_size).flip(1).expand(n_instances, -1)
    root_weight = (weight / weight[:, :1]).sqrt()
    generators = [stream(seed, k, "penalised batches", like.device) for k in range(n_instances)]
    stop = threading.Event()

    def descend(part: slice) -> list[Tensor]:
        matrices = [matrix[part].clone() for matrix in packed]
        step = PenalisedStep(model, matrices, I[part], root_weight[part], price=price[part])
        losses = like.new_zeros(n_steps, len(matrices[0]), n_starts, 1)
        for n, rows in enumerate(batches(data.select(part), batch_size, n_steps, generators[part])):
            if stop.is_set():
                break
            step(rows, rate(n, n_steps, learning_rate), losses[n])
            if (n + 1) % _LOOK_EVERY == 0 or n + 1 == n_steps:
                _stop_at_nan(losses[: n + 1], part.start)
                bar.update((n % _LOOK_EVERY) + 1)
        return matrices

    parts = cut(n_instances, n_starts * model.n_features * batch_size, like.device)
    with progress(len(parts) * n_steps, "training", "step") as bar:
        found = in_threads([partial(descend, part) for part in parts], stop)
    trained = unpack(model, [torch.cat(pieces).flatten(0, 1) for pieces in zip(*found, strict=True)])

    x, row_weight = sample_each(data, n_instances, _N_ROWS, seed, "penalised loss")
    starts, start_of = model.like(trained), torch.arange(n_instances, device=like.device).repeat_interleave(n_starts)
    x, row_weight = x[start_of], row_weight[start_of]
    h = starts.hidden(x)
    error = (starts.read_out(h) - starts.target(x)).square() @ I[start_of, :, None]
    priced = error[..., 0] + price[start_of, None] * h.abs().sum(-1)
    final = (row_weight * priced).sum(1).view(n_instances, n_starts)
    best = final.argmin(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(trained[name].unflatten(0, (n_instances, n_starts))[range(n_instances), best])
    return final.amin(1)


def _stop_at_nan(losses: Tensor, first_instance: int) -> None:
    bad = ~losses.isfinite()
    if bad.any():
        step, instance, start, _ = bad.nonzero()[0].tolist()
        raise FloatingPointError(
            f"loss became {losses[step, instance, start].item():g} at step {step + 1}, instance "
            f"{first_instance + instance} (start {start}); a smaller learning_rate may help"
        )


def _starts(model: ToyModel, n_starts: int, seed: int) -> dict[str, Tensor]:
    """The model's own parameters for the first start of each instance, fresh ones like `ToyModel`'s for the others."""
    parameters = {}
    for name, value in model.named_parameters():
        shape, scale = (n_starts - 1, *value.shape[1:]), 0.0 if value.ndim == 2 else model.initial_scale  # biases start at 0
        generators = [stream(seed, k, f"starts {name}") for k in range(model.n_instances)]
        fresh = [scale * torch.randn(shape, generator=generator) for generator in generators]
        every = torch.cat([value.detach()[:, None], torch.stack(fresh).to(value)], dim=1)
        parameters[name] = every.flatten(0, 1).clone(memory_format=torch.contiguous_format)
    return parameters
