"""The four models of the paper, each a batch of small instances that share nothing but their shape.

All four are one hidden layer wide, so one forward pass and one hand-derived backward pass serve them all; they differ in
where a ReLU stands and in whether the output weights are the transpose of the input weights.
"""

from collections.abc import Iterator
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supertoy import checks


class ToyModel(nn.Module):
    """x' = f(V g(W x) + b), where f and g are the identity or ReLU, and V is Wᵀ where the weights are tied.

    Args:
        n_instances: number of models trained side by side.
        n_features: n, the length of the input and of the output.
        n_hidden: m, hidden dimensions.
        seed: of the initial weights. Instance k depends on (seed, k) alone, not on how many instances there are.
        dtype: of the weights.
        device: where they live.

    Weights start normal with standard deviation sqrt(2 / ((1 + n) m)): Xavier on a tensor with an instance axis of length
    one, as the paper's published code has it (there the axis is as long as the number of instances). It is smaller than the
    usual scale, and on dense data that matters: large weights switch outputs off for good. Biases start at zero.

    Raises:
        ValueError: n_instances, n_features or n_hidden below 1.
    """

    hidden_relu: ClassVar[bool]
    output_relu: ClassVar[bool]

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
        super().__init__()
        checks.require_int(n_instances=n_instances, n_features=n_features, n_hidden=n_hidden, at_least=1)
        checks.require_int(seed=seed, at_least=0)
        self.n_features, self.n_hidden = n_features, n_hidden
        scale = (2 / ((1 + n_features) * n_hidden)) ** 0.5
        for name, shape in self._weight_shapes().items():
            draws = [torch.randn(shape, generator=g, dtype=torch.float64) for g in _streams(seed, n_instances, name)]
            self.register_parameter(name, nn.Parameter((scale * torch.stack(draws)).to(device, dtype)))
        self.b = nn.Parameter(torch.zeros(n_instances, n_features, dtype=dtype, device=device))

    def _weight_shapes(self) -> dict[str, tuple[int, int]]:
        return {"W": (self.n_hidden, self.n_features)}

    @property
    def n_instances(self) -> int:
        """Number of models side by side."""
        return self.b.shape[0]

    @property
    def input_weights(self) -> Float[Tensor, "instance hidden feature"]:
        """W, from features to the hidden layer."""
        return self.W

    @property
    def output_weights(self) -> Float[Tensor, "instance feature hidden"]:
        """V, from the hidden layer to the outputs."""
        return self.W.mT

    def forward(self, x: Float[Tensor, "instance batch feature"]) -> Float[Tensor, "instance batch feature"]:
        """The model's reconstruction x' of x (of its absolute value, for `AbsoluteValueModel`)."""
        hidden = x @ self.input_weights.mT
        if self.hidden_relu:
            hidden = hidden.relu()
        output = hidden @ self.output_weights.mT + self.b[:, None]
        return output.relu() if self.output_relu else output

    def target(self, x: Float[Tensor, "instance batch feature"]) -> Float[Tensor, "instance batch feature"]:
        """What the outputs should be: x itself."""
        return x

    @torch.no_grad()
    def loss_and_gradients(
        self, x: Float[Tensor, "instance batch feature"], weight: Float[Tensor, "instance batch feature"]
    ) -> tuple[Float[Tensor, "instance"], dict[str, Tensor]]:
        """Weighted squared error of a batch and its gradients, derived by hand: one training step on one screen.

        Args:
            x: inputs.
            weight: of each squared error: row weight times importance.

        Returns:
            Σ weight (x'_i - target_i)² per instance, and its gradient with respect to each named parameter.
        """
        W, V = self.input_weights, self.output_weights

        hidden = x @ W.mT
        if self.hidden_relu:
            hidden.relu_()
        output = torch.baddbmm(self.b[:, None], hidden, V.mT)
        if self.output_relu:
            output.relu_()

        error = output - self.target(x)
        d_output = error * weight
        loss = torch.linalg.vecdot(d_output.flatten(1), error.flatten(1))
        d_output *= 2

        if self.output_relu:
            d_output = _relu_gradient(d_output, output)
        d_hidden = d_output @ V
        if self.hidden_relu:
            d_hidden = _relu_gradient(d_hidden, hidden)
        return loss, self._named(d_hidden.mT @ x, d_output.mT @ hidden, d_output.sum(1))

    def _named(self, d_W: Tensor, d_V: Tensor, d_b: Tensor) -> dict[str, Tensor]:
        return {"W": d_W + d_V.mT, "b": d_b}  # V = Wᵀ: both uses of W add up

    def like(self, n_instances: int, seed: int) -> "ToyModel":
        """A freshly initialised model of the same kind, sizes, dtype and device."""
        return type(self)(n_instances, self.n_features, self.n_hidden, seed=seed, dtype=self.b.dtype, device=self.b.device)


class LinearModel(ToyModel):
    """x' = WᵀW x + b."""

    hidden_relu, output_relu = False, False


class ReLUOutputModel(ToyModel):
    """x' = ReLU(WᵀW x + b): the paper's model of superposition."""

    hidden_relu, output_relu = False, True


class ReLUHiddenModel(ToyModel):
    """x' = ReLU(Wᵀ ReLU(W x) + b): a hidden layer with a privileged basis."""

    hidden_relu, output_relu = True, True


class AbsoluteValueModel(ToyModel):
    """y' = ReLU(W2 ReLU(W1 x) + b), to be the absolute value of x, elementwise; W1 and W2 are not tied."""

    hidden_relu, output_relu = True, True

    W1: nn.Parameter
    W2: nn.Parameter

    def _weight_shapes(self) -> dict[str, tuple[int, int]]:
        return {"W1": (self.n_hidden, self.n_features), "W2": (self.n_features, self.n_hidden)}

    @property
    def input_weights(self) -> Float[Tensor, "instance hidden feature"]:
        """W1, from features to neurons."""
        return self.W1

    @property
    def output_weights(self) -> Float[Tensor, "instance feature hidden"]:
        """W2, from neurons to outputs."""
        return self.W2

    def target(self, x: Float[Tensor, "instance batch feature"]) -> Float[Tensor, "instance batch feature"]:
        """What the outputs should be: |x|."""
        return x.abs()

    def _named(self, d_W: Tensor, d_V: Tensor, d_b: Tensor) -> dict[str, Tensor]:
        return {"W1": d_W, "W2": d_V, "b": d_b}


def _relu_gradient(d_output: Tensor, output: Tensor) -> Tensor:
    """`d_output` where `output` is above zero, else 0: one fused operation, and what autograd itself calls."""
    return torch.ops.aten.threshold_backward(d_output, output, 0)


def _streams(seed: int, n_instances: int, name: str) -> Iterator[torch.Generator]:
    """A generator per instance, keyed by (seed, instance, parameter)."""
    salt = int.from_bytes(name.encode(), "big")
    for instance in range(n_instances):
        # torch mixes the seed well, so any one-to-one code of the key will do.
        yield torch.Generator().manual_seed((seed * 1_000_003 + instance) * 65_537 + salt)
