"""What one active feature does to the outputs of the others, read linearly and through bias and ReLU.

Source: paper, "The superposition hypothesis": interference is noise that a nonlinear filter can remove.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard


def read_linearly(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """Σ_{j≠i} (W_j · W_i)²: squared errors at all other outputs of Wᵀ W x when only feature i is active, over x_i².

    >>> read_linearly(torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]]))
    tensor([[1., 1., 0.]])
    """
    return _gains_at_others(W).square().sum(1)


def through_relu(
    W: Float[Tensor, "instance hidden feature"], b: Float[Tensor, "instance feature"], n_nodes: int = 200
) -> Float[Tensor, "instance feature"]:
    """Σ_{j≠i} E ReLU(W_j · W_i x_i + b_j)² / E x_i²: the same where each output has a bias and a ReLU.

    >>> W = torch.tensor([[[1.0, -1.0, 0.5], [0.0, 0.0, 1.0]]])
    >>> through_relu(W, b=torch.zeros(1, 3)), through_relu(W, b=torch.tensor([[0.0, 0.0, -1.0]]))
    (tensor([[0.2500, 0.0000, 0.2500]]), tensor([[0.0000, 0.0000, 0.2500]]))

    x_i is uniform on [0, 1]; the expectation is a midpoint rule with `n_nodes` nodes.
    """
    gain = _gains_at_others(W)
    x = (torch.arange(n_nodes, dtype=W.dtype, device=W.device) + 0.5) / n_nodes
    output = (gain[..., None] * x + b[:, :, None, None]).relu()  # [instance, output, feature, node]
    other = ~torch.eye(W.shape[2], dtype=torch.bool, device=W.device)
    return (output * other[..., None]).square().sum(1).mean(-1) / x.square().mean()


def _gains_at_others(W: Tensor) -> Float[Tensor, "instance output feature"]:
    """WᵀW with zeros on the diagonal."""
    gram = W.mT @ W
    return gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))


guard(__name__)
