"""What all figures share: colours, sizes, and how a figure is handed over."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

# The lightest fifth of the map would vanish on white.
IMPORTANCE = LinearSegmentedColormap.from_list("importance", sns.color_palette("viridis", 256)[:205])
SIGNED = sns.color_palette("RdBu", as_cmap=True)
SUPERPOSITION = sns.color_palette("cividis", as_cmap=True)
LINES = sns.color_palette("colorblind")

WIDTH = 8.4  # inches, the width of a page
STYLE = {
    **sns.axes_style("ticks"),
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "supertoy",
}


def colour_key(axis: Axes, cmap: Colormap, limits: tuple[float, float], label: str) -> None:
    plt.colorbar(ScalarMappable(Normalize(*limits), cmap), cax=axis, label=label, ticks=[*limits, sum(limits) / 2])
    axis.set_box_aspect(9)
    axis.tick_params(labelsize=8)


def finished(figure: Figure) -> Figure:
    """Take the figure out of pyplot's hands: a notebook then shows it once, as the value of the cell."""
    plt.close(figure)
    return figure


def checked_titles(titles: Sequence[str] | None, n_panels: int) -> Sequence[str]:
    if titles is None:
        return [""] * n_panels
    if len(titles) != n_panels:
        raise ValueError(f"titles must have one entry for each of {n_panels} panels, got {len(titles)}")
    return titles
