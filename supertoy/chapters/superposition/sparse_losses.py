"""The expected loss, taken apart by how many features are active.

Source: paper, "Mathematical understanding".
"""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import FeatureDistribution
from supertoy.loss import expected_loss
from supertoy.models import ReLUOutputModel


def k_sparse_losses(
    W: Float[Tensor, "instance hidden feature"],
    b: Float[Tensor, "instance feature"],
    importance: float | Tensor = 1.0,
) -> Float[Tensor, "instance n_active"]:
    """L_0 ... L_n: the ReLU model's expected loss given that exactly k features are active, each choice of k equally likely.

    >>> W, b = torch.tensor([[[1.0, -1.0]]]), torch.zeros(1, 2)  # an antipodal pair errs only where both are active
    >>> k_sparse_losses(W, b).round(decimals=3)
    tensor([[0.0000, 0.0000, 0.3330]], dtype=torch.float64)

    Each of the 2^n subsets has its own Fourier series, as in `expected_loss`, so more than 12 features are refused.
    """
    n_instances, n_hidden, n = W.shape
    if n > 12:
        raise ValueError(f"W must have at most 12 features, since all 2^n subsets are evaluated; got {n}")
    patterns = torch.tensor(list(itertools.product([0.0, 1.0], repeat=n)), dtype=torch.float64, device=W.device)
    n_active = patterns.sum(-1).long()
    losses = torch.zeros(n_instances, n + 1, dtype=torch.float64, device=W.device)
    # One instance for each subset: its features are always active, and the others never.
    subsets = FeatureDistribution(0, 1, n, patterns, dtype=torch.float64)
    model = ReLUOutputModel(len(patterns), n, n_hidden, dtype=torch.float64, device=W.device)
    for instance in range(n_instances):
        with torch.no_grad():
            model.W.copy_(W[instance].expand_as(model.W))
            model.b.copy_(b[instance].expand_as(model.b))
        I = checks.importances(importance, n_instances, n)[instance]
        losses[instance].index_add_(0, n_active, expected_loss(model, subsets, importance=I))
    return losses / torch.bincount(n_active, minlength=n + 1)


def binomial_weights(n_features: int, probability: Float[Tensor, "instance"]) -> Float[Tensor, "instance n_active"]:
    """Probability that exactly k = 0 ... n of n independent features are active, float64.

    >>> binomial_weights(2, torch.tensor([0.5]))
    tensor([[0.2500, 0.5000, 0.2500]], dtype=torch.float64)
    """
    p = checks.probabilities(probability[:, None], "probability", 1, "column")
    k = torch.arange(n_features + 1, device=p.device)
    choices = torch.tensor([math.comb(n_features, i) for i in k.tolist()], dtype=torch.float64, device=p.device)
    return choices * p**k * (1 - p) ** (n_features - k)


guard(__name__)
