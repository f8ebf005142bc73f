"""The hidden bias that the paper's model with a ReLU hidden layer leaves out."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supertoy._util.border import guard
from supertoy.models import ReLUHiddenModel


class HiddenBiasModel(ReLUHiddenModel):
    """x' = ReLU(Wᵀ ReLU(W x + c) + b): a ReLU hidden layer that can get out of its ReLU's way.

    >>> model = HiddenBiasModel(1, n_features=3, n_hidden=2)
    >>> model.c.shape, model(torch.ones(1, 4, 3)).shape
    (torch.Size([1, 2]), torch.Size([1, 4, 3]))

    Source: paper, "The ReLU hidden layer toy model", on why it leaves this bias out.
    """

    c: nn.Parameter

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.shapes = self.shapes | {"c": (self.n_hidden,)}
        self.c = nn.Parameter(torch.zeros_like(self.W[:, :, 0]))

    def pre_activations(self, x: Float[Tensor, "#instance batch feature"]) -> Float[Tensor, "instance batch hidden"]:
        """W x + c, what goes into the hidden ReLU."""
        return super().pre_activations(x) + self.c[:, None]


guard(__name__)
