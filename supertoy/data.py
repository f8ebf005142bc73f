"""Sparse features: which of them are active together, and samples that spend nothing on rows of zeros.

A feature is zero with probability S (its sparsity) and otherwise uniform on [0, 1], or on [-1, 1] where `signed`. Features
come in blocks that become active independently of each other. A block is one feature (`Independent`), or a set of features
that are active all together (`CorrelatedSets`), one at a time (`AnticorrelatedSets`), or together as often as one likes
(`PartlyCorrelatedPairs`). Another distribution is a subclass of `FeatureDistribution` that says its states and its rows.

Source: paper, "Demonstrating superposition" and "Geometry of superposition", "Correlated and anticorrelated features".
"""

import copy
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.generators import keyed_generator

Distribution = TypeVar("Distribution", bound="FeatureDistribution")  # beartype does not know typing.Self everywhere


class FeatureDistribution:
    """Blocks of features, each block active with a probability of its own; the base of all distributions.

    The first `n_sets * set_size` features form the sets, one after the other; each of the `n_single` others is a block by
    itself. A subclass with sets says in `set_states` which members can be active together, in `set_rows` how to draw them,
    and in `per_instance` which of its tensors have an instance axis. Everything else follows, exact losses included.

    Args:
        probability: of each block being active, float64 [instance, block], the sets first.
        signed: active values are uniform on [-1, 1] instead of [0, 1].
        dtype: of the samples, which live on the device of `probability`.
    """

    per_instance: ClassVar[tuple[str, ...]] = ("probability",)

    def __init__(
        self,
        n_sets: int,
        set_size: int,
        n_single: int,
        probability: Float[Tensor, "instance block"],
        *,
        signed: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not dtype.is_floating_point:
            raise TypeError(f"dtype must be a floating-point type, got {dtype}")
        self.n_sets, self.set_size, self.n_single = n_sets, set_size, n_single
        self.n_features = n_sets * set_size + n_single
        self.probability = probability
        self.signed = signed
        self.dtype = dtype

    def set_states(self) -> tuple[Bool[Tensor, "state member"], Float[Tensor, "instance set state"]]:
        """Which members of a set are active in each of its states, and how likely these are; the first state has none.

        >>> members, probability = st.CorrelatedSets(n_sets=1, set_size=2, probability=0.1).set_states()
        >>> members
        tensor([[False, False],
                [ True,  True]])
        """
        return torch.zeros(1, self.set_size, dtype=torch.bool, device=self.device), 1 - self.probability[:, :0, None]

    def set_rows(
        self, active: Float[Tensor, "*batch instance set row"], uniform: Float[Tensor, "*batch instance draw row"]
    ) -> Float[Tensor, "*batch instance member row"]:
        """Values of the members of all sets, 0 where a member is not active, and otherwise uniform on (0, 1].

        Args:
            active: 0 where a set is not active, and otherwise a number uniform on (0, 1] that may be used as a value.
            uniform: `n_sets * draws_per_set` further numbers in [0, 1) for each row.
        """
        raise NotImplementedError(f"{type(self).__name__} has sets and must say in set_rows how their members are drawn")

    @property
    def states_are_known(self) -> bool:
        """Whether rows are drawn from the states, as all that is exact assumes: a subclass may draw them in another way.

        Such a subclass overrides `rows`, or `set_rows` without `set_states`, or how rows become a sample.
        """
        kind = type(self)

        def owner(name: str) -> type:
            return next(base for base in kind.__mro__ if name in vars(base))

        as_here = ("rows", "sample", "sample_active", "row_weights", "states", "zero_probability", "_first_active")
        return owner("set_rows") is owner("set_states") and all(owner(name) is FeatureDistribution for name in as_here)

    @property
    def draws_per_set(self) -> int:
        """How many uniform numbers `set_rows` takes for each set."""
        return 0

    @property
    def n_instances(self) -> int:
        """How many settings the distribution holds; one setting fits a model with any number of instances."""
        return self.probability.shape[0]

    @property
    def n_blocks(self) -> int:
        """Number of sets and single features, which become active independently of each other."""
        return self.n_sets + self.n_single

    @property
    def device(self) -> torch.device:
        """Where samples are made."""
        return self.probability.device

    @property
    def block_of_feature(self) -> Int[Tensor, "feature"]:
        """The number of the block that each feature belongs to."""
        sets = torch.arange(self.n_sets).repeat_interleave(self.set_size)
        return torch.cat([sets, self.n_sets + torch.arange(self.n_single)]).to(self.device)

    @property
    def zero_probability(self) -> Float[Tensor, "instance"]:
        """Probability that no feature is active, exact, float64."""
        return (1 - self.probability).prod(-1)

    def states(self, block: int) -> list[tuple[list[int], Float[Tensor, "instance"]]]:
        """The states of a block: numbers of the features that are active together, none first, and the probability."""
        if block >= self.n_sets:
            p = self.probability[:, block]
            return [([], 1 - p), ([self.n_sets * (self.set_size - 1) + block], p)]
        members, probability = self.set_states()
        numbers = [(block * self.set_size + state.nonzero()[:, 0]).tolist() for state in members]
        return [*zip(numbers, probability[:, block].unbind(-1), strict=True)]

    def sample(
        self, batch_size: int, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "instance batch feature"], Float[Tensor, "instance batch"]]:
        """A weighted batch x, weight; the weighted mean of any function is an unbiased estimate of its expectation.

        Row 0 is the zero vector and carries its exact probability. The other rows are drawn given that something is active,
        and share the rest of the weight equally. So no arithmetic goes into repeated zeros. Weights sum to 1 over the batch.

        Args:
            batch_size: rows, at least 2.
            generator: on this distribution's device; torch's default one if None.
        """
        checks.require_int(batch_size=batch_size, at_least=2)
        active = self.sample_active(batch_size - 1, generator)
        x = torch.cat([active.new_zeros(self.n_instances, 1, self.n_features), active], dim=1)
        return x, self.row_weights(batch_size)

    def row_weights(self, batch_size: int) -> Float[Tensor, "instance batch"]:
        """The weights that `sample` gives to its rows; they depend on nothing random."""
        zero = self.zero_probability[:, None]
        others = ((1 - zero) / (batch_size - 1)).expand(-1, batch_size - 1)
        return torch.cat([zero, others], dim=1).to(self.dtype)

    def sample_active(self, n_rows: int, generator: torch.Generator | None = None) -> Float[Tensor, "instance row feature"]:
        """Rows given that at least one feature is active, independent of each other."""
        shape = (self.n_instances, self.n_draws, n_rows)
        return self.rows(torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)).mT

    @property
    def n_draws(self) -> int:
        """How many uniform numbers make one row: see `rows`."""
        return 1 + self.n_blocks + self.n_sets * self.draws_per_set

    def rows(self, uniform: Float[Tensor, "*batch instance draw row"]) -> Float[Tensor, "*batch instance feature row"]:
        """Turn `n_draws` uniform numbers on [0, 1) for each row into rows with at least one active feature.

        The first draw says which block is the first active one: block j with probability p_j Π_{i<j} (1 - p_i) / (1 -
        P(none)), by inverting that cumulative distribution. Blocks before it are off, and blocks after it are as
        independent as ever. Then follows one draw for each block, and after these the draws for the sets.

        One number u decides whether a block is active and, if so, gives a uniform value too: ReLU(1 - u/p) is positive
        if u < p, and then uniform on (0, 1].
        """
        level, block, inside = uniform.split([1, self.n_blocks, uniform.shape[-2] - self.n_blocks - 1], dim=-2)
        first, value_of_first = self._first_active(level)
        value = torch.mul(block, (-1 / self.probability).to(self.dtype)[..., None]).add_(1).relu_()
        index = torch.arange(1, self.n_blocks + 1, device=self.device, dtype=self.dtype)[:, None]
        # The same as index >= first, and several times faster than with truth values.
        value *= (index - first.to(index)).clamp_(0, 1)
        value.scatter_(-2, first, value_of_first)
        if self.n_sets:
            in_sets, singles = value.split([self.n_sets, self.n_single], dim=-2)
            value = torch.cat([self.set_rows(in_sets, inside), singles], dim=-2)
        return torch.where(value > 0, 2 * value - 1, 0.0) if self.signed else value

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
        """The same distribution with samples of this dtype on this device; each stays as it is if None."""
        moved = copy.copy(self)
        moved.dtype = dtype or self.dtype
        for name in self.per_instance:
            setattr(moved, name, getattr(self, name).to(device or self.device))
        return moved

    def select(self: Distribution, instances: slice | Tensor) -> Distribution:
        """The settings of these instances, in this order; a single setting stays one, since one fits all."""
        selected, chosen = copy.copy(self), checks.instances(instances)
        if self.n_instances > 1:
            for name in self.per_instance:
                setattr(selected, name, getattr(self, name)[chosen])
        return selected

    def expand(self: Distribution, n_instances: int) -> Distribution:
        """A single setting as that many equal ones; as it is if it holds that many."""
        expanded = copy.copy(self)
        for name in self.per_instance:
            tensor = getattr(self, name)
            setattr(expanded, name, tensor.expand(n_instances, *tensor.shape[1:]))
        return expanded


