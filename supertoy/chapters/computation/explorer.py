"""Neurons that compute absolute values, under a slider: what each of them holds, from dense to sparse data."""

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.colors import to_hex

from supertoy._util.border import guard
from supertoy.chapters.computation.continuation import lowest_losses, train_along
from supertoy.chapters.computation.kinds import by_main_feature, polysemantic, rescaled
from supertoy.data import Independent
from supertoy.explore import Explorer, explorer, significant
from supertoy.loss import explained_variance
from supertoy.models import AbsoluteValueModel
from supertoy.neurons import monosemantic
from supertoy.plots import LINES
from supertoy.values import SIGNED

_COMPUTED = 0.5  # share of an output's variance; most explain nearly all of it or next to nothing


def neurons(
    n_features: int = 100,
    n_hidden: int = 40,
    probability: Sequence[float] = (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
    *,
    model: AbsoluteValueModel | None = None,
    n_starts: int = 3,
    n_steps: int = 1200,
    seed: int = 0,
    title: str | None = None,
) -> Explorer:
    """Neurons of the absolute-value model as stacks of their input weights, with a slider for the density.

    >>> neurons(probability=[1.0, 0.1], model=AbsoluteValueModel(n_instances=2, n_features=2, n_hidden=4))
    <Neurons: 2 densities, 2 features, 4 neurons>

    A stack has a block for each feature, as high as its absolute weight, where the neuron's largest is 1. Its colour says
    whether the neuron is monosemantic or polysemantic, and its largest block is stronger. Neurons come in the order of their
    main features. A feature counts as computed if the model explains more than half of the variance of its absolute value.

    Unless a model is given, the best of several starts at each density is trained here, with importance 0.8^i. Each start
    goes from dense to sparse data.

    Args:
        probability: density p = 1 - S of each setting, two or more.
        model: one instance for each density, trained on it. Sizes and options of training are then ignored.
        n_starts: how many to train at each density.
        n_steps: of training at each density.
        title: stands above the drawing and names it for a reader who cannot see it.

    Source: paper, "The absolute value toy model".
    """
    if len(probability) < 2 or not all(0 < p <= 1 for p in probability):
        raise ValueError(f"probability must have 2 entries or more, all in (0, 1], got {list(probability)}")
    order = sorted(range(len(probability)), key=lambda k: -probability[k])
    densities = [float(probability[k]) for k in order]
    if model is None:
        model = _trained(n_features, n_hidden, densities, n_starts=n_starts, n_steps=n_steps, seed=seed)
    elif model.n_instances != len(densities):
        raise ValueError(f"model must have one instance for each of {len(densities)} densities, got {model.n_instances}")
    else:
        model = model.select(torch.tensor(order))
    _, n_hidden, n_features = model.W1.shape
    if n_features < 2:
        raise ValueError(f"model must have two features or more, got {n_features}")

    in_order = by_main_feature(model.W1)
    kinds = torch.where(monosemantic(model.W1), 0, torch.where(polysemantic(model.W1), 1, 2)).gather(1, in_order)
    weights = rescaled(model.W1, model.W2)[0].gather(1, in_order[..., None].expand(-1, -1, n_features))
    data = {
        "density": significant(densities),
        "weights": (100 * weights).round().int().tolist(),  # shorter than with a decimal point
        "kinds": kinds.tolist(),
        "computed": [_n_computed(model.select(slice(k, k + 1)), p) for k, p in enumerate(densities)],
        "colours": [to_hex(colour) for colour in (LINES[0], LINES[1], LINES[7])],
    }
    size = f"{n_features} features, {n_hidden} neurons"
    return explorer(
        Path(__file__).with_name("neurons"),
        data,
        title=title or f"Neurons that compute absolute values: {size}",
        n_hidden=str(n_hidden),
        summary=f"Neurons: {len(densities)} densities, {size}",
    )


def _trained(
    n_features: int, n_hidden: int, densities: Sequence[float], *, n_starts: int, n_steps: int, seed: int
) -> AbsoluteValueModel:
    """The best of several starts at each density, each trained from dense to sparse."""
    settings = [_signed(n_features, p) for p in densities]
    importance = 0.8 ** torch.arange(n_features)
    start = AbsoluteValueModel(n_starts, n_features, n_hidden, seed=seed)
    with torch.no_grad():
        start.b.add_(0.01)  # an output that starts switched off may never switch on
    rates = [min(0.02, max(0.003, 0.065 * p**0.73)) for p in densities]  # sparser batches are noisier
    options = {"importance": importance, "n_steps": n_steps, "n_restarts": 1, "batch_size": 512, "seed": seed}
    models = train_along(start, settings, learning_rates=rates, **options)
    return lowest_losses(models, settings, importance=importance, rtol=0.01)[0]  # type: ignore[return-value]


def _signed(n_features: int, probability: float) -> Independent:
    return Independent(n_features, probability, values=SIGNED)


def _n_computed(model: AbsoluteValueModel, probability: float) -> int:
    return int((explained_variance(model, _signed(model.n_features, probability)) > _COMPUTED).sum())


guard(__name__)
