"""What several test modules need: distributions of every kind, and models with weights that are not small."""

import pytest
import torch
from torch.nn import functional

import supertoy as st
from supertoy.models import ToyModel
from supertoy.research.values import Constant, Exponential
from supertoy.values import SIGNED, UNIT, Uniform, Values


class GELUModel(st.ActivationOutputModel):
    """A model with another activation, made with the arguments of all others."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, activation=functional.gelu, **options)


class CurvedModel(st.FunctionModel):
    """A model of a function that mixes features and depends on scale, made with the arguments of all others."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, function=lambda x: 0.2 + x.square() + torch.minimum(x, x.roll(1, -1)).relu(), **options)


MODELS = [st.LinearModel, st.ReLUOutputModel, st.ReLUHiddenModel, st.AbsoluteValueModel]
ALL_MODELS = [*MODELS, GELUModel, CurvedModel]


def distributions(values: Values = UNIT) -> dict[str, st.FeatureDistribution]:
    """Six features and three instances in every arrangement that the package knows."""
    p = torch.tensor([[1.0], [0.3], [0.05]])
    per_feature = torch.linspace(0.05, 0.9, 18).view(3, 6)
    return {
        "independent": st.Independent(6, p, values=values),
        "per feature": st.Independent(6, per_feature, values=values),
        "correlated": st.CorrelatedSets(2, 3, p, values=values),
        "anticorrelated": st.AnticorrelatedSets(2, 3, p, values=values),
        "correlated and single": st.CorrelatedSets(2, 2, torch.tensor([[0.9], [0.3], [0.05]]), n_features=6, values=values),
        "partly correlated": st.PartlyCorrelatedPairs(3, p[:, 0] / 2, torch.tensor([0.0, 0.7, -0.02]), values=values),
        "anticorrelated and single": st.AnticorrelatedSets(2, 2, p, n_features=6, values=values),
        "hierarchical": st.HierarchicalSets(
            2, [None, 0, 0], p, torch.tensor([[0.5, 0.9], [1.0, 0.2], [0.4, 0.4]]), values=values
        ),
        "hierarchical and single": st.HierarchicalSets(1, [None, 0, 1, 1], p, 0.6, n_features=6, values=values),
        "exactly 2": st.ExactlyK(6, 2, values=values).expand(3),
    }


#: All of them with the two kinds of values that the paper has, and a few with each other kind.
KINDS = [
    pytest.param(kind, values, id=f"{kind}, {values}")
    for values in (UNIT, SIGNED, Uniform(-0.5, 2), Uniform(0.5, 1), Exponential(0.5), Constant(-1.5))
    for kind in (distributions() if values in (UNIT, SIGNED) else ("per feature", "hierarchical", "exactly 2"))
]


def model_with_random_weights(kind: type[ToyModel], n_instances: int, n: int, m: int, dtype=torch.float64) -> ToyModel:
    """Weights and biases of ordinary size, so that every ReLU is sometimes on and sometimes off."""
    model = kind(n_instances, n, m, dtype=dtype)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def plain_sample(data: st.FeatureDistribution, n_rows: int, seed: int = 0) -> torch.Tensor:
    """Rows drawn the slow way, zeros and all, from the states of each block: [instance, row, feature]."""
    generator = torch.Generator().manual_seed(seed)
    active = torch.zeros(data.n_instances, n_rows, data.n_features, dtype=torch.bool)
    for block in range(data.n_blocks):
        states = data.states(block)
        chance = torch.stack([probability for _, probability in states], dim=1)
        drawn = torch.multinomial(chance, n_rows, replacement=True, generator=generator)
        for k, (members, _) in enumerate(states):
            active[..., members] |= (drawn == k)[..., None]
    x = data.values.of_uniform(1 - torch.rand(active.shape, generator=generator, dtype=torch.float64))
    return x * active
