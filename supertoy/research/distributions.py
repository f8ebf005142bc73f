"""Distributions that are not the paper's: trees of features, exactly k active ones, pairs between the extremes, a power law.

Source: not in the paper; each class names its own.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.data import _MOST_STATES, FeatureDistribution, _agree, _Sets
from supertoy.values import UNIT, Values


class HierarchicalSets(_Sets):
    """Sets of features that are trees: each member but the root is active only where its parent is, independently of others.

    >>> HierarchicalSets(n_sets=1, parent=[None, 0, 0], probability=0.25, child_probability=0.2).activity()[0]
    tensor([[0.2500, 0.0500, 0.0500]], dtype=torch.float64)

    Args:
        parent: of each member, an earlier one, by its number; None for the root, which is the first.
        probability: of the root of each set, and of the features that belong to none; see `CorrelatedSets`.
        child_probability: of each other member given that its parent is active, in (0, 1]; broadcasts to
            [instance, member - 1].

    Source: not in the paper; Chanin and others (2024), "A is for Absorption", have one pair with 0.25 and 0.2.
    """

    per_instance = ("probability", "child_probability")

    def __init__(
        self,
        n_sets: int,
        parent: Sequence[int | None],
        probability: float | Tensor,
        child_probability: float | Tensor,
        *,
        n_features: int | None = None,
        values: Values = UNIT,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not parent or parent[0] is not None:
            raise ValueError(f"parent must begin with None, for the root, got {parent!r}")
        for member, of_member in enumerate(parent[1:], 1):
            checks.require_int(at_least=0, **{f"parent[{member}]": of_member})  # type: ignore[arg-type]
            if of_member >= member:  # type: ignore[operator]
                raise ValueError(f"parent[{member}] must be an earlier member, got {of_member}")
        super().__init__(n_sets, len(parent), probability, n_features=n_features, values=values, dtype=dtype)
        child = checks.probabilities(child_probability, "child_probability", self.set_size - 1, "member")
        self.probability, self.child_probability = _agree(
            probability=self.probability, child_probability=child.to(self.device)
        )
        self.parent = tuple(parent)
        self._above = tuple(k or 0 for k in parent)  # the root, above itself
        self.n_set_states = len(_subtrees(self._above))
        self.draws_per_set = self.set_size - 1  # for each member but the root: whether it is active, and its value

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No member, or any subtree with the root."""
        _require_few_states(self)
        members = _subtrees(self._above).to(self.device)
        p, q = self.probability[:, : self.n_sets, None], self._given_parent[:, None]
        share = torch.where(members, q, torch.where(members[:, self._above], 1 - q, 1.0)).prod(-1)
        return members, torch.cat([1 - p, p * share[:, None, 1:]], dim=-1)

    def set_activity(self) -> tuple[Tensor, Tensor]:
        """The probabilities of all that must be active too, on the ways to the root, multiplied."""
        way = torch.eye(self.set_size, dtype=torch.bool, device=self.device)
        for member, parent in enumerate(self._above):
            way[member] |= way[parent]
        both = torch.where(way[:, None] | way, self._given_parent[:, None, None], 1.0).prod(-1)
        both = self.probability[:, : self.n_sets, None, None] * both[:, None]
        return both.diagonal(dim1=-2, dim2=-1), both

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """The set's own number for the root; for others one that, as in `rows`, says whether they are, and their value."""
        members = [active]
        for member, parent in enumerate(self._above[1:]):
            q = self.child_probability[:, member, None, None].to(self.dtype)
            value = (1 - uniform[..., member :: self.set_size - 1, :] / q).relu_()
            members.append(torch.where(members[parent] > 0, value, 0.0))
        return torch.stack(members, dim=-2).flatten(-3, -2)

    @property
    def _given_parent(self) -> Tensor:
        """Probability of each member given that its parent is active, 1 for the root: [instance, member]."""
        return torch.nn.functional.pad(self.child_probability, (1, 0), value=1.0)


