"""The four models: their formulas, their symmetries, their initial weights."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

import supertoy as st
from supertoy.chapters.computation import HiddenBiasModel
from tests.strategies import ALL_MODELS, MODELS, GELUModel, model_with_random_weights


@pytest.fixture
def x():
    return 2 * torch.rand(3, 40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1


def test_each_model_computes_its_formula(x):
    linear, output, hidden, absolute = (model_with_random_weights(kind, 3, 6, 4) for kind in MODELS)
    k, row = 1, x[1, 7]
    W, b = linear.W[k], linear.b[k]
    assert_close(linear(x)[k, 7], W.T @ W @ row + b)
    W, b = output.W[k], output.b[k]
    assert_close(output(x)[k, 7], (W.T @ W @ row + b).relu())
    W, b = hidden.W[k], hidden.b[k]
    assert_close(hidden(x)[k, 7], (W.T @ (W @ row).relu() + b).relu())
    W1, W2, b = absolute.W1[k], absolute.W2[k], absolute.b[k]
    assert_close(absolute(x)[k, 7], (W2 @ (W1 @ row).relu() + b).relu())
    assert torch.equal(absolute.target(x), x.abs())
    assert torch.equal(hidden.target(x), x)
    other = model_with_random_weights(GELUModel, 3, 6, 4)
    W, b = other.W[k], other.b[k]
    assert_close(other(x)[k, 7], torch.nn.functional.gelu(W.T @ W @ row + b))


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_one_set_of_inputs_serves_all_instances(kind, x):
    model = model_with_random_weights(kind, 3, 6, 4)
    assert torch.equal(model(x[:1]), model(x[:1].expand(3, -1, -1)))


@pytest.mark.parametrize(("kind", "free"), [(st.LinearModel, True), (st.ReLUOutputModel, True), (st.ReLUHiddenModel, False)])
def test_rotating_the_hidden_space_changes_nothing_unless_it_has_a_relu(kind, free, x):
    model = model_with_random_weights(kind, 3, 6, 4).requires_grad_(False)
    O, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    before = model(x)
    model.W.copy_(O @ model.W)
    assert torch.allclose(model(x), before, atol=1e-12) is free


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_an_instance_starts_the_same_whatever_stands_beside_it(kind):
    few, many = kind(2, 5, 3, seed=7), kind(9, 5, 3, seed=7)
    for name, parameter in few.named_parameters():
        assert torch.equal(parameter, getattr(many, name)[:2])
    other = kind(2, 5, 3, seed=8)
    assert not torch.equal(few.input_weights, other.input_weights)
    assert not torch.equal(few.input_weights[0], few.input_weights[1])


def test_weights_start_at_the_scale_of_the_published_code():
    model = st.ReLUOutputModel(200, 20, 5, seed=0)
    assert model.W.std().item() == pytest.approx((2 / (21 * 5)) ** 0.5, rel=0.03)
    assert not model.b.any()


@pytest.mark.parametrize("kind", ALL_MODELS)
def test_selected_instances_are_copies(kind, x):
    model = model_with_random_weights(kind, 3, 6, 4)
    before, selected = model(x), model.select(slice(1, 3))
    assert_close(selected(x[1:]), before[1:])
    assert torch.equal(model.select(torch.tensor([2])).b, model.b[2:])
    with torch.no_grad():
        for parameter in selected.parameters():
            parameter.zero_()
    assert torch.equal(model(x), before)


def test_dtype_and_device_are_honoured():
    assert st.ReLUOutputModel(1, 2, 1).W.dtype == torch.float32
    assert st.ReLUOutputModel(1, 2, 1, dtype=torch.float64).b.dtype == torch.float64
    assert st.ReLUOutputModel(1, 2, 1, device="meta").W.device.type == "meta"


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        (3, TypeError, "activation"),
        (torch.nn.PReLU(), ValueError, "activation must have no parameters of its own"),
        (torch.nn.ReLU(inplace=True), ValueError, "activation must take a tensor .* and leave it as it is"),
        (lambda z: (z > 0).to(z), ValueError, "activation must be differentiable"),
        (lambda z: z.sum(), ValueError, "activation must return a tensor of the shape and dtype"),
        (lambda z: z.double(), ValueError, "activation must return a tensor of the shape and dtype"),
    ],
)
def test_functions_that_cannot_be_an_activation_are_refused(activation, error, message):
    with pytest.raises(error, match=message):
        st.ActivationOutputModel(1, 2, 1, activation=activation)


def test_a_hidden_bias_large_enough_makes_the_hidden_layer_linear(x):
    plain = model_with_random_weights(st.ReLUOutputModel, 3, 6, 4)
    biased = HiddenBiasModel(3, 6, 4, dtype=torch.float64)
    c = torch.full((3, 4), 50.0, dtype=torch.float64)
    b = plain.b - (plain.W.mT @ c[..., None])[..., 0]  # takes away what the bias adds to the outputs
    biased = biased.like({"W": plain.W, "b": b, "c": c})
    assert (biased.pre_activations(x) > 0).all()
    assert_close(biased(x), plain(x))
    zero = biased.like({"W": plain.W, "b": plain.b, "c": torch.zeros_like(c)})
    hidden = st.ReLUHiddenModel(3, 6, 4, dtype=torch.float64).like({"W": plain.W, "b": plain.b})
    assert_close(zero(x), hidden(x))


def test_a_model_of_any_function_is_that_of_the_absolute_value_if_this_is_the_function(x):
    absolute = model_with_random_weights(st.AbsoluteValueModel, 3, 6, 4)
    model = st.FunctionModel(3, 6, 4, function=torch.abs, dtype=torch.float64).like(dict(absolute.named_parameters()))
    assert torch.equal(model(x), absolute(x))
    assert torch.equal(model.target(x), x.abs())
    squares = st.FunctionModel(3, 6, 4, function=torch.square)
    assert torch.equal(squares.target(x), x.square())


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("abs", TypeError, "function"),
        (lambda x: x.sum(-1), ValueError, "function must return a tensor of the shape and dtype"),
        (lambda x: x.double(), ValueError, "function must return a tensor of the shape and dtype"),
        (torch.relu_, ValueError, "function must leave its input as it is"),
        (torch.nn.Linear(2, 2), ValueError, "function must have no parameters of its own"),
        (lambda x: x.unflatten(-1, (-1, 3)), ValueError, "function must take a tensor .* and leave it as it is"),
    ],
)
def test_functions_that_cannot_be_a_target_are_refused(function, error, message):
    with pytest.raises(error, match=message):
        st.FunctionModel(1, 2, 1, function=function)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 2, 0), ValueError, "n_hidden must be at least 1, got 0"),
        ((0, 2, 1), ValueError, "n_instances must be at least 1, got 0"),
        ((1, -2, 1), ValueError, "n_features must be at least 1, got -2"),
        ((1, 2, 1.0), TypeError, "n_hidden"),
        ((1, "2", 1), TypeError, "n_features"),
    ],
)
def test_impossible_sizes_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        st.ReLUOutputModel(*arguments)


@pytest.mark.parametrize("shape", [(4,), (7, 4), (2, 7, 4), (3, 7, 5), (1, 1, 7, 4)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(Exception, match=r"x must be"):
        st.ReLUOutputModel(3, 4, 2)(torch.ones(shape))


@pytest.mark.parametrize("instances", [1, 1.0, torch.tensor(1), torch.tensor([1.0]), [[1]]])
def test_a_single_number_selects_no_instance(instances):
    for whole in (st.ReLUOutputModel(3, 4, 2), st.Independent(4, torch.ones(3, 1))):
        with pytest.raises(Exception, match=r"instances(\[0\])? must be"):
            whole.select(instances)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"W": torch.zeros(1, 2, 5)}, "parameters must be named W, b, got W"),
        ({"W": torch.zeros(1, 2, 5), "b_final": torch.zeros(1, 5)}, "parameters must be named W, b, got W, b_final"),
        ({"W": torch.zeros(1, 5, 2), "b": torch.zeros(1, 5)}, r"W must be \[instance, 2, 5\], got shape \[1, 5, 2\]"),
        (
            {"W": torch.zeros(1, 2, 5), "b": torch.zeros(2, 5)},
            r"parameters must share one number of instances, got \[1, 2\]",
        ),
    ],
)
def test_parameters_that_do_not_fit_by_name_and_shape_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        st.ReLUOutputModel(1, 5, 2).like(parameters)


def test_a_model_tells_its_setting():
    assert repr(st.ReLUOutputModel(3, 5, 2)) == "ReLUOutputModel(n_instances=3, W [2, 5], b [5], torch.float32)"
    model = st.AbsoluteValueModel(3, 5, 2, dtype=torch.float64)
    model.b.requires_grad_(False)
    wanted = "AbsoluteValueModel(n_instances=3, W1 [2, 5], W2 [5, 2], b [5] frozen, torch.float64, function=abs)"
    assert repr(model) == wanted
    model = st.ActivationOutputModel(1, 2, 1, activation=partial(torch.nn.functional.leaky_relu, negative_slope=0.1))
    assert repr(model) == "ActivationOutputModel(n_instances=1, W [1, 2], b [2], torch.float32, activation=partial)"


def test_selected_models_keep_what_is_frozen_and_their_buffers():
    model = st.ReLUOutputModel(3, 5, 2)
    model.b.requires_grad_(False)
    model.register_buffer("own", torch.arange(3.0)[:, None])
    model.register_buffer("shared", torch.ones(1, 5))
    part = model.select([2, 0])
    assert part.W.requires_grad
    assert not part.b.requires_grad
    assert part.own[:, 0].tolist() == [2, 0]
    assert part.shared.shape == (1, 5)
