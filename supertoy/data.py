"""Sparse features: which of them are active together, and samples that spend nothing on rows of zeros.

A feature is zero with probability S (its sparsity) and otherwise one of `values`, which are uniform on [0, 1] unless told
otherwise. Features come in blocks that become active independently of each other. A block is one feature (`Independent`), or
a set of features that are active all together (`CorrelatedSets`) or one at a time (`AnticorrelatedSets`);
`supertoy.research.distributions` has more. Another distribution is a subclass of `FeatureDistribution` that says its states
and its rows. A finite data set is `Samples`, and whatever else can be sampled a subclass of `Data`.

Source: paper, "Demonstrating superposition" and "Geometry of superposition", "Correlated and anticorrelated features".
"""

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.values import UNIT, Values

_MOST_STATES = 4096  # of a set, to be enumerated
_AnyData = TypeVar("_AnyData", bound="Data")  # beartype does not know typing.Self everywhere


class Data:
    """Weighted samples of features; data of one's own are a subclass that says `sample`.

    >>> class Ring(st.Data):
    ...     def sample(self, batch_size, generator=None):
    ...         angle = 2 * torch.pi * torch.rand(1, batch_size, generator=generator)
    ...         return torch.stack([angle.cos(), angle.sin()], dim=-1), torch.full((1, batch_size), 1 / batch_size)
    >>> x, weight = Ring(n_features=2).sample(100)

    Samples live where the tensors are that `per_instance` names, or else on `device`.
    """

    per_instance: ClassVar[tuple[str, ...]] = ()  #: names of the tensors with an instance axis, which is their first

    def __init__(self, n_features: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        checks.require_int(n_features=n_features, at_least=1)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise TypeError(f"dtype must be a floating-point type, got {dtype}")
        self.n_features, self.dtype, self._device = n_features, dtype, torch.device(device)

    @property
    def n_instances(self) -> int:
        """How many settings there are; a single one fits a model with any number of instances."""
        return len(getattr(self, self.per_instance[0])) if self.per_instance else 1

    @property
    def device(self) -> torch.device:
        """Where samples are made."""
        return getattr(self, self.per_instance[0]).device if self.per_instance else self._device

    def sample(
        self, batch_size: int, generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "instance batch feature"], Float[Tensor, "instance batch"]]:
        """A weighted batch x, weight: weights sum to 1, and the weighted mean of any function is unbiased.

        The generator is one on this device; torch's default one if None.
        """
        raise NotImplementedError(f"{type(self).__name__} must say in sample how its rows are drawn")

    def moments(self) -> tuple[Float[Tensor, "instance feature"], Float[Tensor, "instance feature feature"]] | None:
        """E x_i and E x_i x_j, exact, float64; None where they are not known."""
        return None

    def made_of(self) -> "tuple[Data, Callable[[Tensor], Tensor]] | None":
        """Other data, and a function that makes these rows of theirs: batches are then drawn as the others'."""
        return None

    def to(self: _AnyData, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> _AnyData:
        """The same data with samples of this dtype on this device; each stays as it is if None."""
        moved = copy.copy(self)
        moved.dtype, moved._device = dtype or self.dtype, torch.device(device or self._device)
        for name in self.per_instance:
            setattr(moved, name, getattr(self, name).to(device or self.device))
        return moved

    def select(self: _AnyData, instances: slice | Tensor) -> _AnyData:
        """The settings of these instances, in this order; a single setting stays one, since one fits all."""
        selected, chosen = copy.copy(self), checks.instances(instances)
        if self.n_instances > 1:
            for name in self.per_instance:
                setattr(selected, name, getattr(self, name)[chosen])
        return selected

    def expand(self: _AnyData, n_instances: int) -> _AnyData:
        """A single setting as that many equal ones; as it is if it holds that many."""
        expanded = copy.copy(self)
        for name in self.per_instance:
            tensor = getattr(self, name)
            setattr(expanded, name, tensor.expand(n_instances, *tensor.shape[1:]))
        return expanded

    def _setting(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters if hasattr(self, name)}

    def __repr__(self) -> str:
        setting = {**self._setting(), "n_instances": self.n_instances}
        usual = {"dtype": torch.float32, "device": torch.device("cpu"), "n_instances": 1}
        told = [f"{name}={_short(value)}" for name, value in setting.items() if usual.get(name) != value]
        return f"{type(self).__name__}({', '.join(told)})"


def _short(value: Any) -> str:
    """In place of a table the number that it is full of, or the range of its numbers."""
    if not isinstance(value, Tensor) or not value.numel():
        return repr(value)
    low, high = value.min().item(), value.max().item()
    return f"{low:g}" if low == high else f"[{low:g}, {high:g}]"


class Samples(Data):
    """A finite data set, of which batches are drawn; its attributes x and weight have an instance axis.

    >>> Samples(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).moments()[0]  # E x_i
    tensor([[0.6667, 0.6667]], dtype=torch.float64)

    Args:
        x: [row, feature], or [instance, row, feature], where each instance has rows of its own.
        weight: of each row, [row] or [instance, row], not negative, with the sum 1; equal if None.

    Source: not in the paper.
    """

    per_instance = ("x", "weight")

    def __init__(self, x: Float[Tensor, "*instance row feature"], weight: Float[Tensor, "*_ row"] | None = None) -> None:
        if x.ndim not in (2, 3):
            raise ValueError(f"x must be [row, feature] or [instance, row, feature], got {list(x.shape)}")
        super().__init__(x.shape[-1], dtype=x.dtype)
        self.n_rows = x.shape[-2]
        weight = torch.full_like(x[..., 0], 1 / self.n_rows) if weight is None else weight.detach().to(x.device)
        if weight.shape[-1:] != (self.n_rows,) or weight.ndim > 2:
            raise ValueError(f"weight must have a number for each row of x {list(x.shape)}, got shape {list(weight.shape)}")
        checks.require_row_weights(weight=weight)
        weight = weight.double() / weight.double().sum(-1, keepdim=True)
        self.x, self.weight = _agree(x=x.detach().reshape(-1, *x.shape[-2:]), weight=weight.reshape(-1, self.n_rows))

    def sample(self, batch_size: int | None, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Rows drawn in proportion to their weights, or all with their weights if None or if there are no more.

        Where weights are equal no row comes twice.
        """
        if batch_size is None or batch_size >= self.n_rows:
            return self.x, self.weight.to(self.dtype)
        checks.require_int(batch_size=batch_size, at_least=1)
        x = torch.stack([self.x[k, self.draw(k, batch_size, 1, generator)[0]] for k in range(self.n_instances)])
        return x, torch.full_like(x[..., 0], 1 / batch_size)

    def draw(
        self, instance: int, batch_size: int, n_batches: int, generator: torch.Generator | None = None
    ) -> Int[Tensor, "batch row"]:
        """Numbers of rows for some batches, which together are spread over the set as evenly as each by itself.

        Rows lie on a line in random order, each as long as its weight; a batch has those at equally spaced places.
        """
        order = torch.randperm(self.n_rows, generator=generator, device=self.device)
        start = torch.rand(1, generator=generator, dtype=torch.float64, device=self.device)
        end = self.weight[instance, order].cumsum(0)
        batch, row = (torch.arange(n, dtype=torch.float64, device=self.device) for n in (n_batches, batch_size))
        place = (row + ((batch / n_batches + start) % 1)[:, None]) / batch_size
        return order[torch.searchsorted(end, place * end[-1], right=True).clamp_(max=self.n_rows - 1)]

    def moments(self) -> tuple[Tensor, Tensor]:
        """E x_i and E x_i x_j: weighted sums over all rows, float64."""
        weighted = self.weight[..., None] * self.x
        return weighted.sum(1), weighted.mT @ self.x.double()

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "Samples":
        """The same data with samples of this dtype on this device; weights stay float64."""
        moved = super().to(dtype=dtype, device=device)
        moved.x = moved.x.to(moved.dtype)
        return moved

    def _setting(self) -> dict[str, Any]:
        return {"n_rows": self.n_rows, "n_features": self.n_features}


class FeatureDistribution(Data):
    """Blocks of features, each block active with a probability of its own; the base of all distributions.

    The first `n_sets * set_size` features form the sets, one after the other; each of the `n_single` others is a block by
    itself. A subclass with sets says in `set_states` which members can be active together, in `set_rows` how to draw them,
    and in `per_instance` which of its tensors have an instance axis. Everything else follows, exact losses included.

    Args:
        probability: of each block being active, float64 [instance, block], the sets first.
        values: of active features; see `supertoy.values`.
        dtype: of the samples, which live on the device of `probability`.
    """

    per_instance: ClassVar[tuple[str, ...]] = ("probability",)
    draws_per_set: int = 0  #: how many uniform numbers `set_rows` takes for each set
    n_set_states: int = 0  #: how many states a set has, or more than 4096; 0 where these are few in any case

    def __init__(
        self,
        n_sets: int,
        set_size: int,
        n_single: int,
        probability: Float[Tensor, "instance block"],
        *,
        values: Values = UNIT,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        checks.require_int(n_sets=n_sets, n_single=n_single, at_least=0)
        checks.require_int(set_size=set_size, at_least=1)
        super().__init__(n_sets * set_size + n_single, dtype=dtype)
        if probability.shape[1:] != (n_sets + n_single,) or not bool(((probability >= 0) & (probability <= 1)).all()):
            raise ValueError(f"probability must lie in [0, 1] for each of {n_sets + n_single} blocks, got {probability}")
        self.n_sets, self.set_size, self.n_single = n_sets, set_size, n_single
        self.probability = probability
        self.values = values

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
        """Whether rows are drawn from the states, as quadrature and series assume, and a set has at most 4096 of these."""
        return self.n_set_states <= _MOST_STATES and self._draws_as_said

    @property
    def _draws_as_said(self) -> bool:
        """False for a subclass that overrides `rows`, or `set_rows` without `set_states`, or how rows become a sample."""

        def owner(name: str) -> type:
            return next(base for base in type(self).__mro__ if name in vars(base))

        as_here = ("rows", "sample", "sample_active", "row_weights", "states", "zero_probability", "_first_active")
        own = owner("set_states")
        is_said = owner("set_rows") is own and owner("set_activity") in (own, FeatureDistribution)
        return is_said and all(owner(name) is FeatureDistribution for name in as_here)

    @property
    def n_blocks(self) -> int:
        """Number of sets and single features, which become active independently of each other."""
        return self.n_sets + self.n_single

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

    def set_activity(self) -> tuple[Float[Tensor, "instance set member"], Float[Tensor, "instance set member member"]]:
        """Probability of each member of a set being active, and of each two of them; counted over the states."""
        members, probability = self.set_states()
        on, p = members[1:].double(), probability[..., 1:]
        return p @ on, torch.einsum("ibs,sm,sn->ibmn", p, on, on)

    def activity(self) -> tuple[Float[Tensor, "instance feature"], Float[Tensor, "instance feature feature"]]:
        """Probability of each feature being active, and of each two of them together, float64."""
        alone, in_set = self.set_activity()
        singles, block = self.probability[:, self.n_sets :], self.block_of_feature
        active = torch.cat([alone.flatten(1), singles], dim=1)
        together = active[:, :, None] * active[:, None, :]  # right for those of different blocks
        together[:, block[:, None] == block] = torch.cat([in_set.flatten(1), singles], dim=1)
        return active, together

    def moments(self) -> tuple[Tensor, Tensor] | None:
        """E x_i and E x_i x_j, exact, float64; None for a subclass that draws its rows in a way of its own.

        >>> st.Independent(n_features=2, probability=0.3).moments()[1]  # p / 3 on the diagonal, (p / 2)² off it
        tensor([[[0.1000, 0.0225],
                 [0.0225, 0.1000]]], dtype=torch.float64)
        """
        if not self._draws_as_said:
            return None
        mu1, mu2, _ = self.values.moments
        active, together = self.activity()
        second = mu1**2 * together
        second.diagonal(dim1=-2, dim2=-1).copy_(mu2 * active)
        return mu1 * active, second

    def sample(self, batch_size: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """A weighted batch x, weight of at least 2 rows.

        Row 0 is the zero vector and carries its exact probability. The other rows are drawn given that something is active,
        and share the rest of the weight equally. So no arithmetic goes into repeated zeros.
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
        if uniform.shape[-3] != self.n_instances:
            raise ValueError(f"uniform must have {self.n_instances} instances, got shape {list(uniform.shape)}")
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
        return value if self.values == UNIT else torch.where(value > 0, self.values.of_uniform(value), 0.0)

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


class Independent(FeatureDistribution):
    """Every feature is active by itself.

    >>> Independent(n_features=5, probability=torch.tensor([[1.0], [0.2]])).zero_probability
    tensor([0.0000, 0.3277], dtype=torch.float64)

    Args:
        probability: p = 1 - S of each feature being active, in (0, 1]; broadcasts to [instance, feature]. Samples live on
            its device.
        values: of active features; `supertoy.values.SIGNED` in the absolute-value task.

    Source: paper, "Demonstrating superposition".
    """

    def __init__(
        self, n_features: int, probability: float | Tensor, *, values: Values = UNIT, dtype: torch.dtype = torch.float32
    ) -> None:
        checks.require_int(n_features=n_features, at_least=1)
        table = checks.probabilities(probability, "probability", n_features, "feature")
        super().__init__(0, 1, n_features, table, values=values, dtype=dtype)


class _Sets(FeatureDistribution):
    """The constructor that correlated and anticorrelated sets share."""

    def __init__(
        self,
        n_sets: int,
        set_size: int,
        probability: float | Tensor,
        *,
        n_features: int | None = None,
        values: Values = UNIT,
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
        super().__init__(n_sets, set_size, n_single, table, values=values, dtype=dtype)


class CorrelatedSets(_Sets):
    """Sets of features that are active all together or not at all; their values stay independent.

    >>> x, weight = CorrelatedSets(n_sets=1, set_size=2, probability=0.1).sample(1000)
    >>> (x[0, :, 0] > 0).equal(x[0, :, 1] > 0)
    True

    Args:
        probability: of each set being active, in (0, 1]; broadcasts to [instance, block], where the blocks are the sets
            followed by the features that belong to none.
        n_features: total, if there are further, independent features behind the sets.
        values: of active features.

    Source: paper, "Correlated and anticorrelated features".
    """

    @property
    def draws_per_set(self) -> int:  # type: ignore[override]
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
        values: of active features.

    Source: paper, "Correlated and anticorrelated features".
    """

    draws_per_set = 1  #: the choice of the member

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


def _agree(**tables: Tensor) -> list[Tensor]:
    """Tables with as many instances as the largest, where the others have 1."""
    n_instances = max(map(len, tables.values()))
    if {*map(len, tables.values())} - {1, n_instances}:
        found = [len(table) for table in tables.values()]
        raise ValueError(f"{' and '.join(tables)} must be for 1 or equally many instances, got {found}")
    return [table.expand(n_instances, *table.shape[1:]) for table in tables.values()]


guard(__name__, gaps=("n_sets", "n_single", "probability", "child_probability"))
