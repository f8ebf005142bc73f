"""Sparse features: which of them are active together, and samples that spend nothing on rows of zeros.

A feature is zero with probability S (its sparsity) and otherwise uniform on [0, 1], on [-1, 1] where `signed`. Features come
in blocks that become active independently of each other: a block is one feature (`Independent`), or a set of features that
are active all together (`CorrelatedSets`) or one at a time (`AnticorrelatedSets`), or two whose activity is correlated as
much as one likes (`PartlyCorrelatedPairs`).

Source: paper, "Demonstrating superposition" and "Geometry of superposition", "Correlated and anticorrelated features".
"""

import copy
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.generators import keyed_generator

Distribution = TypeVar("Distribution", bound="FeatureDistribution")  # beartype does not know typing.Self everywhere


class FeatureDistribution:
    """Blocks of features, each block active with a probability of its own; the base of all distributions.

    The first `n_sets * set_size` features form the sets, one after the other; each further feature is a block by itself.

    Args:
        n_sets: number of sets.
        set_size: features per set.
        n_single: features that belong to none.
        probability: of each block being active, float64 [instance, block], the sets first.
        exclusive: an active set has exactly one active member (each equally likely) instead of all.
        signed: active values are uniform on [-1, 1] instead of [0, 1].
        dtype: of the samples.

    Attributes:
        probability: [instance, block] of each block being active, float64.
        exclusive: whether an active set has exactly one active member (each equally likely) instead of all.
        all_or_one: whether that is all that can happen in an active set, as the closed forms of the expected loss assume.
        block_of_feature: [feature], number of the block that each belongs to.
    """

    all_or_one: ClassVar[bool] = True

    def __init__(
        self,
        n_sets: int,
        set_size: int,
        n_single: int,
        probability: Tensor,
        *,
        exclusive: bool = False,
        signed: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.n_sets, self.set_size, self.n_single = n_sets, set_size, n_single
        self.n_features = n_sets * set_size + n_single
        self.probability = probability
        self.exclusive = exclusive
        self.signed = signed
        self.dtype = dtype
        sets = torch.arange(n_sets).repeat_interleave(set_size)
        singles = n_sets + torch.arange(n_single)
        self.block_of_feature = torch.cat([sets, singles]).to(probability.device)

    @property
    def n_instances(self) -> int:
        """How many settings the distribution holds; one setting fits a model with any number of instances."""
        return self.probability.shape[0]

    @property
    def n_blocks(self) -> int:
        """Number of features and sets that become active independently of each other."""
        return self.n_sets + self.n_single

    @property
    def device(self) -> torch.device:
        """Where samples are made."""
        return self.probability.device

    def states(self, block: int) -> list[tuple[list[int], Float[Tensor, "instance"]]]:
        """What a block can be in: for each set of members that can be active together, none first, its probability.

        Args:
            block: number of the block.

        Returns:
            Pairs of the members' feature numbers and the probability, which add up to 1.
        """
        p = self.probability[:, block]
        if block >= self.n_sets:
            return [([], 1 - p), ([self.n_sets * (self.set_size - 1) + block], p)]
        members = [*range(block * self.set_size, (block + 1) * self.set_size)]
        if self.exclusive:
            return [([], 1 - p), *(([member], p / self.set_size) for member in members)]
        return [([], 1 - p), (members, p)]

    @property
    def zero_probability(self) -> Float[Tensor, "instance"]:
        """Probability that no feature is active, exact, float64."""
        return (1 - self.probability).prod(-1)

    def sample(
        self, batch_size: int, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "instance batch feature"], Float[Tensor, "instance batch"]]:
        """Draw a weighted batch whose weighted mean of any function is an unbiased estimate of its expectation.

        Row 0 is the zero vector and carries its exact probability. The other rows are drawn given that something is active
        and share the rest of the weight equally, so no arithmetic goes into repeated zeros.

        Args:
            batch_size: rows, at least 2.
            generator: source of randomness on this distribution's device; torch's default one if None.

        Returns:
            x, and weight, which sums to 1 over the batch.

        Raises:
            TypeError: batch_size is no int.
            ValueError: batch_size below 2.
        """
        checks.require_int(batch_size=batch_size, at_least=2)
        active = self.sample_active(batch_size - 1, generator)
        x = torch.cat([active.new_zeros(self.n_instances, 1, self.n_features), active], dim=1)
        return x, self.row_weights(batch_size)

    def row_weights(self, batch_size: int) -> Float[Tensor, "instance batch"]:
        """The weights that `sample` gives to its rows; they depend on nothing random.

        Args:
            batch_size: rows, at least 2.
        """
        zero = self.zero_probability[:, None]
        others = ((1 - zero) / (batch_size - 1)).expand(-1, batch_size - 1)
        return torch.cat([zero, others], dim=1).to(self.dtype)

    def sample_active(self, n_rows: int, generator: torch.Generator | None = None) -> Float[Tensor, "instance row feature"]:
        """Draw rows given that at least one feature is active, independent of each other.

        Args:
            n_rows: how many.
            generator: source of randomness on this distribution's device; torch's default one if None.
        """
        shape = (self.n_instances, self.n_draws, n_rows)
        return self.rows(torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)).mT

    @property
    def n_draws(self) -> int:
        """How many uniform numbers make one row: see `rows`."""
        return 1 + self.n_blocks + self.n_sets * (1 if self.exclusive else self.set_size)

    def rows(self, uniform: Float[Tensor, "*batch instance draw row"]) -> Float[Tensor, "*batch instance feature row"]:
        """Turn uniform numbers on [0, 1) into rows with at least one active feature.

        The first draw says which block is the first active one: block j with probability p_j Π_{i<j} (1 - p_i) / (1 -
        P(none)), by inverting that cumulative distribution. Blocks before it are off, and blocks after it are as
        independent as ever. Then follows one draw for each block, and after these one for each value or choice inside a
        set.

        One number u decides whether a block is active and, if so, gives a uniform value too: ReLU(1 - u/p) is positive
        if u < p, and then uniform on (0, 1].

        Args:
            uniform: `n_draws` numbers for each row, in [0, 1); axes in front are kept.
        """
        level, block, inside = uniform.split([1, self.n_blocks, uniform.shape[-2] - self.n_blocks - 1], dim=-2)
        first, value_of_first = self._first_active(level)
        value = torch.mul(block, (-1 / self.probability).to(self.dtype)[..., None]).add_(1).relu_()
        index = torch.arange(1, self.n_blocks + 1, device=self.device, dtype=self.dtype)[:, None]
        # The same as index >= first, and several times faster than with truth values.
        value *= (index - first.to(index)).clamp_(0, 1)
        value.scatter_(-2, first, value_of_first)

        in_sets, singles = value.split([self.n_sets, self.n_single], dim=-2)
        if self.signed:
            singles = torch.where(singles > 0, 2 * singles - 1, 0.0)
        if not self.n_sets:
            return singles
        if self.exclusive:
            member = torch.arange(self.set_size, device=self.device)
            chosen = (inside * self.set_size).long()[..., None, :] == member[:, None]
            inside = in_sets[..., None, :].expand(chosen.shape).flatten(-3, -2)
            active = (chosen & (in_sets > 0)[..., None, :]).flatten(-3, -2)
        else:
            active = (in_sets > 0).repeat_interleave(self.set_size, dim=-2)
        inside = torch.where(active, 2 * inside - 1 if self.signed else inside, 0.0)
        return torch.cat([inside, singles], dim=-2)

    def _first_active(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """The first active block, and a value for it, uniform on (0, 1]: how far `level` gets into that block's share."""
        upper = 1 - (1 - self.probability).cumprod(-1)  # P(some block up to this one is active), [instance, block]
        lower = torch.cat([torch.zeros_like(upper[:, :1]), upper[:, :-1]], dim=-1)
        by_instance = level.movedim(-3, 0).reshape(self.n_instances, -1).double() * upper[:, -1:]
        first = torch.searchsorted(upper, by_instance, right=True).clamp_(max=self.n_blocks - 1)
        value = (upper.gather(-1, first) - by_instance) / (upper - lower).gather(-1, first)

        def shaped(tensor: Tensor) -> Tensor:
            return tensor.view(self.n_instances, *level.shape[:-3], 1, level.shape[-1]).movedim(0, -3)

        return shaped(first), shaped(value.to(self.dtype))

    def to(
        self: Distribution, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Distribution:
        """The same distribution with samples of this dtype on this device.

        Args:
            dtype: of the samples; as it is if None.
            device: where they are made; as it is if None.
        """
        moved = copy.copy(self)
        moved.dtype = dtype or self.dtype
        moved.probability = self.probability.to(device or self.device)
        moved.block_of_feature = self.block_of_feature.to(device or self.device)
        return moved

    def select(self: Distribution, instances: slice | Tensor) -> Distribution:
        """The settings of these instances alone; a single setting stays one, since one fits all.

        Args:
            instances: a slice, or their numbers in any order.
        """
        selected = copy.copy(self)
        if self.n_instances > 1:
            selected.probability = self.probability[instances]
        return selected

    def expand(self: Distribution, n_instances: int) -> Distribution:
        """A single setting as that many equal ones; as it is if it holds that many.

        Args:
            n_instances: how many.
        """
        expanded = copy.copy(self)
        expanded.probability = self.probability.expand(n_instances, -1)
        return expanded


class Independent(FeatureDistribution):
    """Every feature is active by itself.

    Args:
        n_features: number of features n, at least 1.
        probability: p = 1 - S of each feature being active, in (0, 1]; broadcasts to [instance, feature]. Samples live on
            its device.
        signed: active values are uniform on [-1, 1] instead of [0, 1] (the absolute-value task).
        dtype: of the samples.

    Raises:
        ValueError: n_features < 1; a probability outside (0, 1]; a shape that does not broadcast.

    Source: paper, "Demonstrating superposition".

    >>> Independent(n_features=5, probability=torch.tensor([[1.0], [0.2]])).zero_probability
    tensor([0.0000, 0.3277], dtype=torch.float64)
    """

    def __init__(
        self,
        n_features: int,
        probability: float | Tensor,
        *,
        signed: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        checks.require_int(n_features=n_features, at_least=1)
        table = checks.probabilities(probability, "probability", n_features, "feature")
        super().__init__(0, 1, n_features, table, signed=signed, dtype=dtype)


class _Sets(FeatureDistribution):
    """The constructor that correlated and anticorrelated sets share."""

    _exclusive: ClassVar[bool]

    def __init__(
        self,
        n_sets: int,
        set_size: int,
        probability: float | Tensor,
        *,
        n_features: int | None = None,
        signed: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        checks.require_int(n_sets=n_sets, set_size=set_size, at_least=1)
        in_sets = n_sets * set_size
        n_features = in_sets if n_features is None else n_features
        checks.require_int(n_features=n_features, at_least=1)
        if in_sets > n_features:
            raise ValueError(f"n_sets * set_size must be at most n_features = {n_features}, got {n_sets} * {set_size}")
        n_single = n_features - in_sets
        table = checks.probabilities(probability, "probability", n_sets + n_single, "block")
        super().__init__(n_sets, set_size, n_single, table, exclusive=self._exclusive, signed=signed, dtype=dtype)


class CorrelatedSets(_Sets):
    """Sets of features that are active all together or not at all; their values stay independent.

    Args:
        n_sets: number of sets, at least 1.
        set_size: features per set, at least 1.
        probability: of each set being active, in (0, 1]; broadcasts to [instance, block], where the blocks are the sets
            followed by the features that belong to none.
        n_features: total, if there are further, independent features behind the sets.
        signed: active values are uniform on [-1, 1] instead of [0, 1].
        dtype: of the samples.

    Raises:
        ValueError: the sets hold more features than n_features; a probability outside (0, 1]; a wrong shape.

    Source: paper, "Correlated and anticorrelated features".

    >>> x, weight = CorrelatedSets(n_sets=1, set_size=2, probability=0.1).sample(1000)
    >>> (x[0, :, 0] > 0).equal(x[0, :, 1] > 0)
    True
    """

    _exclusive = False


class AnticorrelatedSets(_Sets):
    """Sets of features of which at most one is active: the set with its probability, then one member at random.

    Args:
        n_sets: number of sets, at least 1.
        set_size: features per set, at least 1.
        probability: of each set being active, in (0, 1], so that each member is with probability / set_size; broadcasts to
            [instance, block], where the blocks are the sets followed by the features that belong to none.
        n_features: total, if there are further, independent features behind the sets.
        signed: active values are uniform on [-1, 1] instead of [0, 1].
        dtype: of the samples.

    Raises:
        ValueError: the sets hold more features than n_features; a probability outside (0, 1]; a wrong shape.

    Source: paper, "Correlated and anticorrelated features".

    >>> x, weight = AnticorrelatedSets(n_sets=1, set_size=2, probability=0.1).sample(1000)
    >>> ((x > 0).sum(-1) <= 1).all()
    tensor(True)
    """

    _exclusive = True


class PartlyCorrelatedPairs(FeatureDistribution):
    """Pairs of features, each active with probability p, whose activity has a correlation anywhere between the extremes.

    Both of a pair are active with probability p² + c p (1 - p). At c = 1 they are always active together, as in
    `CorrelatedSets`; at c = 0 they are independent; at c = -p / (1 - p), where they are never active together, they are
    what `AnticorrelatedSets` makes of a set of two that is active with probability 2p. Values are independent.

    Args:
        n_pairs: number of pairs, at least 1.
        probability: p of each feature, in (0, 1/2]; one for each instance.
        correlation: c between the activities of a pair, in [-p / (1 - p), 1]; one for each instance.
        dtype: of the samples.

    Raises:
        ValueError: n_pairs below 1; probability or correlation out of range, or of lengths that do not fit.

    Source: not in the paper, whose "Correlated and anticorrelated features" has the two extremes.
    """

    all_or_one: ClassVar[bool] = False

    def __init__(
        self,
        n_pairs: int,
        probability: float | Float[Tensor, "instance"],
        correlation: float | Float[Tensor, "instance"],
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        checks.require_int(n_pairs=n_pairs, at_least=1)
        p, c = torch.broadcast_tensors(
            *(torch.as_tensor(value, dtype=torch.float64).reshape(-1) for value in (probability, correlation))
        )
        if not bool(((p > 0) & (p <= 0.5)).all()):
            raise ValueError(f"probability must lie in (0, 1/2], got {p.tolist()}")
        both = p**2 + c * p * (1 - p)
        if not bool(((both > -1e-7) & (c <= 1)).all()):  # the end of the range, as float32 has it, is in
            raise ValueError(f"correlation must lie in [-p / (1 - p), 1], got {c.tolist()} where p is {p.tolist()}")
        self.both = torch.minimum(both, p).clamp(min=0)
        some = (2 * p - self.both)[:, None].expand(-1, n_pairs)
        super().__init__(n_pairs, 2, 0, some, dtype=dtype)

    @property
    def n_draws(self) -> int:
        """How many uniform numbers make one row: the base's for correlated sets, and one more for each pair."""
        return super().n_draws + self.n_sets

    def states(self, block: int) -> list[tuple[list[int], Float[Tensor, "instance"]]]:
        """No member, one of the two, or both.

        Args:
            block: number of the pair.

        Returns:
            Pairs of the members' feature numbers and the probability, which add up to 1.
        """
        some, both = self.probability[:, block], self.both.expand(self.n_instances)
        alone = (some - both) / 2
        return [([], 1 - some), ([2 * block], alone), ([2 * block + 1], alone), ([2 * block, 2 * block + 1], both)]

    def rows(self, uniform: Float[Tensor, "*batch instance draw row"]) -> Float[Tensor, "*batch instance feature row"]:
        """As in the base, but of an active pair the last draw of each says whether both are active or only one of them.

        Args:
            uniform: `n_draws` numbers for each row, in [0, 1); axes in front are kept.
        """
        x = super().rows(uniform[..., : -self.n_sets, :])
        choice = uniform[..., -self.n_sets :, :]
        alone = ((1 - self.both[:, None] / self.probability) / 2).to(self.dtype)[..., None]  # given that the pair is active
        first_off, second_off = choice < alone, (choice >= alone) & (choice < 2 * alone)
        off = torch.stack([first_off, second_off], dim=-2).flatten(-3, -2)
        return torch.where(off, 0.0, x)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "PartlyCorrelatedPairs":
        """The same distribution with samples of this dtype on this device.

        Args:
            dtype: of the samples; as it is if None.
            device: where they are made; as it is if None.
        """
        moved = super().to(dtype=dtype, device=device)
        moved.both = self.both.to(device or self.device)
        return moved

    def select(self, instances: slice | Tensor) -> "PartlyCorrelatedPairs":
        """The settings of these instances alone; a single setting stays one, since one fits all.

        Args:
            instances: a slice, or their numbers in any order.
        """
        selected = super().select(instances)
        if self.n_instances > 1:
            selected.both = self.both[instances]
        return selected

    def expand(self, n_instances: int) -> "PartlyCorrelatedPairs":
        """A single setting as that many equal ones; as it is if it holds that many.

        Args:
            n_instances: how many.
        """
        expanded = super().expand(n_instances)
        expanded.both = self.both.expand(n_instances)
        return expanded


def sample_each(
    data: FeatureDistribution, n_instances: int, batch_size: int, seed: int, purpose: str
) -> tuple[Float[Tensor, "instance row feature"], Float[Tensor, "instance row"]]:
    """A sample for each of several models, which instance k draws by (seed, k), so that none depends on those beside it.

    Args:
        data: of one setting, or as many as there are instances.
        n_instances: how many models.
        batch_size: rows for each.
        seed: of the draws.
        purpose: other samples for another purpose.

    Returns:
        x, and weight, which sums to 1 over the rows of each instance.
    """
    parts = [
        data.select(slice(k, k + 1)).sample(batch_size, keyed_generator(seed, k, purpose, data.device))
        for k in range(n_instances)
    ]
    x, weight = zip(*parts, strict=True)
    return torch.cat(x), torch.cat(weight)
