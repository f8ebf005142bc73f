"""The expectation itself as a weighted sample: every set of active features, and quadrature nodes for their values.

Source: not in the paper, which samples; Gauss-Legendre quadrature is in every textbook.
"""

import itertools
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util import checks
from supertoy.data import Data, FeatureDistribution

_MOST_ROWS = 2**17


def quadrature(data: Data, n_nodes: int) -> tuple[Float[Tensor, "1 row feature"], Float[Tensor, "instance row"]]:
    """Rows and weights with which weighted sums are expectations, without randomness.

    There is a row for every set of features that can be active together and every combination of nodes for their values
    (`Values.nodes`). If values are uniform, it is exact for polynomials of degree 2 n_nodes - 1 in each value. Where a ReLU
    bends the integrand, the error falls with the square of n_nodes. Instances share the rows and differ in the weights. The
    rows grow like (1 + n_nodes)^n, so this is for few features.

    Returns:
        x and weight, which sums to 1 over the rows of each instance; the zero vector is the first row.

    Raises:
        ValueError: n_nodes below 1, or more than 2^17 rows.

    >>> x, weight = quadrature(st.Independent(n_features=2, probability=0.1), n_nodes=3)
    >>> x.shape, (weight @ x[0].prod(-1).double()).item()  # E x_1 x_2 = (p / 2)²
    (torch.Size([1, 16, 2]), 0.0025...)
    """
    checks.require_int(n_nodes=n_nodes, at_least=1)
    if not isinstance(data, FeatureDistribution):
        raise ValueError(f"n_nodes must be None for {type(data).__name__}, which has no states to go through")
    if not data.states_are_known:
        why = "draws its rows in a way of its own" if not data.n_set_states else f"has {data.n_set_states} states or more"
        raise ValueError(f"n_nodes must be None for {type(data).__name__}, which {why}")
    nodes, node_weights = data.values.nodes(n_nodes)
    n_rows = count_rows(data, n_nodes)
    if n_rows > _MOST_ROWS:
        raise ValueError(f"n_nodes must give at most {_MOST_ROWS} rows, got {n_nodes} and with it {n_rows} rows")

    # Block by block: the rows so far, each combined with every row of the next block.
    x, value_weight = np.zeros((1, data.n_features)), np.ones(1)
    chance = torch.ones(data.n_instances, 1, dtype=torch.float64, device=data.device)
    for block in range(data.n_blocks):
        x_block, weight_block, chance_block = [], [], []
        for active, probability in data.states(block):
            grid = np.array(list(itertools.product(nodes, repeat=len(active)))).reshape(-1 if active else 1, len(active))
            rows = np.zeros((len(grid), data.n_features))
            rows[:, active] = grid
            x_block.append(rows)
            weight_block.append(np.array([math.prod(w) for w in itertools.product(node_weights, repeat=len(active))]))
            chance_block.append(probability[:, None].expand(-1, len(grid)))
        x = (x[:, None] + np.concatenate(x_block)).reshape(-1, data.n_features)
        value_weight = np.outer(value_weight, np.concatenate(weight_block)).ravel()
        chance = (chance[:, :, None] * torch.cat(chance_block, 1)[:, None]).flatten(1)
    weight = chance * torch.as_tensor(value_weight, device=data.device)
    return torch.as_tensor(x, dtype=data.dtype, device=data.device)[None], weight


def count_rows(data: FeatureDistribution, n_nodes: int) -> int:
    """How many rows `quadrature` would have.

    >>> count_rows(st.Independent(n_features=5, probability=0.1), n_nodes=3)  # (1 + 3)^5
    1024
    """
    n_values = len(data.values.nodes(n_nodes)[0])
    states = (data.states(block) for block in range(data.n_blocks))
    return math.prod(sum(n_values ** len(active) for active, _ in block) for block in states)
