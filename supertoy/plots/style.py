"""What all figures share: colours, sizes, and how a figure is handed over."""

from collections.abc import Sequence, Sized
from typing import Any, Literal

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from torch import Tensor

from supertoy._util.border import guard

# The lightest fifth of the map would vanish on white.
IMPORTANCE = LinearSegmentedColormap.from_list("importance", sns.color_palette("viridis", 256)[:205])
SIGNED = sns.color_palette("RdBu", as_cmap=True)
SUPERPOSITION = sns.color_palette("cividis", as_cmap=True)
LINES = sns.color_palette("colorblind")
ORDERED = sns.color_palette("crest", as_cmap=True)  # from light to dark: k active features, sizes, steps
DIVERGING = sns.color_palette("vlag", as_cmap=True)  # around a middle without a meaning of its own

# Greys, from the strongest to the faintest, for everything that does not stand for features.
INK, TEXT, MUTED, FRAME, FILL, PAPER = "black", "0.3", "0.55", "0.75", "0.88", "white"
REFERENCE = "0.7"  # lines at a level to compare with

# One colour for each shape that features form. The tetrahedron's is the palette's pink, dark enough for text.
SHAPE_COLOURS = {
    "own dimension": LINES[7],
    "triangle": LINES[4],
    "tetrahedron": (0.85, 0.35, 0.65),
    "digon": LINES[0],
    "pentagon": LINES[2],
    "square antiprism": LINES[1],
    "other": (0.7, 0.7, 0.7),
}

OUTLINE = [withStroke(linewidth=2.5, foreground=PAPER)]  # for text on colours

WIDTH = 8.4  # inches, the width of a page
# What of matplotlib's settings has no say in how a figure looks, and is the reader's own.
_READERS = ("_", "backend", "date", "docstring", "figure.max", "figure.raise", "interactive", "keymap", "macosx",
            "savefig.directory", "timezone", "tk", "toolbar", "webagg")  # fmt: skip
STYLE = {
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(_READERS)},
    **sns.axes_style("ticks"),
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "supertoy",
}


def colour_key(axis: Axes, cmap: Colormap, limits: tuple[float, float], label: str) -> None:
    """A colour bar with its ends and its middle as ticks."""
    plt.colorbar(ScalarMappable(Normalize(*limits), cmap), cax=axis, label=label, ticks=[*limits, sum(limits) / 2])
    axis.set_box_aspect(9)
    axis.tick_params(labelsize=8)


def plain_log_axis(
    axis: Axes,
    which: Literal["x", "y"],
    low: float,
    high: float,
    *,
    sign: int | None = None,
    steps: tuple[int, ...] = (1, 2, 5),
) -> None:
    """Numbers as they are written, 0.1 rather than 10⁻¹, on a log axis from low to high.

    Args:
        sign: if given, the axis is linear and shows this times log10 of the data.
        steps: which multiples of powers of ten get a number.
    """
    ticks = plain_ticks(low, high, steps)
    if sign is None:
        axis.set(**{f"{which}scale": "log"})
    positions = ticks if sign is None else sign * np.log10(ticks)
    axis.set(**{f"{which}ticks": positions, f"{which}ticklabels": [f"{v:g}" for v in ticks]})
    axis.minorticks_off()


def plain_ticks(low: float, high: float, steps: tuple[int, ...] = (1, 2, 5)) -> list[float]:
    """1, 2, 5, 10, 20, ... between low and high."""
    values = [step * 10.0**k for k in range(-6, 7) for step in steps]
    return [v for v in values if 0.99 * low <= v <= 1.01 * high]


def as_array(values: Tensor) -> np.ndarray:
    """A tensor of any dtype, on any device, with or without gradients, for matplotlib."""
    return values.detach().double().cpu().numpy()


def set_of_feature(n_features: int, set_size: int) -> list[int]:
    """Number of each feature's set. Sets have equal sizes and follow each other; a ValueError if they do not fit."""
    if set_size < 1 or n_features % set_size:
        raise ValueError(f"set_size must divide the number of features, {n_features}, got {set_size}")
    return [i // set_size for i in range(n_features)]


class _Figure(Figure):
    """Drawn and saved in the style that it was made in, whatever the rcParams say by then."""

    def draw(self, renderer: Any) -> None:
        with plt.rc_context(STYLE):
            super().draw(renderer)

    def savefig(self, *arguments: Any, **options: Any) -> None:
        with plt.rc_context(STYLE):
            super().savefig(*arguments, **options)


_Figure.__name__ = "Figure"  # which a notebook prints


def finished(figure: Figure) -> Figure:
    """Take the figure out of pyplot's hands, so that a notebook shows it once, as the value of the cell."""
    plt.close(figure)
    figure.__class__ = _Figure
    layout = figure.get_layout_engine() or ConstrainedLayoutEngine()
    with plt.rc_context(STYLE):
        for _ in range(4):  # where panels have a fixed aspect, it may take several passes until all labels have room
            layout.execute(figure)
            seen = figure.get_tightbbox()
            width, height = figure.get_size_inches()
            if min(seen.x0, seen.y0, width - seen.x1, height - seen.y1) >= 0:
                break
    return figure


def checked_titles(titles: Sequence[str] | None, n_panels: int) -> Sequence[str]:
    """The titles, or empty ones; ValueError unless there is one for each panel."""
    if titles is None:
        return [""] * n_panels
    require_one_each(n_panels, titles=titles)
    return titles


def require_one_each(n_panels: int, **arguments: Sized) -> None:
    """Raise ValueError unless each argument has one entry for each panel."""
    for name, entries in arguments.items():
        if len(entries) != n_panels or n_panels == 0:
            raise ValueError(f"{name} must have one entry for each of {n_panels} panels, got {len(entries)}")


def require_some(**arguments: Sized) -> None:
    """Raise ValueError if an argument is empty."""
    for name, entries in arguments.items():
        if len(entries) == 0:
            raise ValueError(f"{name} must hold at least one entry, got none")


def panel_grid(n_panels: int, n_columns: int, width: float, height: float) -> tuple[Figure, list[Axes], list[Axes]]:
    """A figure, its axes in rows of at most n_columns that share their scales, and the lowest axis of each column.

    The width is the figure's, the height that of a row, both in inches.
    """
    require_some(panels=range(n_panels))
    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure, grid = plt.subplots(n_rows, n_columns, figsize=(width, height * n_rows), sharex=True, sharey=True, squeeze=False)
    axes = list(grid.flat)
    for axis in axes[n_panels:]:
        axis.remove()
    axes = axes[:n_panels]
    for axis in axes[-n_columns:]:
        axis.tick_params(labelbottom=True)  # where the last row is short, sharing would hide them
    return figure, axes, axes[-n_columns:]


guard(__name__, detach=True, gaps=("values",))
