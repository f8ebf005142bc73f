"""Stages of learning: how two sets of three features are arranged during training, and which path a run takes.

Source: paper, "Superposition and learning dynamics", geometric transformations.
"""

import re
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.dynamics.octahedra import is_octahedron
from supertoy.sets import n_directions

#: The five stages, in the order in which training goes through them.
ORDER = ("nothing", "points", "splitting", "triangles", "octahedron")

_FLAT, _LONG = 0.15, 1.15  # a loss rests below this exponent, for at least this growth of the step number


def geometry(W: Float[Tensor, "instance hidden 6"]) -> list[str]:
    """Each model's arrangement of two sets of three: "octahedron", or how many directions each has, as in "1+3".

    >>> geometry(torch.tensor([[[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]]))
    ['1+1']

    The first three features are one set. The smaller number comes first, whichever set it belongs to.

    Source: paper, "Superposition and learning dynamics", geometric transformations.
    """
    directions = n_directions(W, 3).sort(1).values.tolist()
    whole = is_octahedron(W).tolist()
    return ["octahedron" if is_one else f"{a}+{b}" for (a, b), is_one in zip(directions, whole, strict=True)]


def stage(geometry: str) -> str:
    """Which of the five stages in `ORDER` an arrangement, named as by `geometry`, belongs to.

    >>> [stage(name) for name in ("0+1", "1+1", "2+3", "3+3", "octahedron")]
    ['nothing', 'points', 'splitting', 'triangles', 'octahedron']
    """
    if not re.fullmatch(r"octahedron|\d\+\d", geometry):
        raise ValueError(f"geometry must be 'octahedron' or the like of '1+3', got {geometry!r}")
    if geometry == "octahedron":
        return geometry
    return "nothing" if geometry[0] == "0" else {"1+1": "points", "3+3": "triangles"}.get(geometry, "splitting")


def plateaus(steps: Int[Tensor, "snapshot"], loss: Float[Tensor, "snapshot"]) -> list[tuple[int, int]]:
    """Where a loss rests: the first and last index of each stretch in which it hardly falls.

    >>> plateaus(torch.tensor([1, 2, 4, 8, 16]), torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]))
    [(0, 1), (2, 4)]

    Each is as long as possible. From one snapshot to the next -d log(loss) / d log(step) stays below 0.15, and from end to
    end the step number grows by 15 % or more. Steps are ascending, above 0 and close together on a log axis; losses
    are positive.

    Source: paper, "Superposition and learning dynamics", whose plateaus are seen by eye.
    """
    checks.require_rising(steps=steps, above=0)
    if not (loss > 0).all():
        raise ValueError(f"loss must be positive, got {loss.min():g}")
    x, y = steps.double().log(), loss.double().log()
    is_flat = (-y.diff() < _FLAT * x.diff()).tolist()
    runs, start = [], None
    for k, flat in enumerate([*is_flat, False]):
        if flat and start is None:
            start = k
        elif not flat and start is not None:
            if steps[k] >= _LONG * steps[start]:
                runs.append((start, k))
            start = None
    return runs


def path(steps: Int[Tensor, "snapshot"], loss: Float[Tensor, "snapshot"], geometries: Sequence[str]) -> tuple[str, ...]:
    """The arrangements in which a run rested: those at the end of each plateau of its loss, without repetitions.

    >>> path(torch.tensor([1, 2, 4, 8, 16]), torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]), ["0+0", "0+0", "1+1", "3+3", "3+3"])
    ('0+0', '3+3')

    Steps start above 0 and lie close together on a log axis. `geometries` are as from `geometry`.

    Source: paper, "Superposition and learning dynamics", on the paths that runs take.
    """
    if len(geometries) != len(steps):
        raise ValueError(f"geometries must have one entry for each of {len(steps)} steps, got {len(geometries)}")
    visited: list[str] = []
    for _, end in plateaus(steps, loss):
        if not visited or visited[-1] != geometries[end]:
            visited.append(geometries[end])
    return tuple(visited)


guard(__name__)
