"""The batches that training sees: rows on random lattices, spread more evenly than independent ones, and cheaper to draw."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy.data import Data, FeatureDistribution, Samples

_NUMBERS_AT_ONCE = 2**20  # so many are made in one go: many steps' batches cost little more than one


def batches(
    data: FeatureDistribution, batch_size: int, n_batches: int, generators: Sequence[torch.Generator]
) -> Iterator[Float[Tensor, "instance feature row"]]:
    """Batches of rows with at least one active feature and, as the last one, the zero vector.

    The N = batch_size - 1 others are a lattice in the space of the numbers that make a row: row i takes frac(i z/N + s) as
    its uniform numbers, with a random z coprime to N and a random shift s for each coordinate. Every row is distributed
    exactly as an independent one, since s alone makes it uniform: means over the batch are unbiased. Every coordinate by
    itself takes N equally spaced values, so that, for instance, each feature is active in as many rows as it should be.
    Instance k's batches depend on the k-th generator alone.

    Source: lattices with random shifts are due to Cranley & Patterson (1976).

    >>> generator = torch.Generator().manual_seed(0)
    >>> [rows] = batches(st.Independent(n_features=2, probability=torch.tensor([[1.0, 0.5]])), 9, 1, [generator])
    >>> (rows[0] > 0).sum(1)  # of 8 rows the first feature is active in 8, the second in half of them
    tensor([8, 4])
    """
    n_rows = batch_size - 1
    coprime = [z for z in range(1, n_rows + 1) if math.gcd(z, n_rows) == 1]
    slopes = torch.tensor(coprime, dtype=data.dtype, device=data.device) / n_rows
    row = torch.arange(batch_size, dtype=data.dtype, device=data.device)
    data = data.expand(len(generators))
    n_at_once = max(1, _NUMBERS_AT_ONCE // (len(generators) * data.n_draws * batch_size))
    for start in range(0, n_batches, n_at_once):
        shape = (min(n_at_once, n_batches - start), 2, data.n_draws, 1)
        draws = [torch.rand(shape, generator=g, dtype=data.dtype, device=data.device) for g in generators]
        pick, shift = torch.stack(draws, dim=1).unbind(2)  # [batch, instance, draw, 1]
        slope = slopes[(pick * len(slopes)).long()]
        # The fraction is taken twice, so that the shift is added to a number below 1 and loses no digits.
        x = data.rows(torch.mul(slope, row).frac_().add_(shift).frac_())
        x[..., -1] = 0
        yield from x.unbind(0)


def on_lattice(data: Data) -> TypeGuard[FeatureDistribution]:
    """Whether `batches` draws such data as `sample` does: not where a subclass samples in a way of its own."""
    own = (type(data).sample, getattr(type(data), "sample_active", None))
    return own == (FeatureDistribution.sample, FeatureDistribution.sample_active)


def weighted_batches(
    data: Data, batch_size: int, n_batches: int, generators: Sequence[torch.Generator], independent: bool = False
) -> Iterator[tuple[Float[Tensor, "instance feature row"], Float[Tensor, "instance row"]]]:
    """Batches of any data with the weights of their rows, which add up to 1: `batches`, activations on them, or samples.

    If `independent`, rows are drawn as the paper's code does: one by one, of equal weight, zero vectors as they come.
    Instance k's batches depend on the k-th generator alone. A data set that is no larger than a batch is the batch.

    Raises:
        ValueError: a subclass's sample that is none.
    """
    if on_lattice(data) and independent:
        data = data.expand(len(generators))
        zero, shape = data.zero_probability[:, None, None].to(data.dtype), (1 + data.n_draws, batch_size)
        weight = zero.new_full((len(generators), batch_size), 1 / batch_size)
        for _ in range(n_batches):
            draws = torch.stack([torch.rand(shape, generator=g, dtype=data.dtype, device=data.device) for g in generators])
            yield data.rows(draws[:, 1:]) * (draws[:, :1] >= zero), weight
        return
    if on_lattice(data):
        weight = data.row_weights(batch_size).flip(1).expand(len(generators), -1)  # the zero vector is last
        yield from ((rows, weight) for rows in batches(data, batch_size, n_batches, generators))
        return
    if (made := data.expand(len(generators)).made_of()) is not None:
        inner, read = made
        drawn = weighted_batches(inner, batch_size, n_batches, generators, independent)
        yield from ((read(x.mT).mT, weight) for x, weight in drawn)
        return
    each = [_sampled(data.select(slice(k, k + 1)), batch_size, n_batches, g) for k, g in enumerate(generators)]
    for parts in zip(*each, strict=True):
        x, weight = (torch.cat(part) for part in zip(*parts, strict=True))
        yield x.mT, weight


def _sampled(data: Data, batch_size: int, n_batches: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """x [1, row, feature] and weight [1, row] of each batch of a single setting."""
    if isinstance(data, Samples) and type(data).sample is Samples.sample and batch_size < data.n_rows:
        n_at_once = data.n_rows // batch_size  # go through the whole set before a row comes again
        weight = data.weight.new_full((1, batch_size), 1 / batch_size, dtype=data.dtype)
        for start in range(0, n_batches, n_at_once):
            for rows in data.draw(0, batch_size, min(n_at_once, n_batches - start), generator):
                yield data.x[:, rows], weight
        return
    for n in range(n_batches):
        x, weight = (each.to(dtype=data.dtype, device=data.device) for each in data.sample(batch_size, generator))
        if x.shape[::2] != (1, data.n_features) or weight.shape != x.shape[:2]:
            raise ValueError(
                f"{type(data).__name__}.sample must give x [1, row, {data.n_features}] and weight [1, row] for one setting, "
                f"got {list(x.shape)} and {list(weight.shape)}"
            )
        if n == 0:
            checks.require_finite(x=x)
            checks.require_row_weights(weight=weight)
        yield x, weight
