"""Sparse autoencoders: directions, more than there are dimensions, of which every activation needs only a few.

>>> data, model = st.Independent(n_features=5, probability=0.05), st.ReLUOutputModel(1, n_features=5, n_hidden=2)
>>> record = st.train(model, data)  # a pentagon
>>> coder = SparseAutoencoder(1, n_hidden=2, n_latents=10)
>>> record = st.train(coder, Activations(model, data), loss=sparse_loss(0.3), n_restarts=8, n_steps=500)
>>> (normalize(model.W.mT, dim=-1) @ coder.directions.mT).amax(-1) > 0.95  # cosines with the features
tensor([[True, True, True, True, True]])
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import Data
from supertoy.models import BatchedModel


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


guard(__name__)
