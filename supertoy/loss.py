"""The expected loss of a model, without sampling noise where that is possible.

Throughout, `importance` is I_i: finite, not negative, and of a shape that broadcasts to [instance, feature]. Data have one
setting, or as many as the model has instances; data that do not fit the model raise a ValueError.

Source: paper, "Demonstrating superposition", which has the objective and estimates it on samples.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard, cast

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._engine.lattice import on_lattice, weighted_batches
from supertoy._engine.quadrature import count_rows, quadrature
from supertoy._engine.series import relu_loss
from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy._util.precision import double, where_float64_is
from supertoy._util.threads import in_threads, stop_if_told
from supertoy.data import Data, FeatureDistribution, Samples
from supertoy.models import BatchedModel, ToyModel
from supertoy.values import Uniform

Loss = Callable[[BatchedModel, Tensor, Tensor], Tensor]  #: of a model, x and the weights of its rows, for each instance

_NODES, _FEW_ROWS = (4, 8, 16, 32, 64), 2**13  # quadrature: more and more nodes, while the rows are few
_ROWS, _MOST_BATCHES, _AT_ONCE = 1024, 2**15, 17  # sampling: rows of a batch, batches, and those drawn at once


@dataclass(frozen=True)
class SquaredError:
    """The paper's objective on weighted rows, Σ_i I_i (target_i - x'_i)², and λ Σ_j |h_j| where there is a penalty.

    A model may have several times as many instances as there are importances: restarts of each, one after the other.
    """

    importance: Float[Tensor, "instance output"]
    l1: Float[Tensor, "instance"] | None = None

    def __call__(self, model: BatchedModel, x: Tensor, weight: Tensor) -> Tensor:
        """The loss of each instance."""
        error = (model(x) - model.target(x)).square()
        if error.shape[2] != self.importance.shape[1]:
            raise ValueError(f"model must give {self.importance.shape[1]} outputs, as x has features, got {error.shape[2]}")
        n_each = len(error) // len(self.importance)
        rows = (error @ self.importance.repeat_interleave(n_each, 0).to(error)[..., None])[..., 0]
        if self.l1 is not None and self.l1.any():
            assert isinstance(model, ToyModel)
            rows = rows + self.l1.repeat_interleave(n_each).to(error)[:, None] * model.hidden(x).abs().sum(-1)
        return (weight.to(error) * rows).sum(1)


@torch.no_grad()
def expected_loss(
    model: BatchedModel, data: Data, *, importance: float | Tensor = 1.0, rtol: float | None = None
) -> Float[Tensor, "instance"]:
    """Σ_i I_i E (target_i - x'_i)² of each instance, float64.

    >>> from supertoy import Independent, LinearModel
    >>> model = LinearModel(n_instances=1, n_features=1, n_hidden=1)
    >>> _ = model.W.data.zero_()
    >>> expected_loss(model, Independent(n_features=1, probability=0.3))  # E x² = p / 3
    tensor([0.1000], dtype=torch.float64)

    It is exact for `LinearModel` wherever moments are known, and for every model on `Samples`. For `ReLUOutputModel` on
    uniform values it is a Fourier series, whose terms are doubled until the loss changes by less than `rtol` of itself, by
    default 1e-4; the error is smaller still.

    For all else, models and data of your own included, it is a sum over quadrature nodes, which are doubled until the loss
    changes by less than `rtol`, by default 5e-3. More than a few features need too many nodes. The loss is then the mean
    over samples from a fixed seed, until its standard error is below `rtol`; a warning says if it never is.
    """
    check_fit(model, data)
    model = where_float64_is(model)
    if rtol is None:
        rtol = 1e-4 if has_closed_form(model, data) else 5e-3
    checks.require_number(rtol=rtol, above=0)
    checks.require_finite(**dict(model.named_parameters()))
    I = checks.importances(importance, model.n_instances, model.n_features).to(model.device)
    data = data.to(dtype=torch.float64, device=model.device)
    if isinstance(data, Samples):
        precise = model.like({name: value.double() for name, value in model.named_parameters()})
        return sampled_loss(precise, data.x, data.weight, importance=I)[0]
    if has_closed_form(model, data):
        gain = model.output_weights.double() @ model.input_weights.double()  # [instance, output, feature]
        b = model.b.double()
        if not model.output_relu:
            return (I * _linear_errors(gain, b, data)).sum(-1)
        assert isinstance(data, FeatureDistribution)
        loss, is_converged = relu_loss(gain, b, data, I, rtol)
    else:
        loss, is_converged = _quadrature_loss(model, data, I, rtol)
    rest = (~is_converged).nonzero()[:, 0]
    if len(rest):
        loss[rest] = expected_value(SquaredError(I[rest]), model.select(rest), data.select(rest), rtol)
    return loss


@torch.no_grad()
def sampled_loss(
    model: BatchedModel,
    x: Float[Tensor, "instances batch feature"],
    weight: Float[Tensor, "instances batch"],
    *,
    importance: float | Tensor = 1.0,
) -> tuple[Float[Tensor, "instance"], Float[Tensor, "instance"]]:
    """The loss on a weighted sample, and its standard error: an independent check on `expected_loss`.

    Args:
        x: for 1 or all instances. If the first row is the zero vector, as in `sample`, it is exact, and adds nothing to the
            standard error.
        weight: of each row; sums to 1 over the batch.
    """
    if x.shape[-1] != model.n_features or x.shape[0] not in (1, model.n_instances) or weight.shape != x.shape[:2]:
        raise ValueError(
            f"x must be [1 or {model.n_instances}, batch, {model.n_features}] and weight match its first two axes, "
            f"got {list(x.shape)} and {list(weight.shape)}"
        )
    checks.require_row_weights(weight=weight)
    I = checks.importances(importance, model.n_instances, model.n_features).to(model.device, model.dtype)
    pieces = []
    for part in x.split(2**16, dim=1):  # or a large sample would need several times its memory
        inputs = part.to(model.device, model.dtype).expand(model.n_instances, -1, -1)
        pieces.append((model(inputs) - model.target(inputs)).square() @ I[..., None])
    error = double(torch.cat(pieces, dim=1)[..., 0])
    x, weight = x.to(error.device), weight.to(error.device)
    loss = (weight * error).sum(1)
    drawn = weight.clone()
    drawn[:, 0] *= x[:, 0].any(-1)
    mean_drawn = (drawn * error).sum(1, keepdim=True) / drawn.sum(1, keepdim=True)
    return loss, (drawn * (error - mean_drawn)).square().sum(1).sqrt()


def has_closed_form(model: BatchedModel, data: Data) -> TypeGuard[ToyModel]:
    """Whether the expected loss needs neither nodes nor samples.

    >>> data = st.Independent(n_features=5, probability=0.1)
    >>> [has_closed_form(kind(1, 5, 2), data) for kind in (st.ReLUOutputModel, st.ReLUHiddenModel)]
    [True, False]

    A subclass that computes anything in a way of its own has none, and neither have data that draw their rows in one. With
    ReLU outputs, values have to be uniform.
    """
    if not isinstance(model, ToyModel) or not model.target_is_input or model.hidden_relu or model.any_activation:
        return False
    if model.changed_methods or not model.output_relu:
        return not model.changed_methods and data.moments() is not None
    return isinstance(data, FeatureDistribution) and data.states_are_known and isinstance(data.values, Uniform)


def check_fit(model: BatchedModel, data: Data) -> None:
    """Raise a TypeError or a ValueError if data cannot be the input of a model."""
    if not isinstance(model, BatchedModel):
        raise TypeError(f"model must be a BatchedModel, as supertoy's models are, got {type(model).__name__}")
    if not isinstance(data, Data):
        raise TypeError(f"data must be Data, such as Independent or Samples, got {type(data).__name__}")
    if data.n_features != model.n_features:
        raise ValueError(f"data must have the model's {model.n_features} features, got {data.n_features}")
    if data.n_instances not in (1, model.n_instances):
        raise ValueError(f"data must have 1 or the model's {model.n_instances} instances, got {data.n_instances}")


def _linear_errors(gain: Tensor, b: Tensor, data: Data) -> Tensor:
    """E (x_i - gain_i·x - b_i)² per output."""
    mean, second = cast(tuple[Tensor, Tensor], data.moments())
    residual = torch.eye(gain.shape[-1], dtype=gain.dtype, device=gain.device) - gain
    quadratic = ((residual @ second) * residual).sum(-1)
    return quadratic - 2 * b * (residual @ mean[..., None])[..., 0] + b.square()


def _quadrature_loss(model: BatchedModel, data: Data, importance: Tensor, rtol: float) -> tuple[Tensor, Tensor]:
    """Weighted sums over more and more nodes, and whether each instance's last change was below rtol."""
    parameters = {name: value.double() for name, value in model.named_parameters()}
    loss = torch.full((model.n_instances,), torch.inf, dtype=torch.float64, device=model.device)
    is_converged = torch.zeros_like(loss, dtype=torch.bool)
    if not isinstance(data, FeatureDistribution):
        return loss, is_converged
    for n_nodes in _NODES:
        if is_converged.all() or not data.states_are_known or count_rows(data, n_nodes) > _FEW_ROWS:
            break
        x, weight = quadrature(data, n_nodes)
        weight = weight.expand(model.n_instances, -1)
        n_at_once = max(1, 2**18 // x.numel())  # keeps one part's numbers in the cache

        def losses_of(part: Tensor, x: Tensor = x, weight: Tensor = weight) -> Tensor:
            stop_if_told()
            some = model.select(part).like({name: value[part] for name, value in parameters.items()})
            return SquaredError(importance[part])(some, x.expand(some.n_instances, -1, -1), weight[part])

        rest = (~is_converged).nonzero()[:, 0]
        new = torch.cat(in_threads([partial(losses_of, part) for part in rest.split(n_at_once)]))
        is_converged[rest] = (new - loss[rest]).abs() <= rtol * new
        loss[rest] = new
    return loss, is_converged


@torch.no_grad()
def expected_value(loss: Loss, model: BatchedModel, data: Data, rtol: float = 5e-3) -> Float[Tensor, "instance"]:
    """The expectation of any loss, float64: exact on `Samples`, else a mean over batches.

    Batches from a fixed seed, the same for all instances, are added until the standard error is below `rtol` of the mean;
    a warning says if 32,768 were not enough.
    """
    data = data.to(dtype=model.dtype, device=model.device)
    if isinstance(data, Samples):
        return loss(model, data.x.expand(model.n_instances, -1, -1), data.weight.expand(model.n_instances, -1)).double()

    def loss_of(k: int) -> float:
        one, setting = model.select(slice(k, k + 1)), data.select(slice(k, k + 1))
        own = SquaredError(loss.importance[k : k + 1]) if isinstance(loss, SquaredError) else loss

        def value(x: Tensor, weight: Tensor | None = None) -> float:
            if weight is not None or not isinstance(loss, SquaredError):
                return own(one, x, x.new_full(x.shape[:2], 1 / x.shape[1]) if weight is None else weight).item()
            return ((one(x) - one.target(x)).square().mean(1) @ loss.importance[k].to(x)).item()

        stream, times = [keyed_generator(0, 0, "expected loss", model.device)], range(_MOST_BATCHES // (_AT_ONCE - 1))
        drawn = (batch for _ in times for batch in weighted_batches(setting, _ROWS, _AT_ONCE, stream))
        if not on_lattice(setting):
            return _mean((value(rows.mT, weight) for rows, weight in drawn), 0.0, 1.0, rtol)
        p_zero = setting.zero_probability[0].item()  # of the last row of each batch, which is exact
        at_zero = p_zero * value(torch.zeros_like(next(drawn)[0][..., :1].mT)) if p_zero else 0.0
        return _mean((value(rows[..., :-1].mT) for rows, _ in drawn), at_zero, 1 - p_zero, rtol)

    losses = in_threads([partial(loss_of, k) for k in range(model.n_instances)])
    return torch.tensor(losses, dtype=torch.float64, device=model.device)


def _mean(values: Iterator[float], known: float, share: float, rtol: float) -> float:
    """known + share * mean(values), as soon as its standard error is below rtol of it."""
    total = total_squared = 0.0
    for n, value in enumerate(values, 1):
        stop_if_told()
        total, total_squared = total + value, total_squared + value**2
        # Rows of a batch are not independent, but batches are.
        if n % 16 == 0:
            expected = known + share * total / n
            variance = max(total_squared / n - (total / n) ** 2, 0.0) / (n - 1)
            if share * variance**0.5 <= rtol * abs(expected):
                return expected
    warnings.warn(f"expected_loss stopped after {n} batches with a standard error above rtol = {rtol:g}", stacklevel=2)
    return expected


@torch.no_grad()
def explained_variance(
    model: BatchedModel, data: Data, *, n_rows: int = 2**14, seed: int = 0
) -> Float[Tensor, "instance feature"]:
    """1 - E (y_i - y'_i)² / Var y_i: 1 for an exact output i, 0 for one no better than a constant, negative for a worse one.

    >>> model = st.LinearModel(1, n_features=2, n_hidden=1)
    >>> model = model.like({"W": torch.tensor([[[1.0, 0.0]]]), "b": torch.zeros(1, 2)})
    >>> explained_variance(model, st.Independent(2, 0.3))  # the second is a constant, and not even the best
    tensor([[ 1.0000, -0...]])

    y is the model's target. Both expectations are over one weighted sample of `n_rows`, the zero vector among them, which
    instance k draws by (seed, k). NaN where y_i is the same in all rows, as for features active less than once in `n_rows`.
    """
    check_fit(model, data)
    checks.require_int(n_rows=n_rows, at_least=2)
    data = data.to(dtype=model.dtype, device=model.device)
    shares = []
    for k in range(model.n_instances):
        here = slice(k, k + 1)
        one = model.select(here)
        x, weight = data.select(here).sample(n_rows, keyed_generator(seed, k, "explained variance", model.device))
        y, w = one.target(x)[0], weight[0, :, None]
        variance = (w * (y - (w * y).sum(0)).square()).sum(0)
        share = 1 - (w * (y - one(x)[0]).square()).sum(0) / variance
        shares.append(torch.where(variance > 0, share, torch.nan))
    return torch.stack(shares)


guard(__name__)
