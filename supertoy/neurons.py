"""What single neurons stand for: which features they respond to, and whether that is one or several.

Here W holds a layer's input weights: `W[k, j, i]` is what feature i adds to neuron j of model k. Where features are never
negative, only positive weights can make a ReLU neuron fire. Pass `W.clamp(min=0)` to ask what activates it.

Source: paper, "The ReLU hidden layer toy model" and "Computation in superposition".
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util.border import guard

#: A neuron stands for one feature that has at least nine tenths of its squared weights: a tenth is noise, in power. It is in
#: use if its largest weight is at least a tenth of the layer's largest.
MONOSEMANTIC, IN_USE = 0.9, 0.1


def in_use(W: Float[Tensor, "instance hidden feature"]) -> Bool[Tensor, "instance hidden"]:
    """Whether a neuron's largest weight, of either sign, is at least a tenth of its layer's largest.

    >>> in_use(torch.tensor([[[2.0, 0.0], [0.0, 0.1]]]))
    tensor([[ True, False]])

    This compares neurons, so their weights must have a common scale: tied weights do, and so do weights that training has
    left in balance with the output weights.
    """
    size = W.abs().amax(2)
    return (size >= IN_USE * size.amax(1, keepdim=True)) & (size > 0)


def monosemantic(W: Float[Tensor, "instance hidden feature"]) -> Bool[Tensor, "instance hidden"]:
    """Whether one feature has at least 90 % of a neuron's squared weights; False for a neuron that is not in use.

    >>> monosemantic(torch.tensor([[[1.0, 0.3], [1.0, 0.4]]]))  # 1 / 1.09 and 1 / 1.16
    tensor([[ True, False]])

    Source: paper, "The ReLU hidden layer toy model", which tells the two kinds of neurons apart by eye.
    """
    squares = W.square()
    return in_use(W) & (squares.amax(2) >= MONOSEMANTIC * squares.sum(2))


def main_feature(W: Float[Tensor, "instance hidden feature"]) -> Int[Tensor, "instance hidden"]:
    """The feature with the largest weight of each neuron.

    >>> main_feature(torch.tensor([[[1.0, 0.3], [0.2, -0.4]]]))
    tensor([[0, 1]])
    """
    return W.abs().argmax(2)


def alignment(W: Float[Tensor, "instance hidden feature"]) -> Float[Tensor, "instance feature"]:
    """max_j W_ji² / ‖W_i‖²: the share of a feature's squared norm that lies in one neuron; 1 for a basis vector.

    >>> alignment(torch.tensor([[[1.0, 1.0], [0.0, 1.0]]]))
    tensor([[1.0000, 0.5000]])

    Zero for a feature whose weights are zero.

    Source: not in the paper, which shows W for both kinds of layer under "The ReLU hidden layer toy model".
    """
    squares = W.square()
    return (squares.amax(1) / squares.sum(1)).nan_to_num(0.0)


guard(__name__)
