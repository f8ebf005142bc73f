"""Training on one setting after another, each from the solution of the one before.

Source: not in the paper.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit, expected_loss
from supertoy.models import ToyModel
from supertoy.training import train


def train_along(
    model: ToyModel, path: Sequence[FeatureDistribution], *, learning_rates: Sequence[float], **options: Any
) -> list[ToyModel]:
    """Train on one setting after another, and keep a copy of the model after each.

    >>> model = st.ReLUOutputModel(n_instances=1, n_features=5, n_hidden=2)
    >>> path = [st.Independent(5, p) for p in (0.5, 0.1)]
    >>> dense, sparse = train_along(model, path, learning_rates=[0.03, 0.01], n_steps=10)
    >>> torch.equal(model.W, sparse.W), torch.equal(model.W, dense.W)
    (True, False)

    Where features are very sparse, an output that no batch has needed for a while can switch off for good before anything is
    learned. A model that learned its task on denser data does not lose it in this way, and often ends at a much lower loss.

    Args:
        model: the start. It is trained in place, and ends as the last copy. Copies need no gradients.
        learning_rates: at the peak, for each setting. Sparser data has noisier batches and needs a smaller rate.
        **options: others of `train`, the same for all settings. With `n_restarts` a fresh start may win over the model from
            the setting before.
    """
    if len(path) == 0 or len(path) != len(learning_rates):
        raise ValueError(f"path and learning_rates must be equally long, got {len(path)} and {len(learning_rates)} entries")
    for data, learning_rate in zip(path, learning_rates, strict=True):  # refuse before anything is trained
        check_fit(model, data)
        checks.require_number(above=0, learning_rate=learning_rate)
    copies = []
    for data, learning_rate in zip(path, learning_rates, strict=True):
        n_steps = options.get("n_steps", 1000)
        record = train(model, data, learning_rate=learning_rate, snapshot_steps=[n_steps], **options)
        # The path goes on from what training made of the model, even if the start was a little better by chance.
        copies.append(model.like({name: value.clone() for name, value in record.snapshots[n_steps].items()}))
        with torch.no_grad():
            for name, value in copies[-1].named_parameters():
                getattr(model, name).copy_(value)
    return copies


def lowest_losses(
    models: Sequence[ToyModel],
    path: Sequence[FeatureDistribution],
    *,
    importance: float | Tensor = 1.0,
    rtol: float | None = None,
) -> tuple[ToyModel, Float[Tensor, "setting"]]:
    """The best of each setting's models by expected loss, as one model with an instance per setting, and its losses.

    Args:
        models: for each setting, models of one kind, with one function or activation. Their numbers of instances may differ.
        path: the settings, one in each distribution.
        rtol: relative accuracy of the losses, as in `expected_loss`.
    """
    if len(path) == 0 or len(path) != len(models):
        raise ValueError(f"models and path must be equally long, got {len(models)} and {len(path)} entries")
    if any(data.n_instances != 1 for data in path):
        raise ValueError(f"path must hold one setting at a time, got {[data.n_instances for data in path]} instances")
    losses = [expected_loss(m, data, importance=importance, rtol=rtol) for m, data in zip(models, path, strict=True)]
    best = [int(loss.argmin()) for loss in losses]
    parameters = {
        name: torch.stack([getattr(m, name).detach()[k] for m, k in zip(models, best, strict=True)])
        for name, _ in models[0].named_parameters()
    }
    return models[0].like(parameters), torch.stack([loss.min() for loss in losses])


guard(__name__)
