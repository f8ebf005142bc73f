"""The slope and the curvature of the expected loss at a point: is it a minimum, a saddle, or neither?

Source: not in the paper.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit, expected_loss, has_closed_form
from supertoy.models import ToyModel

# Chosen by trial, against autograd through closed forms. With a step of 1e-3 the bends of the ReLUs move so far that the
# Hessian suffers; with 1e-5 it runs out of digits. The gradient can take a smaller step. `expected_loss` sorts copies into
# groups and cuts off each group's series at a different place, so the tolerance must lie far below the step squared.
_STEP, _GRADIENT_STEP, _RTOL = 1e-4, 1e-6, 1e-11
_MOST_COPIES = 2**12  # displaced copies measured in one call, to bound the memory


def gradient_and_hessian(
    model: ToyModel, data: FeatureDistribution, *, importance: float | Tensor = 1.0
) -> tuple[Float[Tensor, "instance parameter"], Float[Tensor, "instance parameter parameter"]]:
    """First and second derivatives of the exact expected loss in all parameters of each instance, in float64.

    >>> model = st.LinearModel(1, 1, 1).like({"W": torch.ones(1, 1, 1), "b": torch.zeros(1, 1)})
    >>> gradient_and_hessian(model, st.Independent(1, probability=1.0))[1].round(decimals=3)  # of E (x - w² x - b)²
    tensor([[[2.6670, 2.0000],
             [2.0000, 2.0000]]], dtype=torch.float64)

    Parameters come in the order of `model.named_parameters()`, each flattened.

    These are central differences of `expected_loss`. For weights of ordinary size the gradient is good to 1e-6. The Hessian
    is good to 1e-5 where only one feature is active at a time, otherwise to 1e-4. A pre-activation can be 0 for a whole
    range of inputs, as in a square without bias. The loss then curves differently on either side, and the result is the mean
    of the two.

    Raises:
        ValueError: the loss has no closed form; only a `LinearModel` or a `ReLUOutputModel` can have one.
    """
    check_fit(model, data)
    if not has_closed_form(model, data):
        raise ValueError(f"model and data must have a loss in closed form, which {type(model).__name__} lacks on this data")
    data = data.to(dtype=torch.float64, device=model.b.device)
    I = checks.importances(importance, model.n_instances, model.n_features)
    names, shapes = zip(*((name, p.shape[1:]) for name, p in model.named_parameters()), strict=True)
    point = torch.cat([p.detach().double().flatten(1) for p in model.parameters()], dim=1)
    n_instances, n_parameters = point.shape

    # Autograd over samples or quadrature nodes takes each ReLU's slope for a constant. But a change of the parameters also
    # moves the input at which the ReLU bends, which adds much to the second derivative. Differences of the loss contain it.
    one = torch.eye(n_parameters, dtype=torch.float64, device=point.device)
    first, second = torch.triu_indices(n_parameters, n_parameters, offset=1, device=point.device)
    single, double, tiny = _STEP * one, _STEP * (one[first] + one[second]), _GRADIENT_STEP * one
    moves = torch.cat([torch.zeros_like(one[:1]), tiny, -tiny, single, -single, double, -double])

    def losses(rows: Tensor) -> Tensor:  # copies are each instance in turn, displaced by each of the moves
        instance = rows // len(moves)
        values = (point[instance] + moves[rows % len(moves)]).split([shape.numel() for shape in shapes], dim=1)
        parameters = {name: v.unflatten(1, shape) for name, v, shape in zip(names, values, shapes, strict=True)}
        return expected_loss(model.like(parameters), data.select(instance), importance=I[instance.to(I.device)], rtol=_RTOL)

    copies = torch.arange(n_instances * len(moves), device=point.device)
    loss = torch.cat([losses(rows) for rows in copies.split(_MOST_COPIES)]).view(n_instances, -1)
    n_moves = [1] + 4 * [n_parameters] + 2 * [len(first)]
    here, tiny_up, tiny_down, up, down, both_up, both_down = loss.split(n_moves, dim=1)

    gradient = (tiny_up - tiny_down) / (2 * _GRADIENT_STEP)
    alone = (up + down - 2 * here) / _STEP**2
    # Along the diagonal of two parameters the curvature is the sum of their own, plus twice the mixed one.
    mixed = ((both_up + both_down - 2 * here) / _STEP**2 - alone[:, first] - alone[:, second]) / 2
    hessian = torch.diag_embed(alone)
    hessian[:, first, second] = hessian[:, second, first] = mixed
    return gradient, hessian


guard(__name__)
