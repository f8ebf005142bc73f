"""The paper's published training loop, written anew from its description: what `make bench` measures against.

Kept as plain as the original: dense batches of 1024, two uniform draws per entry, einsum, autograd, AdamW at 1e-3 with
torch's default weight decay, and Xavier-normal weights on a tensor with an instance axis.
"""

import time

import torch
from torch import Tensor, nn


class PublishedModel(nn.Module):
    """x' = ReLU(W Wᵀ x + b) for many instances; W is [instance, feature, hidden], as in the published code."""

    def __init__(self, n_instances: int, n_features: int, n_hidden: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(n_instances, n_features, n_hidden))
        nn.init.xavier_normal_(self.W)
        self.b = nn.Parameter(torch.zeros(n_instances, n_features))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.einsum("...if,ifh->...ih", x, self.W)
        return torch.relu(torch.einsum("...ih,ifh->...if", hidden, self.W) + self.b)


def published_loop(
    n_hidden: int, probability: Tensor, importance: Tensor, *, n_steps: int = 10_000, seed: int = 0
) -> tuple[Tensor, Tensor, float]:
    """Train one instance for each entry of `probability`, as the paper's notebook does.

    Args:
        n_hidden: m.
        probability: p of each instance, [instance].
        importance: I_i, [feature].
        n_steps: 10,000 in the paper.
        seed: of weights and batches.

    Returns:
        W [instance, hidden, feature], b [instance, feature], and the seconds that it took.
    """
    torch.manual_seed(seed)
    n_instances, n_features = len(probability), len(importance)
    model = PublishedModel(n_instances, n_features, n_hidden)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    started = time.perf_counter()
    for _ in range(n_steps):
        optimiser.zero_grad(set_to_none=True)
        values = torch.rand(1024, n_instances, n_features)
        active = torch.rand(1024, n_instances, n_features) <= probability[:, None]
        x = torch.where(active, values, 0.0)
        error = importance * (x - model(x)) ** 2
        loss = error.mean(dim=(0, 2)).sum()
        loss.backward()
        optimiser.step()
    return model.W.detach().mT.contiguous(), model.b.detach(), time.perf_counter() - started
