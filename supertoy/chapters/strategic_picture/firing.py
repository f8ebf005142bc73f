"""How often neurons fire, and what a model gets for it.

Source: paper, "Strategic picture", on whether superposition pays if activations, not neurons, are what costs.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit
from supertoy.models import ToyModel

#: A neuron counts as silent up to this share of its largest activation: training leaves weights that are small, not zero.
SILENT = 0.01


def activation_frequency(
    h: Float[Tensor, "instance row hidden"], weight: Float[Tensor, "#instance row"], silent: float = SILENT
) -> Float[Tensor, "instance"]:
    """How many neurons fire at an input, on average over inputs.

    >>> activation_frequency(torch.tensor([[[0.0, 0.0], [2.0, 0.0], [1.0, 0.001]]]), torch.tensor([[0.5, 0.25, 0.25]]))
    tensor([0.7500])

    A neuron counts as silent up to the share `silent`, in [0, 1), of its largest activation. Activations are 0 or more.
    """
    if not 0 <= silent < 1:
        raise ValueError(f"silent must lie in [0, 1), got {silent}")
    return (weight[..., None] * (h > silent * h.amax(1, keepdim=True))).sum((1, 2))


@torch.no_grad()
def gain_per_activation(
    model: ToyModel,
    data: FeatureDistribution,
    *,
    importance: float | Tensor = 1.0,
    silent: float = SILENT,
    n_rows: int = 2**14,
    seed: int = 0,
) -> Float[Tensor, "instance"]:
    """By how much a model lowers the loss for each neuron activation, relative to dedicated neurons.

    The loss it lowers is that of the best constants. Dedicated neurons lower all of it, and fire once for each active
    feature. (A feature of either sign has two of them, of which one fires.) So 1 is as good as a neuron for each feature
    would be, if there were enough neurons. Instance k draws its sample by (seed, k).

    Raises:
        TypeError: the model has no ReLU on its hidden layer.
    """
    check_fit(model, data)
    if not model.hidden_relu:
        raise TypeError(f"model must have a ReLU on its hidden layer, which {type(model).__name__} has not")
    checks.require_int(n_rows=n_rows, at_least=2)
    weights = checks.importances(importance, model.n_instances, model.n_features).to(model.b)
    data = data.to(dtype=model.b.dtype, device=model.b.device)
    relative = []
    for k in range(model.n_instances):
        one, generator = model.select(slice(k, k + 1)), keyed_generator(seed, k, "gain per activation", model.b.device)
        x, weight = data.select(slice(k, k + 1)).sample(n_rows, generator)
        y, h = one.target(x), one.hidden(x)
        rows = weight[..., None]
        constant = (weights[k] * rows * (y - (rows * y).sum(1, keepdim=True)).square()).sum()
        lowered = constant - (weights[k] * rows * (y - one.read_out(h)).square()).sum()
        dedicated = constant / (rows * (x != 0)).sum()  # x ≠ 0 is what active means, whatever its sign
        relative.append(lowered / activation_frequency(h, weight, silent)[0] / dedicated)
    return torch.stack(relative)


guard(__name__)
