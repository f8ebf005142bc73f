"""How much of what it should compute a model computes, output by output.

Source: not in the paper; the share of variance explained, as in any regression.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy import checks
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit
from supertoy.models import ToyModel
from supertoy.streams import stream


@torch.no_grad()
def explained_variance(
    model: ToyModel, data: FeatureDistribution, *, n_rows: int = 2**14, seed: int = 0
) -> Float[Tensor, "instance feature"]:
    """1 - E (y_i - y'_i)² / Var y_i: 1 where output i is exact, 0 where it is no better than a constant, or worse below.

    NaN where y_i is the same in all rows of the sample, as may happen if it is active less than once in `n_rows`.

    Args:
        model: any of the models; y is its target.
        data: one setting, or as many as the model has instances.
        n_rows: of the weighted sample on which both are measured, the zero vector among them.
        seed: of the sample, which instance k draws by (seed, k).

    Raises:
        ValueError: data does not fit the model; n_rows below 2.

    >>> model = st.LinearModel(1, n_features=2, n_hidden=1)
    >>> model = model.like({"W": torch.tensor([[[1.0, 0.0]]]), "b": torch.zeros(1, 2)})
    >>> explained_variance(model, st.Independent(2, 0.3))  # the second is a constant, and not even the best
    tensor([[ 1.0000, -0...]])
    """
    check_fit(model, data)
    checks.require_int(n_rows=n_rows, at_least=2)
    data = data.to(dtype=model.b.dtype, device=model.b.device)
    shares = []
    for k in range(model.n_instances):
        here = slice(k, k + 1)
        one = model.select(here)
        x, weight = data.select(here).sample(n_rows, stream(seed, k, "explained variance", model.b.device))
        y, w = one.target(x)[0], weight[0, :, None]
        variance = (w * (y - (w * y).sum(0)).square()).sum(0)
        share = 1 - (w * (y - one(x)[0]).square()).sum(0) / variance
        shares.append(torch.where(variance > 0, share, torch.nan))
    return torch.stack(shares)
