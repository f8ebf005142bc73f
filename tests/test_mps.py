"""On a device without float64, as Apple's GPU, measures are what they are on the CPU. No machine is needed that has one."""

import copy

import pytest
import torch

import supertoy as st
from supertoy._util.precision import where_float64_is

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


def test_training_and_losses_run_on_the_cpu_and_come_back(W, monkeypatch):
    model, plain, data = st.ReLUOutputModel(2, 5, 2), st.ReLUOutputModel(2, 5, 2), st.Independent(5, 0.2)
    elsewhere = [id(model)]  # stands for a model on the device

    def where_float64_is(asked):
        return copy.deepcopy(asked) if id(asked) in elsewhere else asked

    monkeypatch.setattr("supertoy.training.where_float64_is", where_float64_is)
    monkeypatch.setattr("supertoy.loss.where_float64_is", where_float64_is)
    record, known = (st.train(each, data, n_steps=20) for each in (model, plain))
    assert torch.equal(model.W, plain.W)
    assert torch.equal(record.loss, known.loss)
    assert torch.equal(st.expected_loss(model, data), known.loss)


def test_a_model_on_the_device_is_copied_to_the_cpu_and_others_are_not():
    model = st.ReLUOutputModel(1, 5, 2)
    assert where_float64_is(model) is model
    model.W.__class__ = type("OnMps", (torch.nn.Parameter,), {"device": MPS})
    assert where_float64_is(model) is not model
