"""Float64, which not every device has."""

import copy
from typing import TypeVar

from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def double(values: Tensor) -> Tensor:
    """The values in float64, on their device, or on the CPU if they are on Apple's GPU, which has no float64.

    >>> double(torch.tensor([0.5]))
    tensor([0.5000], dtype=torch.float64)
    """
    return (values.cpu() if values.device.type == "mps" else values).double()


def where_float64_is(model: Module) -> Module:
    """The model itself, or a copy on the CPU if it is on Apple's GPU."""
    return copy.deepcopy(model).cpu() if next(model.parameters()).device.type == "mps" else model
