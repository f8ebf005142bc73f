"""Float64, which not every device has."""

from torch import Tensor


def double(values: Tensor) -> Tensor:
    """The values in float64, on their device, or on the CPU if they are on Apple's GPU, which has no float64.

    >>> double(torch.tensor([0.5]))
    tensor([0.5000], dtype=torch.float64)
    """
    return (values.cpu() if values.device.type == "mps" else values).double()
