"""What several test modules need: distributions of every kind, and models with weights that are not small."""

import torch
from torch.nn import functional

import supertoy as st
from supertoy.models import ToyModel


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


def distributions(signed: bool = False) -> dict[str, st.FeatureDistribution]:
    """Six features and three instances in every arrangement that the package knows."""
    p = torch.tensor([[1.0], [0.3], [0.05]])
    per_feature = torch.linspace(0.05, 0.9, 18).view(3, 6)
    return {
        "independent": st.Independent(6, p, signed=signed),
        "per feature": st.Independent(6, per_feature, signed=signed),
        "correlated": st.CorrelatedSets(2, 3, p, signed=signed),
        "anticorrelated": st.AnticorrelatedSets(2, 3, p, signed=signed),
        "correlated and single": st.CorrelatedSets(2, 2, torch.tensor([[0.9], [0.3], [0.05]]), n_features=6, signed=signed),
        "partly correlated": st.PartlyCorrelatedPairs(3, p[:, 0] / 2, torch.tensor([0.0, 0.7, -0.02]), signed=signed),
        "anticorrelated and single": st.AnticorrelatedSets(2, 2, p, n_features=6, signed=signed),
    }


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
    x = torch.rand(active.shape, generator=generator, dtype=torch.float64)
    return (2 * x - 1 if data.signed else x) * active
