"""Series over one quantity in a row of panels: a line through the medians over seeds, and a mark for each seed."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util.border import guard
from supertoy.plots.style import LINES, STYLE, WIDTH, as_array, finished, plain_log_axis, require_some

MARKERS = "osD^v"

Panels = Mapping[str, Mapping[str, Float[Tensor, "point _seed"] | Int[Tensor, "point _seed"]]]


def series_panels(x: np.ndarray, panels: Panels, height: float, *, log: Sequence[str] = ()) -> tuple[Figure, list[Axes]]:
    """Draw each panel's series over x, by name. If there are several names, one legend below all panels has them.

    Panels named in `log` have a logarithmic y axis. The y axis of all others starts at 0.
    """
    require_some(panels=panels)
    if not set(log) <= set(panels):
        raise ValueError(f"log must be among the panels {[*panels]}, got {[*log]}")
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, height), sharex=True, squeeze=False)
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    look = dict(zip(names, zip(LINES, cycle(MARKERS), strict=False), strict=False))
    handles = {}
    for axis, (title, series) in zip(axes[0], panels.items(), strict=True):
        for name, values in series.items():
            colour, marker = look[name]
            y = as_array(values)
            [handles[name]] = axis.plot(x, np.median(y, axis=1), color=colour, lw=1.5, marker=marker, ms=4, label=name)
            if y.shape[1] > 1:
                axis.plot(x, y, marker, color=colour, ms=3.5, alpha=0.5, mew=0)
        axis.set_title(title)
        if title in log:
            axis.set_yscale("log")  # before the limits are read: it changes them
            plain_log_axis(axis, "y", *axis.get_ylim())
        else:
            axis.set_ylim(0, None)
    named = {name: handle for name, handle in handles.items() if name}
    if len(named) > 1:
        figure.legend(named.values(), named, loc="outside lower center", ncols=min(len(named), 4), frameon=False)
    return figure, list(axes[0])


def feature_count(
    probability: Float[Tensor, "setting"],
    series: Mapping[str, Float[Tensor, "setting"] | Int[Tensor, "setting"]],
    *,
    ylabel: str = "represented features",
) -> Figure:
    """A measure of how much is represented, against density p = 1 - S, sparser to the right.

    Each series has a value for each `probability`, and its name stands at the end of its line.

    Source: paper, "Basic results".
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.72 * WIDTH, 3.2))
        for (name, values), colour, marker in zip(series.items(), cycle(LINES), cycle(MARKERS), strict=False):
            axis.plot(probability, values, marker=marker, color=colour)
            end = (float(probability[-1]), float(values[-1]))
            axis.annotate(name, end, xytext=(8, 0), textcoords="offset points", color=colour, va="center")
        axis.set(xscale="log", xlabel="density p = 1 - S (sparser to the right)", ylabel=ylabel)
        axis.set_ylim(bottom=0)
        axis.invert_xaxis()
        plain_log_axis(axis, "x", float(probability.min()), float(probability.max()), steps=(1, 3))
    return finished(figure)


guard(__name__, detach=True)