class Independent(FeatureDistribution):
    """Every feature is active by itself.

    >>> Independent(n_features=5, probability=torch.tensor([[1.0], [0.2]])).zero_probability
    tensor([0.0000, 0.3277], dtype=torch.float64)

    Args:
        probability: p = 1 - S of each feature being active, in (0, 1]; broadcasts to [instance, feature]. Samples live on
            its device.
        signed: active values are uniform on [-1, 1] instead of [0, 1] (the absolute-value task).

    Source: paper, "Demonstrating superposition".
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
        super().__init__(n_sets, set_size, n_single, table, signed=signed, dtype=dtype)


class CorrelatedSets(_Sets):
    """Sets of features that are active all together or not at all; their values stay independent.

    >>> x, weight = CorrelatedSets(n_sets=1, set_size=2, probability=0.1).sample(1000)
    >>> (x[0, :, 0] > 0).equal(x[0, :, 1] > 0)
    True

    Args:
        probability: of each set being active, in (0, 1]; broadcasts to [instance, block], where the blocks are the sets
            followed by the features that belong to none.
        n_features: total, if there are further, independent features behind the sets.
        signed: active values are uniform on [-1, 1] instead of [0, 1].

    Source: paper, "Correlated and anticorrelated features".
    """

    @property
    def draws_per_set(self) -> int:
        """A value for each member."""
        return self.set_size

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No member, or all of them."""
        p = self.probability[:, : self.n_sets]
        return torch.tensor([[False], [True]], device=self.device).expand(-1, self.set_size), torch.stack([1 - p, p], -1)

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """Each member's own number, where its set is active."""
        return torch.where((active > 0).repeat_interleave(self.set_size, dim=-2), uniform, 0.0)


