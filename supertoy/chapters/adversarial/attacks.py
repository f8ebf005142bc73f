"""Attacks on models in superposition: small changes of the input that move the output a lot, and training against them.

An attack is a vector δ of limited length ε, the norm, that is added to the input. The model is still asked to return x. The
damage is L' - L, the expected loss on x + δ minus that on x, with all importances 1, in float64.

Inputs x are the rows of a weighted sample. One sample can serve all instances of a model; its first axis is then 1.

Source: paper, "Relationship to adversarial robustness" (section 7).
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy._util.threads import in_threads
from supertoy.data import FeatureDistribution
from supertoy.loss import check_fit
from supertoy.models import ReLUOutputModel, ToyModel
from supertoy.research.descent import minimize

_N_ROWS = 2**14  # of the sample that gives the mean input norm
_NUMBERS_AT_ONCE = 2**19  # of all attacks on a few rows; they should fit in the cache

Norm = float | Float[Tensor, "_instance"]  #: Length of an attack, 0 or more: one for all instances, or one for each.


def mean_input_norm(data: FeatureDistribution) -> Float[Tensor, "instance"]:
    """E‖x‖ over all inputs, zero vectors included: the unit of attack norms.

    >>> mean_input_norm(st.Independent(n_features=1, probability=0.1)).round(decimals=2)  # 0.1 of a uniform value's mean
    tensor([0.0500], dtype=torch.float64)

    It comes from a sample that is the same at every call. Its standard error is below 1 %.
    """
    norms = []
    for k in range(data.n_instances):  # one by one, since large samples take memory
        x, weight = data.select(slice(k, k + 1)).sample(_N_ROWS, keyed_generator(0, k, "mean input norm", data.device))
        norms.append((weight.double() * torch.linalg.vector_norm(x, dim=-1)).sum(1))
    return torch.cat(norms)


def dedicated_model(data: FeatureDistribution, n_hidden: int) -> ReLUOutputModel:
    """The model without superposition: the first n_hidden features have a dimension each, the others only their mean.

    If all features are alike, no model without superposition has a lower loss. There is one instance for each of the data's
    settings. The parameters need no gradient.
    """
    if n_hidden > data.n_features:
        raise ValueError(f"n_hidden must be at most the data's {data.n_features} features, got {n_hidden}")
    model = ReLUOutputModel(data.n_instances, data.n_features, n_hidden, dtype=data.dtype, device=data.device)
    moments = data.moments()
    if moments is None:
        raise ValueError(f"data must have known moments, which {type(data).__name__} has not")
    with torch.no_grad():
        model.W.copy_(torch.eye(n_hidden, data.n_features))
        model.b[:, n_hidden:] = moments[0][:, n_hidden:].to(model.b)
    return model


def feature_attacks(W: Float[Tensor, "instance hidden feature"], norm: Norm) -> Float[Tensor, "instance feature feature"]:
    """For each feature i the attack that raises its output most: δ_i = ε (WᵀW)_i / ‖(WᵀW)_i‖.

    >>> feature_attacks(torch.tensor([[[0.6, -0.8]]]), norm=0.1)
    tensor([[[ 0.0600, -0.0800],
             [-0.0600,  0.0800]]])

    δ adds (WᵀW)_i · δ to output i before its ReLU. Of all δ of length ε the one along (WᵀW)_i adds most. Where W_i is zero
    nothing reaches the output, and δ_i is zero.
    """
    return _lengths(norm, W)[:, None, None] * _unit(W.mT @ W)


def strongest_attack(
    model: ToyModel, x: Float[Tensor, "_instances row feature"], attacks: Float[Tensor, "_instances attack _feature"]
) -> Float[Tensor, "instance row feature"]:
    """For each row of x, the one of some attacks that does most damage to the model.

    Raises:
        TypeError: the model has a ReLU on its hidden layer, where input and attack do not simply add up.
    """
    x, attacks = _fitting(model, x=x, attacks=attacks)
    if attacks.shape[1] == 0:
        raise ValueError("attacks must hold at least one for each instance, got none")
    return _take(attacks, _choose(model, x, attacks))


def gradient_attack(
    model: ToyModel, x: Float[Tensor, "_instances row feature"], norm: Norm
) -> Float[Tensor, "instance row feature"]:
    """One step of length ε up the gradient of each row's error; δ = 0 where the gradient is zero.

    >>> model = st.LinearModel(1, n_features=1, n_hidden=1)
    >>> model = model.like({"W": torch.zeros(1, 1, 1), "b": torch.zeros(1, 1)})  # no input reaches its output
    >>> gradient_attack(model, torch.ones(1, 1, 1), norm=0.1)
    tensor([[[0.]]])

    Source: Goodfellow et al. (2015), with the Euclidean norm.
    """
    [x] = _fitting(model, x=x)
    return _lengths(norm, x)[:, None, None] * _unit(_gradient(model, x, torch.zeros_like(x)))


def projected_gradient_attack(
    model: ToyModel,
    x: Float[Tensor, "_instances row feature"],
    norm: Norm,
    *,
    start: Float[Tensor, "_instance _row _feature"] | None = None,
    n_steps: int = 20,
) -> Float[Tensor, "instance row feature"]:
    """Steps of length 2.5 ε / n_steps up the gradient, each cut back to length ε if it goes beyond; the best of them.

    They begin at `start`, no longer than ε, or at δ = 0.

    Source: Madry et al. (2018), with the Euclidean norm.
    """
    [x] = _fitting(model, x=x)
    length = _lengths(norm, x)[:, None, None]
    delta = torch.zeros_like(x) if start is None else _fitting(model, start=start)[0]
    if delta.shape != x.shape:
        raise ValueError(f"start must have the shape of x, {list(x.shape)}, got {list(delta.shape)}")
    if bool((torch.linalg.vector_norm(delta, dim=-1, keepdim=True) > 1.001 * length).any()):
        raise ValueError("start must be no longer than norm, got a row that is")
    delta = _within(length, delta)  # exact to the last digit
    best, most = delta, _errors(model, x, delta)
    for _ in range(n_steps):
        delta = _within(length, delta + 2.5 * length / n_steps * _unit(_gradient(model, x, delta)))
        error = _errors(model, x, delta)
        best = torch.where((error > most)[..., None], delta, best)
        most = torch.maximum(error, most)
    return best


def random_attack(
    x: Float[Tensor, "instance row feature"], norm: Norm, *, seed: int = 0
) -> Float[Tensor, "instance row feature"]:
    """For each row of x a δ of length ε in a random direction: what an attack without knowledge does.

    Instance k draws by (seed, k).
    """
    draws = [
        torch.randn(
            x.shape[1:], generator=keyed_generator(seed, k, "random attack", x.device), dtype=x.dtype, device=x.device
        )
        for k in range(len(x))
    ]
    return _lengths(norm, x)[:, None, None] * _unit(torch.stack(draws))


def damage(
    model: ToyModel,
    x: Float[Tensor, "_instances row feature"],
    weight: Float[Tensor, "_instances _row"],
    attack: Float[Tensor, "_instance _row _feature"],
) -> Float[Tensor, "instance"]:
    """L' - L: what an attack on each row adds to the expected loss."""
    x, attack = _fitting(model, x=x, attack=attack)
    if attack.shape != x.shape or weight.shape[-1] != x.shape[1] or len(weight) not in (1, len(x)):
        raise ValueError(
            f"attack must have the shape of x, {list(x.shape)}, and weight its first two axes, "
            f"got {list(attack.shape)} and {list(weight.shape)}"
        )
    added = _errors(model, x, attack) - _errors(model, x, torch.zeros_like(x))
    return (weight.double() * added).sum(1)


