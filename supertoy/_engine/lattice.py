"""The batches that training sees: rows on random lattices, spread more evenly than independent ones, and cheaper to draw."""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy.data import FeatureDistribution

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
