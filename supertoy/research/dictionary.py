"""Sparse autoencoders: directions, more than there are dimensions, of which every activation needs only a few.

>>> data, model = st.Independent(n_features=5, probability=0.05), st.ReLUOutputModel(1, n_features=5, n_hidden=2)
>>> record = st.train(model, data)  # a pentagon
>>> coder = SparseAutoencoder(1, n_hidden=2, n_latents=10)
>>> record = st.train(coder, Activations(model, data), loss=sparse_loss(0.3), n_restarts=8, n_steps=500)
>>> (normalize(model.W.mT, dim=-1) @ coder.directions.mT).amax(-1) > 0.95  # cosines with the features
tensor([[True, True, True, True, True]])
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from supertoy._engine.lattice import weighted_batches
from supertoy._engine.step import Adam, relu_gradient
from supertoy._util import checks
from supertoy._util.border import guard
from supertoy._util.generators import keyed_generator
from supertoy._util.progress import progress
from supertoy._util.threads import in_threads, stop_if_told
from supertoy.data import Data
from supertoy.models import BatchedModel
from supertoy.training import TrainingOptions

_NUMBERS_AT_ONCE = 2**18  # latents of a batch that are computed together: twice as many should fit in the cache


class SparseAutoencoder(BatchedModel):
    """h' = Σ_j z_j d_j with latents z = ReLU(Eᵀh + a) and unit vectors d_j.

    There is no bias on h', unlike in autoencoders for large models: here h is zero where no feature is active. The first
    directions are random, and the encoder starts equal to them. Latents that die stay dead, so have some to spare. With `k`,
    only the k largest z_j of a row are kept, or fewer where the ReLU leaves fewer. Other options: seed, dtype, device.

    Source: paper, "Strategic picture", "Approach 2"; Gao and others (2024), "Scaling and evaluating sparse autoencoders".
    """

    decoder: Tensor
    encoder: Tensor
    encoder_bias: Tensor

    def __init__(self, n_instances: int, n_hidden: int, n_latents: int, *, k: int | None = None, **options: Any) -> None:
        checks.require_int(k=1 if k is None else k, at_least=1)
        checks.require_int(n_latents=n_latents, at_least=k or 1)
        self.k = k or n_latents
        shapes = {"decoder": (n_latents, n_hidden), "encoder": (n_hidden, n_latents), "encoder_bias": (n_latents,)}
        super().__init__(n_instances, n_hidden, shapes, **options)

    def initial(self, name: str, generator: torch.Generator) -> Tensor:
        """Random unit vectors for the decoder, and zeros."""
        drawn = torch.randn(self.shapes[name], generator=generator)
        return normalize(drawn, dim=-1) if name == "decoder" else torch.zeros_like(drawn)

    @torch.no_grad()
    def settle(self) -> None:
        """Let the encoder start as the decoder's transpose, unless it is frozen."""
        if self.encoder.requires_grad:
            self.encoder.copy_(self.decoder.mT)

    @property
    def directions(self) -> Float[Tensor, "instance latent hidden"]:
        """The dictionary: d_j, unit vectors."""
        # If their length were free, it would grow and the latents shrink until the penalty cost nothing.
        return normalize(self.decoder, dim=-1)

    def latents(self, h: Float[Tensor, "#instance row hidden"]) -> Float[Tensor, "instance row latent"]:
        """z, how much of each direction the encoder sees in h; in units of h, never negative."""
        if h.shape[0] not in (1, self.n_instances) or h.shape[-1] != self.n_features:
            raise ValueError(f"h must be [1 or {self.n_instances}, row, {self.n_features}], got shape {list(h.shape)}")
        z = (h @ self.encoder + self.encoder_bias[:, None]).relu()
        return z if self.k == z.shape[-1] else z * torch.zeros_like(z).scatter(-1, z.topk(self.k).indices, 1.0)

    def forward(self, h: Float[Tensor, "#instance row hidden"]) -> Float[Tensor, "instance row hidden"]:
        """The reconstruction h' of h."""
        return self.latents(h) @ self.directions