def vulnerability(
    model: ToyModel,
    x: Float[Tensor, "_instances row feature"],
    weight: Float[Tensor, "_instances _row"],
    norm: Norm,
) -> Float[Tensor, "instance"]:
    """L' - L when each row meets the strongest of the n attacks on a feature: what the paper calls vulnerability.

    Raises:
        TypeError: the model's weights are not tied, or it has a ReLU on its hidden layer.

    Source: paper, "Relationship to adversarial robustness".
    """
    _require_tied(model)
    return damage(model, x, weight, strongest_attack(model, x, feature_attacks(model.W, norm)))


def transferred_damage(
    model: ToyModel,
    x: Float[Tensor, "_instances row feature"],
    weight: Float[Tensor, "_instances _row"],
    attack: Float[Tensor, "_instance _row _feature"],
) -> Float[Tensor, "maker target"]:
    """Damage to each instance by attacks made for each: [the one it was made for, the one it is sent to].

    The sample must be the same for all instances.

    Source: not in the paper, which expects that attacks transfer where features are correlated.
    """
    if len(x) > 1 and not torch.equal(x, x[:1].expand_as(x)):
        raise ValueError("x must be the same for all instances, since each meets the attacks on the others")
    return torch.stack([damage(model, x, weight, made[None].expand_as(attack)) for made in attack])


