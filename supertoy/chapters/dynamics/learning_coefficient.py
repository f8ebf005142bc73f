"""How degenerate a minimum is: the local learning coefficient, estimated by random walks around the minimum.

Source: Lau, Furman, Wang, Murfet & Wei (2023); not in the paper.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit
from supertoy.models import ToyModel
from supertoy.values import UNIT

_STEPS_AT_ONCE = 64  # whose random numbers are drawn together


@dataclass(frozen=True)
class LearningCoefficient:
    """An estimate of the local learning coefficient λ of each instance.

    Attributes:
        value: λ̂, the mean over walks.
        standard_error: of that mean, from the spread of the walks.
    """

    value: Float[Tensor, "instance"]
    standard_error: Float[Tensor, "instance"]


@torch.no_grad()
def local_learning_coefficient(
    model: ToyModel,
    data: FeatureDistribution,
    *,
    importance: float | Tensor = 1.0,
    inverse_temperature: float = 1e7,
    localization: float = 1000.0,
    step_size: float = 0.3,
    n_chains: int = 16,
    n_steps: int = 6000,
    seed: int = 0,
) -> LearningCoefficient:
    """λ̂ = nβ (E L(w) - L(w*)), w distributed as exp(-nβ L(w) - γ/2 ‖w - w*‖²) around the model's parameters w*.

    >>> model = st.LinearModel(1, n_features=1, n_hidden=1).like({"W": torch.ones(1, 1, 1), "b": torch.zeros(1, 1)})
    >>> data = st.Independent(n_features=1, probability=1.0)
    >>> local_learning_coefficient(model, data, n_steps=200).value.round()  # curved in both directions, of w and of b: 2 / 2
    tensor([1.], dtype=torch.float64)

    The volume around w* in which L exceeds L(w*) by less than ε shrinks like ε^λ. A minimum that curves in all d directions
    has λ = d/2. Each direction along which L stays the same takes off 1/2. The estimate means something only at a minimum:
    from a saddle the walks leave, and it falls below 0.

    Walks start at w* and follow Langevin dynamics, w ← w - η (∇L + γ/nβ (w - w*)) + √(2η/nβ) (ξ + ξ') / 2. Here ξ is normal,
    and ξ' is that of the step before. The second half of the steps is averaged. L and ∇L are exact.

    Lau et al. use ξ alone, and gradients on batches (SGLD, with a step size of ε = 2η/nβ). Where L is quadratic with
    curvature h, ξ alone widens the distribution by 1 / (1 - η h / 2). The mean of two makes it right at any η.

    Three choices decide how good the estimate is. Change them to see:

    - nβ should be large, since λ describes a limit. w strays from w* by 1/√(nβ h), and L should keep its shape over that
      distance. Lau et al. take n / log n for a data set of size n. Here data is endless, and nβ is free.
    - γ keeps the walk near w*, within 1/√γ along a flat direction. It should be large enough that the walk does not reach
      the end of the flat part. But it should be far below nβ h: other directions count as 1/2 · nβ h / (nβ h + γ).
    - η should be below 1/h, but `n_steps` far above 1 / η h, and above nβ / ηγ for the flat directions.

    With the defaults, curvatures from 0.01 to 3 are measured well.

    Args:
        model: a `LinearModel` or a `ReLUOutputModel`, at a minimum of its loss.
        data: never more than one feature active at a time, values from 0 to 1.
        inverse_temperature: nβ.
        localization: γ.
        step_size: η, as that of gradient descent on L.
        n_chains: walks of each instance.
        seed: instance k depends on (seed, k) alone, not on how many instances there are.

    Raises:
        ValueError: the step size is so large that walks escape to infinity.

    Source: Lau, Furman, Wang, Murfet & Wei (2023), "The Local Learning Coefficient: A Singularity-Aware Complexity Measure";
    the mean of two: Leimkuhler & Matthews (2013), "Rational Construction of Stochastic Numerical Methods for Molecular
    Sampling".
    """
    check_fit(model, data)
    if not model.tied or model.hidden_relu or model.any_activation:
        raise ValueError(f"model must be a LinearModel or a ReLUOutputModel, got {type(model).__name__}")
    is_known = isinstance(data, FeatureDistribution) and data.n_blocks == 1 and data.states_are_known and data.values == UNIT
    if not is_known or int(data.set_states()[0].sum(1).max()) > 1:
        raise ValueError("data must have at most one feature active at a time, with values from 0 to 1")
    checks.require_int(n_chains=n_chains, n_steps=n_steps, at_least=2)
    checks.require_number(above=0, inverse_temperature=inverse_temperature, localization=localization, step_size=step_size)
    I = checks.importances(importance, model.n_instances, model.n_features).to(model.b.device)

    # Parameters as [instance, walk, hidden and bias, feature], with b as the last row.
    centre = torch.cat([model.W, model.b[:, None]], dim=1).double()[:, None]
    walks = centre.repeat(1, n_chains, 1, 1)
    loss_here, _ = _loss_and_gradient(model, centre, data, I)
    generators = [keyed_generator(seed, k, "learning coefficient", centre.device) for k in range(model.n_instances)]
    total, previous = torch.zeros_like(walks[..., 0, 0]), torch.zeros_like(walks)
    for t in range(n_steps):
        if t % _STEPS_AT_ONCE == 0:
            shape = (min(_STEPS_AT_ONCE, n_steps - t), *walks.shape[1:])
            draws = [torch.randn(shape, generator=g, dtype=walks.dtype, device=walks.device) for g in generators]
            half_noise = (step_size / inverse_temperature / 2) ** 0.5 * torch.stack(draws, dim=1)
        loss, gradient = _loss_and_gradient(model, walks, data, I)
        if t >= n_steps // 2:
            total += loss
        walks.lerp_(centre, step_size * localization / inverse_temperature)
        walks.sub_(gradient, alpha=step_size).add_(previous).add_(half_noise[t % _STEPS_AT_ONCE])
        previous = half_noise[t % _STEPS_AT_ONCE]

    estimate = inverse_temperature * (total / (n_steps - n_steps // 2) - loss_here)
    if not estimate.isfinite().all():
        raise ValueError(f"step_size must be so small that no walk escapes to infinity, got {step_size}")
    return LearningCoefficient(estimate.mean(1), estimate.std(1) / n_chains**0.5)


def _loss_and_gradient(
    model: ToyModel, parameters: Float[Tensor, "instance walk row feature"], data: FeatureDistribution, importance: Tensor
) -> tuple[Float[Tensor, "instance walk"], Float[Tensor, "instance walk row feature"]]:
    """The exact loss and its gradient, where at most one feature is active at a time."""
    # Quadrature would not do: it misses a ReLU that bends between two nodes, and the walks stay that close to w*.
    W, b = parameters[..., :-1, :], parameters[..., -1, :]
    gain, offset = W.mT @ W, b[..., None]  # with input x in feature j, pre-activation i is gain_ij x + b_i
    p = data.probability.to(W)[..., None, None] / data.n_features  # of each feature, [instance, 1, 1, 1]
    I = importance[:, None]

    # A ReLU lets x from `lower` to `upper` through, a linear output all of it. These are the moments of x on that part.
    if model.output_relu:
        root = (-offset / torch.where(gain == 0, 1.0, gain)).clamp_(0, 1)
        lower, upper = torch.where(offset > 0, 0.0, root), torch.where(gain + offset > 0, 1.0, root)
    else:
        lower, upper = torch.zeros_like(gain), torch.ones_like(gain)
    m0, m1, m2 = upper - lower, (upper**2 - lower**2) / 2, (upper**3 - lower**3) / 3

    # There the error is a line, slope x + b_i. Elsewhere it is the input itself.
    slope = gain.clone()
    slope.diagonal(dim1=-2, dim2=-1).sub_(1)
    d_slope, d_offset = slope * m2 + offset * m1, slope * m1 + offset * m0  # E error x and E error, on that part
    squared = (slope * d_slope + offset * d_offset).sum(-1) + (1 / 3 - m2.diagonal(dim1=-2, dim2=-1))
    at_zero = b.relu() if model.output_relu else b
    p_zero = data.zero_probability.to(W)[:, None, None]
    loss = (I * (p[..., 0] * squared + p_zero * at_zero.square())).sum(-1)

    d_gain = 2 * p * I[..., None] * d_slope
    d_b = 2 * I * (p[..., 0] * d_offset.sum(-1) + p_zero * at_zero)
    return loss, torch.cat([W @ (d_gain + d_gain.mT), d_b[..., None, :]], dim=-2)


guard(__name__)