class ExactlyK(FeatureDistribution):
    """Exactly k of n features are active, and every choice of them is equally likely.

    >>> x, weight = ExactlyK(n_features=5, n_active=2).sample(100)
    >>> (x > 0).sum(-1).unique()  # the zero vector is in every sample, here with weight 0
    tensor([0, 2])

    Source: not in the paper, which has the loss of such data in "Mathematical understanding".
    """

    def __init__(self, n_features: int, n_active: int, *, values: Values = UNIT, dtype: torch.dtype = torch.float32) -> None:
        checks.require_int(n_features=n_features, n_active=n_active, at_least=1)
        if n_active > n_features:
            raise ValueError(f"n_active must be at most n_features = {n_features}, got {n_active}")
        super().__init__(1, n_features, 0, torch.ones(1, 1, dtype=torch.float64), values=values, dtype=dtype)
        self.n_active, self.n_set_states = n_active, 1 + math.comb(n_features, n_active)
        self.draws_per_set = n_features  # for each feature: whether it is active, and its value

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No feature, which never happens, or any choice of k."""
        _require_few_states(self)
        members = _choices(self.set_size, self.n_active).to(self.device)
        chance = self.probability[..., None].repeat(1, 1, len(members)) / (len(members) - 1)
        return members, chance * members.any(1)

    def set_activity(self) -> tuple[Tensor, Tensor]:
        """k / n, and k (k - 1) / (n (n - 1)) of two."""
        n, k = self.set_size, self.n_active
        both = (self.probability[..., None, None] * k / n * (k - 1) / max(n - 1, 1)).repeat(1, 1, n, n)
        both.diagonal(dim1=-2, dim2=-1).fill_(k / n)
        return both.diagonal(dim1=-2, dim2=-1), both

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """Each feature in turn, with the chance that as many as are missing leave it (Knuth's algorithm S)."""
        missing, rows = torch.full_like(active[..., 0, :], self.n_active), []
        for member, u in enumerate(uniform.unbind(-2)):
            p = missing / (self.set_size - member)
            rows.append(torch.where(u < p, 1 - u / p, 0.0))
            missing = missing - (u < p).to(missing)
        return torch.stack(rows, dim=-2)


def power_law(n_features: int, exponent: float, n_active: float = 1.0) -> Float[Tensor, "feature"]:
    """Probabilities ∝ 1 / i^exponent of features i = 1 ... n, of which `n_active` are active on average; float64.

    >>> power_law(n_features=3, exponent=1.0)
    tensor([0.5455, 0.2727, 0.1818], dtype=torch.float64)

    Source: not in the paper; Liu, Liu & Gore (2025), "Superposition Yields Robust Neural Scaling".
    """
    checks.require_int(n_features=n_features, at_least=1)
    checks.require_number(exponent=exponent, above=-math.inf)
    checks.require_number(n_active=n_active, above=0)
    p = torch.arange(1, n_features + 1, dtype=torch.float64) ** -exponent
    p *= n_active / p.sum()
    if p.max() > 1 + 1e-12:
        raise ValueError(f"n_active must be at most {n_active / p.max():g}, or a probability exceeds 1, got {n_active}")
    return p.clamp(max=1)


def _require_few_states(data: FeatureDistribution) -> None:
    if data.n_set_states > _MOST_STATES:
        raise ValueError(f"data must have at most {_MOST_STATES} states to be enumerated, got more in {data}")


@lru_cache
def _subtrees(parent: tuple[int, ...]) -> Bool[Tensor, "state member"]:
    """No member, and all subtrees with the root; or the first few where there are more than are enumerated."""
    members = torch.zeros(2, len(parent), dtype=torch.bool)
    members[1, 0] = True
    for member in range(1, len(parent)):
        more = members[members[:, parent[member]]]
        more[:, member] = True
        members = torch.cat([members, more])[: _MOST_STATES + 1]
    return members


@lru_cache
def _choices(n: int, k: int) -> Bool[Tensor, "state member"]:
    """No member, and each choice of k."""
    chosen = torch.tensor([*itertools.combinations(range(n), k)])
    return torch.cat([torch.zeros(1, n), torch.zeros(len(chosen), n).scatter_(1, chosen, 1)]) > 0


class PartlyCorrelatedPairs(FeatureDistribution):
    """Pairs of features, each active with probability p, whose activity has a correlation anywhere between the extremes.

    Both of a pair are active with probability p² + c p (1 - p). At c = 1 they are always active together, as in
    `CorrelatedSets`; at c = 0 they are independent; at c = -p / (1 - p), where they are never active together, they are
    what `AnticorrelatedSets` makes of a set of two that is active with probability 2p. Values are independent.

    Args:
        probability: p of each feature, in (0, 1/2]; one for each instance.
        correlation: c between the activities of a pair, in [-p / (1 - p), 1]; one for each instance.
        values: of active features.

    Source: not in the paper, whose "Correlated and anticorrelated features" has the two extremes.
    """

    per_instance = ("probability", "both")
    draws_per_set = 3  #: a value for each member, and the choice among the two and both

    def __init__(
        self,
        n_pairs: int,
        probability: float | Float[Tensor, "instance"],
        correlation: float | Float[Tensor, "instance"],
        *,
        values: Values = UNIT,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        checks.require_int(n_pairs=n_pairs, at_least=1)
        # As a table of one column, which says what is none.
        p, c = (
            checks._table(value[..., None] if isinstance(value, Tensor) else value, name, 1, "pair")
            for name, value in (("probability", probability), ("correlation", correlation))
        )
        p, c = (table[:, 0] for table in _agree(probability=p, correlation=c))
        if not bool(((p > 0) & (p <= 0.5)).all()):
            raise ValueError(f"probability must lie in (0, 1/2], got {p.tolist()}")
        both = p**2 + c * p * (1 - p)
        if not bool(((both > -1e-7) & (c <= 1)).all()):  # the end of the range, as float32 has it, is in
            raise ValueError(f"correlation must lie in [-p / (1 - p), 1], got {c.tolist()} where p is {p.tolist()}")
        self.both = torch.minimum(both, p).clamp(min=0)
        some = (2 * p - self.both)[:, None].expand(-1, n_pairs)
        super().__init__(n_pairs, 2, 0, some, values=values, dtype=dtype)

    def set_states(self) -> tuple[Tensor, Tensor]:
        """No member, one of the two, or both."""
        some, both = self.probability, self.both[:, None].expand(-1, self.n_sets)
        alone = (some - both) / 2
        members = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=torch.bool, device=self.device)
        return members, torch.stack([1 - some, alone, alone, both], -1)

    def _setting(self) -> dict[str, Any]:
        p = (self.probability[:, 0] + self.both) / 2
        pairs = {"n_pairs": self.n_sets, "probability": p, "correlation": (self.both - p**2) / (p * (1 - p))}
        return pairs | {"values": self.values, "dtype": self.dtype}

    def set_rows(self, active: Tensor, uniform: Tensor) -> Tensor:
        """A number for each member, where the pair is active; the last one of each pair says whether both are, or which."""
        value, choice = uniform.split([2 * self.n_sets, self.n_sets], dim=-2)
        alone = ((1 - self.both[:, None] / self.probability) / 2).to(self.dtype)[..., None]  # given that the pair is active
        first_off, second_off = choice < alone, (choice >= alone) & (choice < 2 * alone)
        off = torch.stack([first_off, second_off], dim=-2).flatten(-3, -2)
        return torch.where((active > 0).repeat_interleave(2, dim=-2) & ~off, value, 0.0)


guard(__name__)
