"""Rotating a model's hidden space, and what its outputs make of it.

If nothing acts on single hidden numbers, W and O W are the same model for every orthogonal O. An activation function looks
at each number by itself and singles out a basis. Then only permutations of the neurons are left.

Source: paper, "Privileged vs non-privileged bases".
"""

from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy.models import ToyModel

Model = TypeVar("Model", bound=ToyModel)


def random_orthogonal(n_dimensions: int, n_rotations: int, seed: int = 0) -> Float[Tensor, "rotation dimension dimension"]:
    """Orthogonal matrices in float64, all equally likely (Haar measure); half of them are reflections.

    >>> O = random_orthogonal(3, n_rotations=2)
    >>> torch.allclose(O.mT @ O, torch.eye(3).double())
    True
    """
    streams = [keyed_generator(seed, k, f"rotation of {n_dimensions} dimensions") for k in range(n_rotations)]
    shape = (n_dimensions, n_dimensions)
    random = [torch.randn(shape, generator=generator, dtype=torch.float64) for generator in streams]
    Q, R = torch.linalg.qr(torch.stack(random))
    # The signs of R's diagonal depend on how the library happens to reflect; this makes Q independent of them.
    return Q * R.diagonal(dim1=1, dim2=2).sign()[:, None]


def random_permutations(
    n_dimensions: int, n_permutations: int, seed: int = 0
) -> Float[Tensor, "rotation dimension dimension"]:
    """Permutation matrices in float64, all equally likely.

    >>> random_permutations(3, n_permutations=1).sum(1)
    tensor([[1., 1., 1.]], dtype=torch.float64)
    """
    generator = keyed_generator(seed, n_dimensions, "permutations")
    orders = [torch.randperm(n_dimensions, generator=generator) for _ in range(n_permutations)]
    return torch.eye(n_dimensions, dtype=torch.float64)[torch.stack(orders)]


def rotated(model: Model, O: Float[Tensor, "rotation hidden hidden"]) -> Model:
    """Copies of a one-instance model with O W in place of W: one instance for each O.

    >>> model, x = st.ReLUOutputModel(1, n_features=5, n_hidden=2), torch.rand(1, 10, 5)
    >>> bool(relative_change(model(x), rotated(model, random_orthogonal(2, n_rotations=1))(x)) < 1e-5)
    True

    O need not be orthogonal.

    Raises:
        ValueError: the model has several instances, weights not tied, or a forward pass of its own; O does not fit.
    """
    if model.n_instances != 1 or not model.tied or model.changed_methods:
        raise ValueError("model must be of one instance, with tied weights and a forward pass of ours")
    if O.shape[1:] != (model.n_hidden, model.n_hidden):
        raise ValueError(f"O must be [rotation, {model.n_hidden}, {model.n_hidden}], got shape {list(O.shape)}")
    W = O.to(model.W) @ model.W.detach()
    return model.like({"W": W, "b": model.b.detach().expand(len(W), -1)})


def relative_change(
    before: Float[Tensor, "#instance batch feature"], after: Float[Tensor, "instance batch feature"]
) -> Float[Tensor, "instance"]:
    """Root mean square of the change, in units of the root mean square before it.

    >>> relative_change(torch.ones(1, 3, 2), 1.5 * torch.ones(1, 3, 2))
    tensor([0.5000])
    """
    return ((after - before).square().mean((1, 2)) / before.square().mean((1, 2))).sqrt()


guard(__name__)
