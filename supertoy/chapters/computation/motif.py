"""The asymmetric superposition motif: a neuron stores two features unequally, and another inhibits the output it disturbs.

A neuron with input weights [2, -1/2] and output weights [1/2, 2] computes both max(x_1, 0) and max(-x_2, 0). When x_2 is
active, x_1's output hears a quarter of it. When x_1 is active, x_2's output hears four times too much. A second neuron also
fires with x_1 and takes that away again: its large negative weight turns the interference negative, and a ReLU swallows it.

Source: paper, "The asymmetric superposition motif".
"""

from dataclasses import dataclass

import torch

from supertoy._util.border import guard
from supertoy.models import FunctionModel

# The asymmetry in input weights (large to small) and in output weights (small to large) that counts; the response to a
# feature alone from which a neuron stores it; and the share of the disturbance that an inhibitor must take away.
_RATIO, _STORED, _INHIBITED = 2.0, 0.5, 0.3


@dataclass(frozen=True)
class Motif:
    """Where the motif is, and how strong.

    Attributes:
        instance: which model.
        neuron: the one that stores two features.
        strong: the feature with the large input weight, which disturbs.
        weak: the feature with the small input weight and the large output weight, which is disturbed.
        inhibitor: the neuron that takes most away from the disturbed output.
        sign: of the strong feature when it makes the neuron fire.
        interference: what the neuron adds to the weak feature's output when the strong one is `sign`, alone.
        inhibition: what the inhibitor adds to it, negative.
        rest: the output's pre-activation in the end, from the bias and all neurons.
    """

    instance: int
    neuron: int
    strong: int
    weak: int
    inhibitor: int
    sign: float
    interference: float
    inhibition: float
    rest: float


@torch.no_grad()
def find(model: FunctionModel) -> list[Motif]:
    """All occurrences, model by model, the strongest interference first.

    >>> W1 = torch.tensor([[[2.0, -0.5], [1.0, 0.0]]])  # neuron 0 as above, and one that fires with feature 0 as well,
    >>> W2 = torch.tensor([[[0.5, 0.0], [2.0, -4.0]]])  # and takes from output 1 what it should not hear
    >>> model = st.AbsoluteValueModel(1, n_features=2, n_hidden=2).like({"W1": W1, "W2": W2, "b": torch.zeros(1, 2)})
    >>> [motif] = find(model)
    >>> motif.interference, motif.inhibition, motif.rest
    (4.0, -4.0, 0.0)

    A neuron stores a feature if the product of its input and its output weight is 1/2 or more in absolute value. (At 1 it
    computes one side of an absolute value.) It stores two asymmetrically if the input weights differ by a factor of 2 or
    more, and the output weights by as much the other way round. The disturbance is inhibited if another neuron that fires
    with the strong feature takes 30 % or more of it away. All pairs are looked at, so the model should be small.

    Source: paper, "The asymmetric superposition motif".
    """
    W1, W2, b = (tensor.double() for tensor in (model.input_weights, model.output_weights, model.b))
    stored = W1 * W2.mT  # [instance, neuron, feature], on the outputs' scale, whatever the neuron's own
    inward, outward = W1.abs(), W2.mT
    strong, weak = (..., slice(None), None), (..., None, slice(None))
    unequal = (inward[strong] >= _RATIO * inward[weak]) & (outward[weak] >= _RATIO * outward[strong])
    both = (stored.abs()[strong] >= _STORED) & (stored.abs()[weak] >= _STORED) & (outward[strong] > 0)
    found = []
    for k, j, i, other in (unequal & both).nonzero().tolist():
        sign = W1[k, j, i].sign()
        heard = (sign * W1[k, :, i]).relu() * W2[k, other]  # by the weak feature's output from each neuron
        inhibitor = int(heard.argmin())
        if heard[inhibitor] <= -_INHIBITED * heard[j]:
            rest = heard.sum() + b[k, other]
            numbers = (value.item() for value in (sign, heard[j], heard[inhibitor], rest))
            found.append(Motif(k, j, i, other, inhibitor, *numbers))
    return sorted(found, key=lambda motif: (motif.instance, -motif.interference))


@torch.no_grad()
def without_inhibition(model: FunctionModel, motif: Motif) -> FunctionModel:
    """A copy of the motif's model in which the inhibiting weight is zero. If the explanation is right, this must hurt."""
    cut = model.select(slice(motif.instance, motif.instance + 1))
    cut.W2[0, motif.weak, motif.inhibitor] = 0
    return cut


guard(__name__)