def on_bystanders(
    attack: Float[Tensor, "_instance _row _feature"],
    x: Float[Tensor, "_instances row feature"],
    data: FeatureDistribution,
) -> Float[Tensor, "instance row feature"]:
    """The part of an attack on features that have nothing to do with it, stretched to the attack's length.

    These are all but the feature that changes most, the active ones (x ≠ 0), and the partners of both in their sets.
    """
    if {attack.shape[-1], x.shape[-1]} != {data.n_features}:
        raise ValueError(f"attack and x must have {data.n_features} features, got {attack.shape[-1]} and {x.shape[-1]}")
    if attack.ndim != 3 or attack.shape[1] != x.shape[1] or len(x) not in (1, len(attack)):
        raise ValueError(f"attack must have the shape of x, or x one instance, got {list(attack.shape)} and {list(x.shape)}")
    concerned = torch.nn.functional.one_hot(attack.abs().argmax(-1), data.n_features) + (x != 0)
    same_set = (data.block_of_feature[:, None] == data.block_of_feature).to(attack)
    bystander = concerned.to(attack) @ same_set == 0
    return torch.linalg.vector_norm(attack, dim=-1, keepdim=True) * _unit(attack * bystander)


def train_adversarially(
    model: ToyModel,
    data: FeatureDistribution,
    norm: Norm,
    *,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> Float[Tensor, "step instance"]:
    """Train every instance in place on inputs under attack: each row by the strongest attack on a feature drawn at random.

    At every step the attacks are those of the current weights (`feature_attacks`); no gradient flows through them. The zero
    vector, which may be most of the data, is attacked through every feature, each with equal weight. With norm 0 this is
    ordinary training.

    Args:
        batch_size: rows of a batch, the zero vector among them.
        learning_rate: at its peak; see `minimize`.

    Returns:
        The loss under attack before each step.

    Raises:
        TypeError: the model's weights are not tied, or it has a ReLU on its hidden layer.
        FloatingPointError: a loss became NaN or infinite.
    """
    check_fit(model, data)
    _require_tied(model)
    length = _lengths(norm, model.W)
    generators = [keyed_generator(seed, k, "attacked features", model.b.device) for k in range(model.n_instances)]

    knows = not (model.changed_methods or model.any_activation)

    def loss(x: Tensor, weight: Tensor) -> Tensor | tuple[Tensor, list[Tensor]]:
        shape, attacks = (x.shape[1] - 1,), feature_attacks(model.W.detach(), length)
        i = torch.stack([torch.randint(model.n_features, shape, generator=g, device=x.device) for g in generators])
        rows = _under_attack(x, weight, attacks, i)
        return _loss_and_gradients(model, *rows) if knows else _loss(model, *rows)

    options = {"n_steps": n_steps, "batch_size": batch_size, "seed": seed}
    return minimize(loss, [model.W, model.b], data, learning_rate=learning_rate, **options)


def _under_attack(x: Tensor, weight: Tensor, attacks: Tensor, i: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the model sees, what it should give, and how much that counts, [instance, feature or 1, row].

    All rows but the first meet the attack of their number i. The first, the zero vector, meets every one, at equal shares.
    """
    n_attacks = attacks.shape[1]
    rows, made = x[:, 1:].mT, attacks.mT.contiguous()
    attacked = torch.cat([made, rows + made.gather(2, i[:, None].expand(-1, rows.shape[1], -1))], dim=2)
    share = torch.cat([weight[:, :1].expand(-1, n_attacks) / n_attacks, weight[:, 1:]], dim=1)
    return attacked, torch.cat([torch.zeros_like(made), rows], dim=2), share[:, None]


def _loss(model: ToyModel, attacked: Tensor, target: Tensor, share: Tensor) -> Tensor:
    return (share * (model(attacked.mT).mT - target).square()).sum((1, 2))


@torch.no_grad()
def _loss_and_gradients(
    model: ToyModel, attacked: Tensor, target: Tensor, share: Tensor
) -> tuple[Float[Tensor, "instance"], list[Tensor]]:
    """The same, and the gradients of W and b by hand, for models that the paper has: half the time of autograd."""
    h = model.W @ attacked
    output = torch.baddbmm(model.b[..., None], model.W.mT, h)
    if model.output_relu:
        output.relu_()
    error = output - target
    weighed = error * share
    loss = (error * weighed).sum((1, 2))
    if model.output_relu:
        weighed = torch.ops.aten.threshold_backward(weighed, output, 0)  # 0 where the ReLU gave 0
    return loss, [2 * torch.baddbmm(model.W @ weighed @ attacked.mT, h, weighed.mT), 2 * weighed.sum(2)]


def _require_tied(model: ToyModel) -> None:
    if model.hidden_relu or not model.tied:
        raise TypeError(f"model must be linear up to its output, with tied weights, got {type(model).__name__}")


def _choose(model: ToyModel, x: Tensor, attacks: Tensor) -> Tensor:
    """For each row the number of the attack that makes the largest error."""
    if model.hidden_relu:
        raise TypeError(f"model must be linear up to its output, as ReLUOutputModel is, got {type(model).__name__}")
    with torch.no_grad():
        # What each attack adds to the outputs is the same for all rows, so it is computed once.
        gain = (model.output_weights @ model.input_weights).mT
        added, z = attacks @ gain, x @ gain + model.b[:, None]
        tasks = [partial(_choose_for_one, model, z[k], x[k], added[k]) for k in range(model.n_instances)]
        return torch.stack(in_threads(tasks))


def _choose_for_one(model: ToyModel, z: Tensor, x: Tensor, added: Tensor) -> Tensor:
    chosen = []
    n_rows = max(1, _NUMBERS_AT_ONCE // added.numel())
    with torch.no_grad():  # a new thread starts with gradients
        for some, rows in zip(z.split(n_rows), x.split(n_rows), strict=True):
            error = model.activate(some[:, None] + added).sub_(rows[:, None]).square_().sum(-1)
            chosen.append(error.argmax(1))
    return torch.cat(chosen)


def _take(attacks: Tensor, index: Tensor) -> Tensor:
    """The attacks of these numbers, one for each row."""
    return attacks.gather(1, index[..., None].expand(-1, -1, attacks.shape[-1]))


def _errors(model: ToyModel, x: Tensor, delta: Tensor) -> Tensor:
    """Σ_i (x'_i - x_i)² of each row, where the model turns x + δ into x'."""
    with torch.no_grad():
        return (model(x + delta) - model.target(x)).square().sum(-1)


def _gradient(model: ToyModel, x: Tensor, delta: Tensor) -> Tensor:
    """Of each row's error with respect to its attack."""
    with torch.enable_grad():
        delta = delta.detach().requires_grad_()
        error = (model(x + delta) - model.target(x)).square().sum()
        (gradient,) = torch.autograd.grad(error, delta)
    return gradient


def _within(length: Tensor, delta: Tensor) -> Tensor:
    """Attacks cut back to this length where they are longer."""
    too_long = torch.linalg.vector_norm(delta, dim=-1, keepdim=True) > length
    return torch.where(too_long, length * _unit(delta), delta)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors along the last axis at length one; zeros stay zeros."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return torch.where(length > 0, vectors / length, 0.0)


def _lengths(norm: Norm, like: Tensor) -> Tensor:
    return checks.one_each(norm, "norm", len(like)).to(like)


def _fitting(model: ToyModel, **arguments: Tensor) -> list[Tensor]:
    """The arguments in the model's dtype, for all its instances."""
    for name, value in arguments.items():
        if value.ndim != 3 or value.shape[-1] != model.n_features or len(value) not in (1, model.n_instances):
            raise ValueError(
                f"{name} must be [1 or {model.n_instances}, ..., {model.n_features}] to fit model, got {list(value.shape)}"
            )
    return [value.to(model.b).expand(model.n_instances, -1, -1) for value in arguments.values()]


guard(__name__)