class AnticorrelatedSets(_Sets):
    """Sets of features of which at most one is active: the set with its probability, then one member at random.

    >>> x, weight = AnticorrelatedSets(n_sets=1, set_size=2, probability=0.1).sample(1000)
    >>> ((x > 0).sum(-1) <= 1).all()
    tensor(True)

    Args:
        probability: of each set being active, in (0, 1], so that each member is with probability / set_size; broadcasts to
            [instance, block], where the blocks are the sets followed by the features that belong to none.
        n_features: total, if there are further, independent features behind the sets.
        signed: active values are uniform on [-1, 1] instead of [0, 1].

    Source: paper, "Correlated and anticorrelated features".
    """

    @property
    def draws_per_set(self) -> int:
        """The choice of the member."""
        return 1

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No member, or any one of them."""
        p = self.probability[:, : self.n_sets, None]
        alone = torch.eye(self.set_size, dtype=torch.bool, device=self.device)
        none = torch.zeros_like(alone[:1])
        return torch.cat([none, alone]), torch.cat([1 - p, (p / self.set_size).expand(-1, -1, self.set_size)], -1)

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """The set's own number, for the member that the further one chooses."""
        member = torch.arange(self.set_size, device=self.device)
        chosen = (uniform * self.set_size).long()[..., None, :] == member[:, None]
        return torch.where(chosen, active[..., None, :], 0.0).flatten(-3, -2)


class PartlyCorrelatedPairs(FeatureDistribution):
    """Pairs of features, each active with probability p, whose activity has a correlation anywhere between the extremes.

    Both of a pair are active with probability p² + c p (1 - p). At c = 1 they are always active together, as in
    `CorrelatedSets`; at c = 0 they are independent; at c = -p / (1 - p), where they are never active together, they are
    what `AnticorrelatedSets` makes of a set of two that is active with probability 2p. Values are independent.

    Args:
        probability: p of each feature, in (0, 1/2]; one for each instance.
        correlation: c between the activities of a pair, in [-p / (1 - p), 1]; one for each instance.
        signed: active values are uniform on [-1, 1] instead of [0, 1].

    Source: not in the paper, whose "Correlated and anticorrelated features" has the two extremes.
    """

    per_instance = ("probability", "both")

    def __init__(
        self,
        n_pairs: int,
        probability: float | Float[Tensor, "instance"],
        correlation: float | Float[Tensor, "instance"],
        *,
        signed: bool = False,
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
        super().__init__(n_pairs, 2, 0, some, signed=signed, dtype=dtype)

    @property
    def draws_per_set(self) -> int:
        """A value for each member, and the choice among the two and both."""
        return 3

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No member, one of the two, or both."""
        some, both = self.probability, self.both[:, None].expand(-1, self.n_sets)
        alone = (some - both) / 2
        members = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=torch.bool, device=self.device)
        return members, torch.stack([1 - some, alone, alone, both], -1)

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """A number for each member, where the pair is active; the last one of each pair says whether both are, or which."""
        value, choice = uniform.split([2 * self.n_sets, self.n_sets], dim=-2)
        alone = ((1 - self.both[:, None] / self.probability) / 2).to(self.dtype)[..., None]  # given that the pair is active
        first_off, second_off = choice < alone, (choice >= alone) & (choice < 2 * alone)
        off = torch.stack([first_off, second_off], dim=-2).flatten(-3, -2)
        return torch.where((active > 0).repeat_interleave(2, dim=-2) & ~off, value, 0.0)


def sample_each(
    data: FeatureDistribution, n_instances: int, batch_size: int, seed: int, purpose: str
) -> tuple[Float[Tensor, "instance row feature"], Float[Tensor, "instance row"]]:
    """A sample x, weight for each of several models; instance k draws by (seed, k), so that none depends on the others.

    Another `purpose` gives other samples. Weights sum to 1 over the rows of each instance.
    """
    parts = [
        data.select(slice(k, k + 1)).sample(batch_size, keyed_generator(seed, k, purpose, data.device))
        for k in range(n_instances)
    ]
    x, weight = zip(*parts, strict=True)
    return torch.cat(x), torch.cat(weight)
