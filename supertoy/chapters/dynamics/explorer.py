"""Training as something to scrub through: where the features are after each step, and how large the loss is.

Source: not in the paper.
"""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from matplotlib.colors import to_hex
from torch import Tensor

from supertoy._util.border import guard
from supertoy.explore import Explorer, explorer, rounded, significant
from supertoy.plots import LINES


def trajectory(
    points: Float[Tensor, "step feature dimension"],
    steps: Sequence[int],
    loss: Float[Tensor, "step"],
    *,
    sets: Sequence[int] | None = None,
    stages: Sequence[str] | None = None,
    title: str,
) -> Explorer:
    """Features as they move in training, beside the loss, with a slider for the step.

    >>> points = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [-1.0, 0.0]]])
    >>> trajectory(points, steps=[0, 100], loss=torch.tensor([0.2, 0.1]), title="Two features")
    <Trajectory: 2 steps, 2 features, 2 dimensions>

    The last step is shown first. Points keep 3 decimals and the loss 3 digits, so that about 100 steps make a small page.
    The same arguments give the same bytes.

    Args:
        points: where the features are after each step, in two or three dimensions.
        steps: ascending. Step 0, the initial state, has no place on the loss's log axis.
        loss: positive.
        sets: one number for each feature. Features with the same number share one of ten colours; by default none share.
        stages: what training is going through at each step, in words.
        title: stands above the drawing and names it for a reader who cannot see it.
    """
    n_steps, n_features, n_dimensions = _checked_shape(points, loss)
    for name, entries, count, of in (
        ("steps", steps, n_steps, "steps"),
        ("sets", sets, n_features, "features"),
        ("stages", stages, n_steps, "steps"),
    ):
        if entries is not None and len(entries) != count:
            raise ValueError(f"{name} must have one entry for each of {count} {of}, got {len(entries)}")
    steps = [int(step) for step in steps]
    if steps[0] < 0 or steps != sorted(set(steps)):
        raise ValueError(f"steps must be ascending and not negative, got {steps}")
    if not (loss > 0).all():
        raise ValueError(f"loss must be positive, for its log axis, got {loss.min().item():g}")

    # Colours in the order in which sets first appear, whatever their numbers.
    names = range(n_features) if sets is None else sets
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    data = {
        "steps": steps,
        "loss": significant(loss.tolist()),
        "points": rounded(points.tolist()),
        "colours": [to_hex(LINES[order[name] % len(LINES)]) for name in names],
        "stages": None if stages is None else list(stages),
    }
    return explorer(
        Path(__file__).with_name("trajectory"),
        data,
        title=title,
        shape=f"{n_features} features in {n_dimensions} dimensions",
        summary=f"Trajectory: {n_steps} steps, {n_features} features, {n_dimensions} dimensions",
    )


def _checked_shape(points: Tensor, loss: Tensor) -> tuple[int, int, int]:
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise ValueError(f"points must be [step, feature, 2 or 3 dimensions], got shape {list(points.shape)}")
    n_steps, n_features, n_dimensions = points.shape
    if n_steps < 2 or n_features < 1:
        raise ValueError(f"points must have 2 steps and 1 feature at least, got {n_steps} and {n_features}")
    if loss.shape != (n_steps,):
        raise ValueError(f"loss must have one entry for each of {n_steps} steps, got shape {list(loss.shape)}")
    return n_steps, n_features, n_dimensions


guard(__name__)
