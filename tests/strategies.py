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
    """Rows drawn the slow way, zeros and all, from the definition of each distribution: [instance, row, feature]."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for p in data.probability.double():
        active = torch.zeros(n_rows, data.n_features, dtype=torch.bool)
        start = 0
        for block, probability in enumerate(p):
            size = data.set_size if block < data.n_sets else 1
            on = torch.rand(n_rows, generator=generator, dtype=torch.float64) < probability
            if isinstance(data, st.AnticorrelatedSets) and size > 1:
                member = torch.randint(size, (n_rows,), generator=generator)
                active[torch.arange(n_rows), start + member] = on
            else:
                active[:, start : start + size] = on[:, None]
            start += size
        x = torch.rand(n_rows, data.n_features, generator=generator, dtype=torch.float64)
        rows.append((2 * x - 1 if data.signed else x) * active)
    return torch.stack(rows)
