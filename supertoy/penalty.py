"""Training with a price on hidden activations, which is one way out of superposition.

Source: paper, "Strategic picture", "Approach 1: Creating models without superposition".
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy import checks
from supertoy.data import FeatureDistribution, sample_each
from supertoy.descent import minimize
from supertoy.loss import check_fit
from supertoy.models import ToyModel
from supertoy.streams import stream

_N_ROWS = 4096  # on which starts are compared


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
        learning_rate: at its peak; see `minimize`.
        seed: of the batches and of further starts. Instance k depends on (seed, k) and n_starts.

    Returns:
        The penalised loss of each instance at the end, on a sample.

    Raises:
        ValueError: data that does not fit the model; strength negative or not finite; another argument out of range.
        FloatingPointError: a loss became NaN or infinite.

    >>> model = st.ReLUOutputModel(n_instances=2, n_features=2, n_hidden=1)
    >>> loss = train_penalised(model, st.Independent(2, 0.1), torch.tensor([0.0, 1.0]), n_steps=100)
    >>> st.n_represented(model.W) > 0  # at a price of 1 nothing is worth it
    tensor([ True, False])
    """
    check_fit(model, data)
    checks.require_int(n_starts=n_starts, at_least=1)
    checks.require_int(seed=seed, at_least=0)
    n_instances, like = model.n_instances, model.b
    price = checks.one_each(strength, "strength", n_instances).to(like)
    weights = checks.importances(importance, n_instances, model.n_features).to(like)

    start_of = torch.arange(n_instances, device=like.device).repeat_interleave(n_starts)
    starts = model.like(_starts(model, n_starts, seed))
    price, weights = price[start_of], weights[start_of]

    def loss(x: Tensor, weight: Tensor) -> Tensor:
        h = starts.hidden(x)
        error = (starts.read_out(h) - starts.target(x)).square() * weights[:, None]
        return (weight * (error.sum(-1) + price[:, None] * h.abs().sum(-1))).sum(1)

    options = {"n_steps": n_steps, "batch_size": batch_size, "seed": seed}
    minimize(loss, [*starts.parameters()], data.select(start_of), learning_rate=learning_rate, **options)
    rows = data.to(dtype=like.dtype, device=like.device)
    x, weight = (each[start_of] for each in sample_each(rows, n_instances, _N_ROWS, seed, "penalised loss"))
    with torch.no_grad():
        final = loss(x, weight).view(n_instances, n_starts)
        best = final.argmin(1)
        for name, value in model.named_parameters():
            value.copy_(starts.get_parameter(name).unflatten(0, (n_instances, n_starts))[range(n_instances), best])
    return final.amin(1)


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