class Activations(Data):
    """Hidden activations of a model as it is now, or what `read` makes of it and x, on data; a table of any is `Samples`."""

    per_instance = ("instance",)

    def __init__(self, model: BatchedModel, data: Data, read: Callable[[Any, Tensor], Tensor] | None = None) -> None:
        if data.n_features != model.n_features or data.n_instances not in (1, model.n_instances):
            raise ValueError(f"data must have the features and 1 or all instances of the model, {model}, got {data}")
        self.model, self.data = model.select(slice(None)), data
        self.read: Any = read or getattr(type(model), "hidden", None)
        if not callable(self.read):
            raise TypeError(f"read must be a function of the model and x for {type(model).__name__}, got {read!r}")
        x = torch.zeros(model.n_instances, 2, model.n_features, dtype=model.dtype, device=model.device)
        h = torch.no_grad()(self.read)(self.model, x)
        if h.shape[:-1] != x.shape[:-1] or h.dtype != x.dtype:
            raise ValueError(f"read must give {x.dtype} [instance, row, hidden], got {h.dtype} {list(h.shape)}")
        super().__init__(h.shape[-1], dtype=model.dtype)
        self.instance = torch.arange(model.n_instances, device=model.device)

    def made_of(self) -> tuple[Data, Callable[[Tensor], Tensor]] | None:
        """The data, and what gives the activations on their x; None for a subclass that samples in a way of its own."""
        return self._parts() if type(self).sample is Activations.sample else None

    def _parts(self) -> tuple[Data, Callable[[Tensor], Tensor]]:
        model = self.model.select(self.instance.cpu()).to(self.device, self.dtype)
        data = self.data.select(self.instance.cpu()).to(dtype=self.dtype, device=self.device)
        return data, torch.no_grad()(lambda x: self.read(model, x.expand(model.n_instances, -1, -1)))

    def sample(self, batch_size: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Activations on a sample of the data, and its weights."""
        data, activations = self._parts()
        x, weight = data.sample(batch_size, generator)
        return activations(x), weight.expand(self.n_instances, -1)


def sparse_loss(l1: float | str = 0.0) -> Callable[[BatchedModel, Tensor, Tensor], Tensor]:
    """E ‖h - h'‖² + λ E Σ_j z_j, for `train`; λ is l1 or, to have one for each instance, the model's buffer of this name."""
    return partial(_sparse_loss, l1 if isinstance(l1, str) else checks.one_each(l1, "l1", 1).item())


def _sparse_loss(l1: float | str, coder: BatchedModel, h: Tensor, weight: Tensor) -> Tensor:
    if not isinstance(coder, SparseAutoencoder) or not (isinstance(l1, float) or l1 in dict(coder.named_buffers())):
        raise TypeError(f"model must be a SparseAutoencoder, with a buffer {l1!r} if that is no number, got {coder}")
    z, price = coder.latents(h), l1 if isinstance(l1, float) else coder.get_buffer(l1).to(h)[:, None]
    return (weight * ((h - z @ coder.directions).square().sum(-1) + price * z.sum(-1))).sum(1)


@torch.no_grad()
def train_together(
    coders: Sequence[SparseAutoencoder],
    data: Data,
    *,
    l1: float = 0.0,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.03,
    seed: int = 0,
) -> list[Float[Tensor, "step instance"]]:
    """Train autoencoders of several sizes, in place, on the same activations: what is drawn serves all of them.

    >>> h = st.Samples(torch.eye(3)[torch.arange(300) % 3])  # one of three directions at a time
    >>> small, large = (SparseAutoencoder(1, n_hidden=3, n_latents=n) for n in (3, 8))
    >>> losses = train_together([small, large], h, l1=0.1, n_steps=400)
    >>> large.directions[0].T.amax(1) > 0.99
    tensor([True, True, True])

    By Adam with the learning rate of `train`, on `sparse_loss` with one λ, whose gradients are known here: in half the time
    that autograd takes, from one start and on batches of one size. Instance k draws its batches by (seed, k). Returns the
    losses before each step, of each of the autoencoders.

    Args:
        data: activations, of one setting or as many as there are instances; no rows of fewer than `batch_size`.
        learning_rate: at its peak.

    Raises:
        ValueError: autoencoders and data that do not fit each other, or a parameter that does not require grad.
        FloatingPointError: a loss became NaN or infinite.
    """
    checks.require_int(n_steps=n_steps, at_least=1)
    checks.require_int(batch_size=batch_size, at_least=4)
    checks.require_number(learning_rate=learning_rate, above=0)
    if len(sizes := {(coder.n_instances, coder.n_features) for coder in coders}) != 1:
        raise ValueError(f"coders must share one number of instances and of hidden dimensions, got {sorted(sizes)}")
    (n_instances, n_hidden), first = *sizes, coders[0]
    if data.n_features != n_hidden or data.n_instances not in (1, n_instances):
        raise ValueError(f"data must have {n_hidden} dimensions and 1 or {n_instances} instances, got {data}")
    if not all(parameter.requires_grad for coder in coders for parameter in coder.parameters()):
        raise ValueError("coders must have no frozen parameters; st.train takes such")
    data, price = data.to(dtype=first.dtype, device=first.device).expand(n_instances), checks.one_each(l1, "l1", 1).item()
    losses = [first.decoder.new_zeros(n_steps, n_instances) for _ in coders]
    options = TrainingOptions(n_steps=n_steps, learning_rate=learning_rate)

    def train_some(part: slice) -> None:
        steps = [_Step(coder.select(part), price, batch_size) for coder in coders]
        streams = [keyed_generator(seed, k, "batches 0", first.device) for k in range(n_instances)[part]]
        for n, (h, weight) in enumerate(weighted_batches(data.select(part), batch_size, n_steps, streams)):
            stop_if_told()
            h_and_one = torch.cat([h, torch.ones_like(h[:, :1])], dim=1)
            for step, loss in zip(steps, losses, strict=True):
                loss[n, part] = step(h_and_one, weight, options.rate(n))
            bar.update()
        for step, coder in zip(steps, coders, strict=True):
            for name, value in step.parameters().items():
                getattr(coder, name)[part] = value

    n_each = max(1, _NUMBERS_AT_ONCE // (batch_size * max(coder.shapes["decoder"][0] for coder in coders)))
    parts = [slice(start, min(start + n_each, n_instances)) for start in range(0, n_instances, n_each)]
    with progress(len(parts) * n_steps, "training", "step") as bar:
        in_threads([partial(train_some, part) for part in parts])
    for size, loss in enumerate(losses):
        if len(bad := (~torch.isfinite(loss)).nonzero()):
            n, k = bad[0].tolist()
            raise FloatingPointError(f"loss became {loss[n, k].item():g} at step {n + 1}, instance {k} of coders[{size}]")
    return losses


class _Step:
    """Autoencoders, and what it takes to improve them by one step of Adam; the gradients of `sparse_loss` by hand.

    Rows are last in memory. A row of ones below h takes the encoder's bias into its product with h, and a row of ones below
    the directions gives Σ_j z_j, and its gradient, with the product that gives h'. So a step is five products and two passes
    over the latents, in memory that is there from the start.
    """

    def __init__(self, coder: SparseAutoencoder, l1: float, n_rows: int) -> None:
        self.coder, self.l1, (n_latents, n_hidden) = coder, l1, coder.shapes["decoder"]
        inward = [coder.encoder.detach(), coder.encoder_bias.detach()[:, None]]
        self.encoder, self.decoder = torch.cat(inward, dim=1), coder.decoder.detach().mT.contiguous()
        self.gradients = [torch.empty_like(self.encoder), torch.empty_like(self.decoder)]
        self._adam = Adam([self.encoder, self.decoder])
        self._outward, self._d_outward = torch.ones_like(self.encoder), torch.empty_like(self.encoder)
        self._directions = self._outward[:, :n_hidden]
        self._z, self._d_z = (self.encoder.new_empty(coder.n_instances, n_latents, n_rows) for _ in range(2))
        self._out = self.encoder.new_empty(coder.n_instances, n_hidden + 1, n_rows)

    def forward_and_backward(
        self, h: Float[Tensor, "instance hidden_and_one row"], weight: Float[Tensor, "instance row"]
    ) -> Float[Tensor, "instance"]:
        """The loss on rows with these weights, which sum to 1, and its gradients."""
        length = torch.linalg.vector_norm(self.decoder, dim=1, keepdim=True)
        torch.div(self.decoder, length, out=self._directions)
        torch.bmm(self.encoder.mT, h, out=self._z).relu_()
        if self.coder.k < self._z.shape[1]:
            self._z.mul_(torch.zeros_like(self._z).scatter_(1, self._z.topk(self.coder.k, dim=1).indices, 1.0))
        torch.bmm(self._outward, self._z, out=self._out)
        error, total = self._out[:, :-1].sub_(h[:, :-1]), self._out[:, -1]
        loss = (weight * (error.square().sum(1) + self.l1 * total)).sum(1)
        error.mul_(2 * weight[:, None])
        torch.mul(weight, self.l1, out=total)
        torch.bmm(self._outward.mT, self._out, out=self._d_z)
        relu_gradient(self._d_z, self._z, 0, grad_input=self._d_z)
        torch.bmm(h, self._d_z.mT, out=self.gradients[0])
        d_directions = torch.bmm(self._out, self._z.mT, out=self._d_outward)[:, :-1]
        along = (d_directions * self._directions).sum(1, keepdim=True)  # what would only change the length
        torch.div(d_directions - along * self._directions, length, out=self.gradients[1])
        return loss

    def __call__(
        self, h: Float[Tensor, "instance hidden_and_one row"], weight: Float[Tensor, "instance row"], learning_rate: float
    ) -> Float[Tensor, "instance"]:
        """One step; the loss before it."""
        loss = self.forward_and_backward(h, weight)
        self._adam.step(self.gradients, learning_rate)
        return loss

    def parameters(self) -> dict[str, Tensor]:
        """Of the autoencoders as they are now, by name."""
        return {"decoder": self.decoder.mT, "encoder": self.encoder[:, :-1], "encoder_bias": self.encoder[:, -1]}


guard(__name__)
