"""A pentagon of features that is deformed by making one of them rarer or more frequent, until it snaps to two digons."""

import torch
from jaxtyping import Float
from matplotlib.colors import to_hex
from torch import Tensor

from supertoy import checks
from supertoy.curves import first_crossing
from supertoy.data import Independent
from supertoy.explore._explorer import Explorer, explorer, rounded, significant
from supertoy.measures import REPRESENTED, feature_norms
from supertoy.models import ReLUOutputModel
from supertoy.orient import aligned
from supertoy.plots import LINES, SHAPE_COLOURS
from supertoy.training import train

_SPARSEST, _DENSEST = -1.0, 0.7  # log10 of the fifth feature's relative density, from a tenth to five times
_MOST = 0.1  # density of the others up to which one of the two solutions is the best everywhere in this range


def perturbed_pentagon(density: float = 0.05, *, n_ratios: int = 35, seed: int = 0) -> Explorer:
    """Five features in two dimensions, the fifth of another density than the others: how the best solution changes with it.

    At each ratio of densities, a tenth to five, two models are trained: one starts as a regular pentagon, the other as two
    digons of the first four features, one on each diagonal of a square, without the fifth. Where they stay what they were,
    both are solutions, and the one of lower exact loss is the best; two seconds or so. The pentagon is turned so that the
    fifth feature points to the right where all are alike, and every other solution to lie close to its neighbour.

    Args:
        density: of the four, above 0 and at most 0.1: where features are denser, and the fifth much denser still, other
            solutions than these two are the best.
        n_ratios: ratios of densities, evenly spaced on a log axis; 35 have steps of 12 %, with 1 and the paper's 0.4 among
            them.
        seed: of the batches.

    Raises:
        TypeError: density is not a number; n_ratios or seed no int.
        ValueError: density is out of range; n_ratios below 2; seed below 0.

    Source: paper, "Non-uniform superposition": perturbing one feature.

    >>> perturbed_pentagon(n_ratios=2)
    <Perturbed pentagon: 2 densities, 5 features, 2 dimensions>
    """
    checks.require_number(density=density, above=0)
    if density > _MOST:
        raise ValueError(f"density must be at most {_MOST}, or other solutions are the best, got {density}")
    checks.require_int(n_ratios=n_ratios, at_least=2)
    ratio = 10 ** torch.linspace(_SPARSEST, _DENSEST, n_ratios, dtype=torch.float64)
    W, loss = _solutions(density, ratio, seed)
    # A multiple of what two digons without the fifth feature cost, so that the two can be told apart over all ratios.
    fifth = density * ratio
    two_digons = 2 * density**2 / 3 + fifth / 3 - fifth**2 / 4
    crossing = first_crossing(ratio, falling=loss[0], rising=loss[1])
    shapes = ("pentagon", "digon")
    data = {
        "ratio": significant(ratio.tolist()),
        "names": ["pentagon", "two digons"],
        "colours": [to_hex(SHAPE_COLOURS[shape]) for shape in shapes],
        # The four that are alike are grey.
        "features": [to_hex(LINES[7])] * 4 + [to_hex(LINES[1])],
        # For each geometry, at each ratio; null where training does not stay with it.
        "points": [_where_found(rounded(w.mT.tolist()), found) for w, found in zip(W, loss.isfinite(), strict=True)],
        "loss": [_where_found(significant(values.tolist(), 3), values.isfinite()) for values in loss],
        "relative": [_where_found(rounded(values.tolist()), values.isfinite()) for values in loss / two_digons],
        "crossing": None if crossing is None else float(f"{crossing:.3g}"),
    }
    return explorer(
        "perturbed_pentagon",
        data,
        title="A pentagon with one feature of another density",
        summary=f"Perturbed pentagon: {n_ratios} densities, 5 features, 2 dimensions",
    )


def _solutions(
    density: float, ratio: Float[Tensor, "ratio"], seed: int
) -> tuple[Float[Tensor, "geometry ratio 2 5"], Float[Tensor, "geometry ratio"]]:
    """W of the pentagon and of the two digons at each ratio, and their losses, infinite where they are none any more."""
    corners = 2 * torch.pi * torch.tensor([1, 2, 3, 4, 0]) / 5  # the fifth to the right
    diagonals = 2 * torch.pi * torch.tensor([0.5, 1.5, 2.5, 3.5]) / 4
    start = torch.zeros(2, 2, 5)
    start[0] = torch.stack([corners.cos(), corners.sin()])
    start[1, :, :4] = torch.stack([diagonals.cos(), diagonals.sin()])

    probability = torch.full((2 * len(ratio), 5), density, dtype=torch.float64)
    probability[:, 4] *= ratio.repeat(2)
    model = ReLUOutputModel(len(probability), 5, 2, seed=seed).requires_grad_(False)
    model.W.copy_(start.repeat_interleave(len(ratio), 0))
    model.b[len(ratio) :, 4] = probability[len(ratio) :, 4] / 2  # a feature that is not represented is answered by its mean
    # Slow enough to stay with a solution while there is one, and long enough to leave it behind where there is none.
    record = train(model, Independent(5, probability), n_steps=600, learning_rate=0.01, seed=seed)

    W, loss = model.W.unflatten(0, (2, -1)), record.loss.view(2, -1)
    represented = (feature_norms(model.W) > REPRESENTED).unflatten(0, (2, -1))
    found = represented[..., :4].all(-1) & (represented[..., 4] == torch.tensor([[True], [False]]))
    # From the densest pentagon to the sparsest, and back along the digons; the first lies as near as it can to the start.
    path = aligned(torch.cat([start[:1], W[0].flip(0), W[1]]))[1:]
    turned = torch.stack([path[: len(ratio)].flip(0), path[len(ratio) :]])
    return turned, torch.where(found, loss, torch.inf)


def _where_found(values: list, found: Tensor) -> list:
    return [value if is_found else None for value, is_found in zip(values, found.tolist(), strict=True)]
