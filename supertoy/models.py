"""The four models of the paper, each a batch of small instances that share nothing but their shape.

All four have one hidden layer. They differ in where a ReLU stands, and in whether the output weights are the transpose of
the input weights. Others have another function in place of the output ReLU or of the absolute value.

Source: paper, "Demonstrating superposition", "The ReLU hidden layer toy model", "Computation in superposition".
"""

import copy
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator

Model = TypeVar("Model", bound="BatchedModel")

# What the class variables of a model say in short.
_DESCRIBED = ("forward", "pre_activations", "hidden", "read_out", "activate", "target", "input_weights", "output_weights")


class BatchedModel(nn.Module):
    """Models side by side that share nothing but their shape: what `train` trains, whatever they compute.

    >>> class TwoLayers(st.BatchedModel):
    ...     def __init__(self, n_instances, n_features, **options):
    ...         shapes = {"W1": (3, n_features), "W2": (2, 3), "V": (n_features, 2), "b": (n_features,)}
    ...         super().__init__(n_instances, n_features, shapes, **options)
    ...
    ...     def forward(self, x):
    ...         return (x @ self.W1.mT @ self.W2.mT @ self.V.mT + self.b[:, None]).relu()
    >>> model = TwoLayers(n_instances=2, n_features=5)
    >>> record = st.train(model, st.Independent(5, 0.1), n_steps=10)
    >>> record.path, model(torch.ones(1, 7, 5)).shape
    ('autograd', torch.Size([2, 7, 5]))

    A subclass says its parameters' shapes, and in `forward` what comes of x, which is [instance or 1, batch, feature]. It
    must take the number of instances from its parameters, since training repeats models to restart them. What differs
    between instances and is not trained is a buffer, of 1 or all instances (`register_buffer`).

    Args:
        n_instances: number of models trained side by side.
        n_features: n, the length of x.
        shapes: of the parameters of one model, by name. All parameters have an instance axis in front of these.
        seed: of the initial parameters. Instance k depends on (seed, k) alone, not on how many instances there are.
    """

    def __init__(
        self,
        n_instances: int,
        n_features: int,
        shapes: dict[str, tuple[int, ...]],
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        checks.require_int(n_instances=n_instances, n_features=n_features, at_least=1)
        checks.require_int(seed=seed, at_least=0)
        self.n_features, self.shapes = n_features, shapes
        for name in shapes:
            draws = [self.initial(name, keyed_generator(seed, k, name)) for k in range(n_instances)]
            self.register_parameter(name, nn.Parameter(torch.stack(draws).to(device, dtype)))
        self.settle()

    def initial(self, name: str, generator: torch.Generator) -> Tensor:
        """One model's parameter `name` at the start, float64: Xavier's normal distribution, and zeros for what has one axis.

        Fresh starts draw anew what `shapes` names, and leave other parameters, and frozen ones, as they are.
        """
        if name not in self.shapes:
            raise ValueError(f"name must be one of {', '.join(self.shapes)}, got {name!r}")
        shape = self.shapes[name]
        if len(shape) < 2:
            return torch.zeros(shape, dtype=torch.float64)
        return self._scale(shape) * torch.randn(shape, generator=generator, dtype=torch.float64)

    def settle(self) -> None:
        """Change, in place, what starts as a function of other parameters; called when all are drawn, fresh ones too."""

    def _scale(self, shape: tuple[int, ...]) -> float:
        return (2 / (shape[-1] + shape[-2])) ** 0.5

    @property
    def n_instances(self) -> int:
        """Number of models side by side."""
        return len(next(self.parameters()))

    @property
    def dtype(self) -> torch.dtype:
        """Of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def target(self, x: Float[Tensor, "instance batch feature"]) -> Float[Tensor, "instance batch output"]:
        """What the outputs should be: x itself."""
        return x

    def like(self: Model, parameters: dict[str, Tensor]) -> Model:
        """A model of the same kind and sizes with these parameters by name, [instance, ...] each, which it does not copy.

        Raises:
            ValueError: names or shapes are not the model's own.
        """
        own = dict(self.named_parameters())
        if parameters.keys() != own.keys():
            raise ValueError(f"parameters must be named {', '.join(own)}, got {', '.join(parameters) or 'none'}")
        for name, value in parameters.items():
            if value.shape[1:] != own[name].shape[1:]:
                wanted = ", ".join(map(str, ["instance", *own[name].shape[1:]]))
                raise ValueError(f"{name} must be [{wanted}], got shape {list(value.shape)}")
        if len({len(value) for value in parameters.values()}) != 1:
            raise ValueError(f"parameters must share one number of instances, got {[len(v) for v in parameters.values()]}")
        other = copy.copy(self)
        other._parameters = {
            name: nn.Parameter(value.detach(), requires_grad=own[name].requires_grad) for name, value in parameters.items()
        }
        return other

    def select(self: Model, instances: slice | Tensor | list[int]) -> Model:
        """A model of these instances alone, in this order; a copy."""
        chosen = checks.instances(instances)
        selected = self.like({name: value.detach()[chosen].clone() for name, value in self.named_parameters()})
        selected._buffers = {
            name: value[chosen].clone() if value is not None and len(value) > 1 else value
            for name, value in self._buffers.items()
        }
        return selected

    def extra_repr(self) -> str:
        """Sizes, the shapes of one instance's parameters and which are frozen, and functions by name."""
        shapes = [f"{k} {list(v.shape[1:])}{'' if v.requires_grad else ' frozen'}" for k, v in self.named_parameters()]
        functions = [f"{k}={getattr(v, '__name__', type(v).__name__)}" for k, v in vars(self).items() if callable(v)]
        return ", ".join([f"n_instances={self.n_instances}", *shapes, str(self.dtype), *functions])


class ToyModel(BatchedModel):
    """x' = f(V g(W x) + b), where f and g are the identity or ReLU, and V is Wᵀ where the weights are tied.

    Weights start normal with standard deviation sqrt(2 / ((1 + n) m)): Xavier on a tensor with an instance axis of length
    one, as the paper's published code has it (there the axis is as long as the number of instances). It is smaller than the
    usual scale, and on dense data that matters: large weights switch outputs off for good. Biases start at zero.

    Args:
        n_instances: number of models trained side by side.
        n_features: n, the length of the input and of the output.
        n_hidden: m, hidden dimensions.
        seed: of the initial weights. Instance k depends on (seed, k) alone, not on how many instances there are.

    Attributes:
        W: weights, [instance, hidden, feature]. `FunctionModel` has W1 [instance, hidden, feature] and W2
            [instance, feature, hidden] instead.
        b: biases of the outputs, [instance, feature].

    Raises:
        ValueError: n_instances, n_features or n_hidden below 1.
    """

    hidden_relu: ClassVar[bool]
    output_relu: ClassVar[bool]
    any_activation: ClassVar[bool] = False  # an output activation of the user's, which is neither of the two
    tied: ClassVar[bool] = True
    target_is_input: ClassVar[bool] = True
    target_scales: ClassVar[bool] = True  # target(c x) = c target(x) for every c >= 0

    W: nn.Parameter
    b: nn.Parameter

    def __init__(
        self,
        n_instances: int,
        n_features: int,
        n_hidden: int,
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        checks.require_int(n_instances=n_instances, n_features=n_features, n_hidden=n_hidden, at_least=1)
        weights = (
            {"W": (n_hidden, n_features)} if self.tied else {"W1": (n_hidden, n_features), "W2": (n_features, n_hidden)}
        )
        self.n_hidden = n_hidden
        self.initial_scale = (2 / ((1 + n_features) * n_hidden)) ** 0.5
        super().__init__(n_instances, n_features, {**weights, "b": (n_features,)}, seed=seed, dtype=dtype, device=device)

    def _scale(self, shape: tuple[int, ...]) -> float:
        return self.initial_scale

    @property
    def changed_methods(self) -> list[str]:
        """What a subclass or an instance computes in another way than the class here that its variables describe.

        Where there is anything, only autograd and sampling know what the model does.
        """
        ours = next(kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        changed = [name for name in _DESCRIBED if getattr(type(self), name) is not getattr(ours, name) or name in vars(self)]
        known = {"W", "b"} if self.tied else {"W1", "W2", "b"}
        return changed + sorted({name for name, _ in self.named_parameters()} ^ known)

    @property
    def input_weights(self) -> Float[Tensor, "instance hidden feature"]:
        """W, from features to the hidden layer."""
        return self.W

    @property
    def output_weights(self) -> Float[Tensor, "instance feature hidden"]:
        """V, from the hidden layer to the outputs."""
        return self.W.mT

    def pre_activations(self, x: Float[Tensor, "#instance batch feature"]) -> Float[Tensor, "instance batch hidden"]:
        """W x, what goes into the hidden layer's activation."""
        self._require_rows(self.n_features, x=x)
        return x @ self.input_weights.mT

    def _require_rows(self, width: int, **rows: Tensor) -> None:
        for name, value in rows.items():
            if value.ndim != 3 or value.shape[-1] != width or value.shape[0] not in (1, self.n_instances):
                raise ValueError(f"{name} must be [1 or {self.n_instances}, batch, {width}], got shape {list(value.shape)}")

    def hidden(self, x: Float[Tensor, "#instance batch feature"]) -> Float[Tensor, "instance batch hidden"]:
        """h, the hidden activations."""
        z = self.pre_activations(x)
        return z.relu() if self.hidden_relu else z

    def read_out(self, h: Float[Tensor, "instance batch hidden"]) -> Float[Tensor, "instance batch feature"]:
        """The outputs that hidden activations lead to."""
        self._require_rows(self.n_hidden, h=h)
        return self.activate(h @ self.output_weights.mT + self.b[:, None])

    def forward(self, x: Float[Tensor, "#instance batch feature"]) -> Float[Tensor, "instance batch feature"]:
        """The model's reconstruction x' of x (of its function of x, for `FunctionModel`)."""
        return self.read_out(self.hidden(x))

    def activate(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The output activation f."""
        return z.relu() if self.output_relu else z


class LinearModel(ToyModel):
    """x' = WᵀW x + b."""

    hidden_relu, output_relu = False, False


class ReLUOutputModel(ToyModel):
    """x' = ReLU(WᵀW x + b): the paper's model of superposition.

    >>> model = ReLUOutputModel(n_instances=1, n_features=2, n_hidden=1)
    >>> model = model.like({"W": torch.tensor([[[1.0, -1.0]]]), "b": torch.zeros(1, 2)})  # an antipodal pair
    >>> x = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    >>> model(x).detach()  # either feature comes back, both together do not
    tensor([[[1., 0.],
             [0., 1.],
             [0., 0.]]])
    """

    hidden_relu, output_relu = False, True


class ReLUHiddenModel(ToyModel):
    """x' = ReLU(Wᵀ ReLU(W x) + b): a hidden layer with a privileged basis."""

    hidden_relu, output_relu = True, True


class ActivationOutputModel(ToyModel):
    """x' = f(WᵀW x + b) with any activation f, for comparison with the ReLU.

    Args:
        sizes: n_instances, n_features and n_hidden of `ToyModel`, as the other options.
        activation: f, elementwise and differentiable, without parameters of its own, such as `torch.nn.functional.gelu`.

    Raises:
        TypeError: activation cannot be called.
        ValueError: activation changes the shape or the dtype of its input, or the input itself, or has no derivative.

    Source: not in the paper; K. Sachan's comment on it asks what other activations do.
    """

    hidden_relu, output_relu, any_activation = False, False, True

    def __init__(self, *sizes: int, activation: Callable[[Tensor], Tensor], **options: Any) -> None:
        super().__init__(*sizes, **options)
        _require_elementwise(activation, self.b)
        self.activation = activation

    def activate(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The output activation f."""
        return self.activation(z)


class FunctionModel(ToyModel):
    """y' = ReLU(W2 ReLU(W1 x) + b), to compute a function of x that is nowhere negative; W1 and W2 are not tied.

    Args:
        sizes: n_instances, n_features and n_hidden of `ToyModel`, as the other options.
        function: from x `[instance, batch, feature]` to what the outputs should be, of the same shape and dtype.

    Raises:
        TypeError: function cannot be called.
        ValueError: function changes the shape or the dtype of its input, or the input itself, or has parameters of its own.

    Source: paper, "Computation in superposition", which has the absolute value (`AbsoluteValueModel`) as its example.
    """

    hidden_relu, output_relu, tied, target_is_input, target_scales = True, True, False, False, False

    W1: nn.Parameter
    W2: nn.Parameter

    def __init__(self, *sizes: int, function: Callable[[Tensor], Tensor], **options: Any) -> None:
        super().__init__(*sizes, **options)
        columns = torch.linspace(-1, 1, 3, dtype=self.dtype, device=self.device)[:, None]
        _checked_output("function", function, columns.repeat(1, self.n_features)[None])
        self.function = function

    @property
    def input_weights(self) -> Float[Tensor, "instance hidden feature"]:
        """W1, from features to neurons."""
        return self.W1

    @property
    def output_weights(self) -> Float[Tensor, "instance feature hidden"]:
        """W2, from neurons to outputs."""
        return self.W2

    def target(self, x: Float[Tensor, "instance batch feature"]) -> Float[Tensor, "instance batch feature"]:
        """What the outputs should be."""
        return self.function(x)


class AbsoluteValueModel(FunctionModel):
    """y' = ReLU(W2 ReLU(W1 x) + b), to be the absolute value of x, elementwise; W1 and W2 are not tied.

    >>> AbsoluteValueModel(1, n_features=2, n_hidden=4).target(torch.tensor([[[-0.5, 1.0]]]))
    tensor([[[0.5000, 1.0000]]])

    Source: paper, "The absolute value toy model".
    """

    target_scales = True

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, function=torch.abs, **options)


def _require_elementwise(activation: Callable[[Tensor], Tensor], like: Tensor) -> None:
    """Raise unless the activation does to a small tensor what training relies on."""
    z = torch.linspace(-2, 2, 12, dtype=like.dtype, device=like.device)
    with torch.enable_grad():
        output = _checked_output("activation", activation, z.clone().requires_grad_())
    if not output.requires_grad:
        raise ValueError("activation must be differentiable")
    with torch.no_grad():
        one_by_one = torch.cat([activation(each[None]) for each in z])
        together = (activation(z.clone()), activation(z.view(3, 4).clone()).flatten())
    if not all(torch.allclose(values, one_by_one, atol=1e-6, equal_nan=True) for values in together):
        raise ValueError("activation must be elementwise and not random; it makes different things of the same number")


def _checked_output(name: str, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a function makes of x; raise unless it is a tensor like x, which stays as it was."""
    if not callable(function):
        raise TypeError(f"{name} must be a function of a tensor, got {type(function).__name__}")
    if isinstance(function, nn.Module) and list(function.parameters()):
        raise ValueError(f"{name} must have no parameters of its own, which would not be trained")
    before = x.detach().clone()
    try:
        output = function(x)
    except RuntimeError as error:
        raise ValueError(f"{name} must take a tensor {list(x.shape)} and leave it as it is: {error}") from error
    if not isinstance(output, Tensor) or output.shape != x.shape or output.dtype != x.dtype:
        raise ValueError(f"{name} must return a tensor of the shape and dtype of its input")
    if not torch.equal(x.detach(), before):
        raise ValueError(f"{name} must leave its input as it is")
    return output


guard(__name__)
