"""On a device without float64, as Apple's GPU, measures are what they are on the CPU. No machine is needed that has one."""

import pytest
import torch

import supertoy as st

MPS = torch.device("mps")
on_cpu = torch.Tensor.to


class OnMps(torch.Tensor):
    """A tensor that says that it is on the device, and refuses float64 as the device does."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        if function == torch.Tensor.device.__get__:
            return MPS
        if function is torch.Tensor.cpu:
            return arguments[0].as_subclass(torch.Tensor)
        result = super().__torch_function__(function, types, arguments, keywords or {})
        if isinstance(result, torch.Tensor) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        return result


@pytest.fixture
def W(monkeypatch):
    def to(tensor, *arguments, **keywords):
        if MPS not in arguments:
            return on_cpu(tensor, *arguments, **keywords)
        assert tensor.dtype != torch.float64
        return tensor.as_subclass(OnMps)

    monkeypatch.setattr(torch.Tensor, "to", to)
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0)).to(MPS)


def test_the_device_has_no_float64(W):
    for ask in (W.double, lambda: on_cpu(W, torch.float64)):
        with pytest.raises(TypeError, match="MPS framework"):
            ask()


@pytest.mark.parametrize(
    "measure",
    [st.feature_norms, st.superposition, st.feature_dimensionality, st.dimensions_per_feature, st.n_represented],
    ids=lambda measure: measure.__name__,
)
def test_measures_are_those_of_the_same_weights_on_the_cpu(W, measure):
    found = measure(W)
    assert (found.device, found.dtype) == (MPS, measure(W.cpu()).dtype)
    assert torch.equal(found.cpu(), measure(W.cpu()))
