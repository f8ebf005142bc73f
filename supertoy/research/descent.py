"""Descent on any loss, for attacks and dictionaries: slower than `train`, which knows the gradients of its models.

Source: not in the paper.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._engine.lattice import weighted_batches
from supertoy._engine.step import Adam
from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy._util.progress import progress
from supertoy.data import FeatureDistribution
from supertoy.training import TrainingOptions

#: From rows and their weights to the loss of each instance, or to that and the gradients of their sum.
Loss = Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Sequence[Tensor]]]


def minimize(
    loss: Loss,
    parameters: Sequence[Tensor],
    data: FeatureDistribution,
    *,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.03,
    seed: int = 0,
) -> Float[Tensor, "step instance"]:
    """Improve the parameters of many instances at once, in place, by Adam with the learning rate of `train`.

    >>> bias, data = torch.zeros(1, 2), st.Independent(2, torch.tensor([[1.0, 0.4]]))
    >>> def loss(x, weight):
    ...     return (weight * (x - bias[:, None]).square().sum(-1)).sum(1)
    >>> losses = minimize(loss, [bias], data, n_steps=200)
    >>> bias.round(decimals=1)  # the constants nearest to x are its means, p / 2
    tensor([[0.5000, 0.2000]])

    Returns the loss before each step. Instance k draws its batches by (seed, k).

    Args:
        loss: from x [instance, row, feature] and the weights of its rows [instance, row], which add up to 1, to the loss
            of each instance. The first row is the zero vector. Autograd finds the gradients, unless they come with it.
        parameters: what may change, [instance, ...] each and contiguous; the loss depends on these very tensors.
        data: of one setting, or as many as there are instances.
        batch_size: rows of a batch, the zero vector among them; at least 4.
        learning_rate: at its peak.

    Raises:
        FloatingPointError: a loss became NaN or infinite.
    """
    checks.require_int(n_steps=n_steps, at_least=1)
    checks.require_int(batch_size=batch_size, at_least=4)
    checks.require_int(seed=seed, at_least=0)
    checks.require_number(learning_rate=learning_rate, above=0)
    sizes = {len(parameter) for parameter in parameters}
    if len(sizes) != 1:
        raise ValueError(f"parameters must share one number of instances, got {sorted(sizes)}")
    if not all(parameter.is_contiguous() for parameter in parameters):
        raise ValueError("parameters must be contiguous, and not views that share memory; got one that is not")
    (n_instances,) = sizes
    if data.n_instances not in (1, n_instances):
        raise ValueError(f"data must have 1 or the parameters' {n_instances} instances, got {data.n_instances}")
    like = parameters[0]
    data = data.to(dtype=like.dtype, device=like.device)
    generators = [keyed_generator(seed, k, "batches 0", like.device) for k in range(n_instances)]

    adam = Adam([parameter.detach() for parameter in parameters])
    losses, options = like.new_zeros(n_steps, n_instances), TrainingOptions(n_steps=n_steps, learning_rate=learning_rate)
    required = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_()
        with progress(n_steps, "training", "step") as bar, torch.enable_grad():
            for step, (rows, weight) in enumerate(weighted_batches(data, batch_size, n_steps, generators)):
                now, gradients = _both(loss(rows.flip(-1).mT, weight.flip(-1)))
                losses[step] = _checked(now, n_instances, step).detach()
                if gradients is None:
                    # backward() would also leave gradients on everything else that the loss depends on.
                    gradients = torch.autograd.grad(now.sum(), parameters, materialize_grads=True)
                # The fused step reads both as flat memory, but the strides of a gradient may differ.
                adam.step([gradient.contiguous() for gradient in gradients], options.rate(step))
                bar.update()
    finally:
        for parameter, before in zip(parameters, required, strict=True):
            parameter.requires_grad_(before)
    return losses


def _both(found: Tensor | tuple[Tensor, Sequence[Tensor]]) -> tuple[Tensor, Sequence[Tensor] | None]:
    return found if isinstance(found, tuple) else (found, None)


def _checked(loss: Tensor, n_instances: int, step: int) -> Tensor:
    if loss.shape != (n_instances,):
        raise ValueError(f"loss must give one number for each of {n_instances} instances, got {list(loss.shape)}")
    bad = ~torch.isfinite(loss)
    if bad.any():
        first = int(bad.nonzero()[0])
        raise FloatingPointError(f"loss became {loss[first].item():g} at step {step + 1}, instance {first}")
    return loss


guard(__name__)
