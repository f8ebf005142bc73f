"""Neurons that respond to several features: which they are, their order, and how pure they look.

W is as in `supertoy.neurons`: a layer's input weights.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.neurons import in_use, main_feature, monosemantic


def polysemantic(W: Float[Tensor, "instance hidden feature"]) -> Bool[Tensor, "instance hidden"]:
    """Whether a neuron is in use and not monosemantic.

    >>> polysemantic(torch.tensor([[[1.0, 0.3], [1.0, 0.4]]]))
    tensor([[False,  True]])
    """
    return in_use(W) & ~monosemantic(W)


def is_primary(W: Float[Tensor, "instance hidden feature"], ratio: float = 2.0) -> Bool[Tensor, "instance hidden"]:
    """Whether a neuron has a primary feature: its largest weight is at least `ratio` times its second largest, in magnitude.

    >>> is_primary(torch.tensor([[[1.0, 0.3], [1.0, -0.6]]]))
    tensor([[ True, False]])

    Source: paper, "Computation in superposition".
    """
    checks.require_number(above=0, ratio=ratio)
    if W.shape[2] < 2:
        raise ValueError(f"W must have two features or more, got {W.shape[2]}")
    first, second = W.abs().topk(2, dim=2).values.unbind(2)
    return (first >= ratio * second) & (first > 0)


def by_main_feature(W: Float[Tensor, "instance hidden feature"]) -> Int[Tensor, "instance hidden"]:
    """The order of neurons by the number of their main feature; neurons that are not in use come last.

    >>> by_main_feature(torch.tensor([[[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]]))
    tensor([[2, 0, 1]])
    """
    return torch.where(in_use(W), main_feature(W), W.shape[2]).argsort(dim=1, stable=True)


def purity_at_the_top(
    W: Float[Tensor, "hidden feature"], x: Float[Tensor, "row feature"], top: float = 0.01
) -> Float[Tensor, "hidden"]:
    """How often a neuron's main feature adds most to it, among the `top` share of its non-zero activations.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0], [0.0, 0.5]])
    >>> purity_at_the_top(torch.tensor([[1.0, 0.4]]), x, top=0.5), purity_at_the_top(torch.tensor([[1.0, 0.4]]), x, top=1)
    (tensor([1.]), tensor([0.5000]))

    W belongs to one model, and `top` lies in (0, 1]. The result is NaN for a neuron that no input activates.

    Source: paper, "Computation in superposition": a neuron can look as if it stood for one feature.
    """
    checks.require_number(above=0, top=top)
    if top > 1:
        raise ValueError(f"top must be at most 1, got {top}")
    shares = []
    for w in W:
        activation, largest = activations(w, x)
        n_top = max(1, round(top * int((activation > 0).sum())))
        chosen = activation.topk(n_top).indices
        pure = (largest[chosen] == w.abs().argmax()).to(W.dtype).mean()
        shares.append(torch.where((activation > 0).any(), pure, torch.nan))
    return torch.stack(shares)


def rescaled(
    W1: Float[Tensor, "instance hidden feature"], W2: Float[Tensor, "instance feature hidden"]
) -> tuple[Float[Tensor, "instance hidden feature"], Float[Tensor, "instance feature hidden"]]:
    """The same layer with every neuron's largest input weight 1: c ReLU(z / c) = ReLU(z), so its scale means nothing.

    >>> rescaled(torch.tensor([[[2.0, -0.5]]]), torch.tensor([[[0.5], [2.0]]]))
    (tensor([[[ 1.0000, -0.2500]]]), tensor([[[1.],
             [4.]]]))

    Source: paper, "The absolute value toy model", which rescales before it draws weights.
    """
    size = W1.abs().amax(2)
    size = torch.where(size > 0, size, 1.0)
    return W1 / size[..., None], W2 * size[:, None]


def activations(
    w: Float[Tensor, "feature"], x: Float[Tensor, "row feature"]
) -> tuple[Float[Tensor, "row"], Int[Tensor, "row"]]:
    """One neuron's activations ReLU(w·x), and for each row the feature that adds most to it.

    >>> activations(torch.tensor([1.0, -1.0]), torch.tensor([[1.0, 0.5], [0.2, -1.0]]))
    (tensor([0.5000, 1.2000]), tensor([0, 1]))

    Source: paper, "Computation in superposition": what a look at a neuron's top activations shows.
    """
    contribution = x * w
    return contribution.sum(1).relu(), contribution.argmax(1)


guard(__name__)
