"""Attacks: one drawn in the hidden space, their damage over density, and what training against them does."""

from collections.abc import Mapping
from itertools import chain, cycle, repeat

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy._util import checks
from supertoy._util.border import guard
from supertoy.chapters.adversarial.attacks import feature_attacks
from supertoy.plots.series import MARKERS, Panels, series_panels
from supertoy.plots.style import (
    FILL,
    FRAME,
    INK,
    LINES,
    ORDERED,
    REFERENCE,
    STYLE,
    TEXT,
    WIDTH,
    as_array,
    finished,
    plain_log_axis,
    require_some,
)

_ATTACKED, _OTHER = LINES[3], LINES[0]  # red-orange and blue


def attack_anatomy(panels: Mapping[str, Float[Tensor, "2 _feature"]]) -> Figure:
    """The strongest attack on feature 1, a row for each model: what it adds to inputs, to the hidden state, to outputs.

    >>> figure = attack_anatomy({"antipodal pair": torch.tensor([[1.0, -1.0], [0.0, 0.0]])})
    >>> [axis.get_title() for axis in figure.axes]
    ['input', 'hidden state', 'output, before bias and ReLU']

    The attack has length 1. The middle shows its parts δ_j W_j end to end, over the directions of the features in grey.

    Source: paper, "Relationship to adversarial robustness", which has the idea in a formula.
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(panels), 3, figsize=(WIDTH, 2.55 * len(panels)), width_ratios=[1, 1.05, 1], squeeze=False
        )
        for row, (title, W) in zip(axes, panels.items(), strict=True):
            checks.require_finite(W=W)
            delta = feature_attacks(W[None], 1.0)[0, 0]
            _component_bars(row[0], as_array(delta))
            _hidden_steps(row[1], as_array(W), as_array(delta))
            _component_bars(row[2], as_array(W.mT @ W @ delta))
            row[0].set_ylabel(f"{title}\nchange")
        for axis, name in zip(axes[0], ("input", "hidden state", "output, before bias and ReLU"), strict=True):
            axis.set_title(name)
        for axis in (axes[-1, 0], axes[-1, 2]):
            axis.set_xlabel("feature")
    return finished(figure)


def _component_bars(axis: Axes, values: np.ndarray) -> None:
    number = np.arange(1, len(values) + 1)
    axis.bar(number, values, width=0.7, color=[_ATTACKED, *[_OTHER] * (len(values) - 1)])
    axis.axhline(0, color=INK, lw=0.8)
    axis.set(ylim=(-1.75, 1.75), xticks=number, yticks=[-1, 0, 1])


def _hidden_steps(axis: Axes, W: np.ndarray, delta: np.ndarray) -> None:
    """Features in grey, and the attack's parts δ_j W_j end to end, that of the attacked feature first."""
    axis.set(xlim=(-1.15, 1.8), ylim=(-1.3, 1.3), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    for j, direction in enumerate(W.T):
        if np.linalg.norm(direction) > 0:
            axis.plot(*zip((0, 0), direction, strict=True), color=FRAME, lw=1.2, zorder=0)
            x, y = 1.13 * direction
            axis.text(x, y, f"{j + 1}", color=TEXT, ha="center", va="center", fontsize=9)
    steps = delta * W
    order = np.argsort(np.arctan2(steps[1], steps[0])[1:], kind="stable") + 1  # a bow, so that no arrow hides another
    place = np.zeros(2)
    for j in [0, *order]:
        if np.linalg.norm(steps[:, j]) > 1e-9:
            arrow = {"arrowstyle": "-|>", "color": _ATTACKED if j == 0 else _OTHER, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
            start, place = place, place + steps[:, j]
            axis.annotate("", (place[0], place[1]), (start[0], start[1]), arrowprops=arrow)
    axis.plot(*place, "o", color=INK, ms=5, zorder=5)


def vulnerability_and_superposition(
    probability: Float[Tensor, "density"],
    relative: Float[Tensor, "density seed"],
    features_per_dimension: Float[Tensor, "density seed"],
) -> Figure:
    """Relative vulnerability and features per dimension over density, sparser to the right, and one against the other.

    Vulnerability is in units of that of a model without superposition; features per dimension are ‖W‖² / m. Lines go through
    the medians over seeds; marks are the seeds.

    Source: paper, "Relationship to adversarial robustness".
    """
    p, x, y = (as_array(values) for values in (probability, features_per_dimension, relative))
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.5), width_ratios=[1.25, 1])
        for values, colour, marker, name in ((y, _ATTACKED, "o", "relative vulnerability"),
                                             (x, _OTHER, "s", "features per dimension")):  # fmt: skip
            left.plot(p, np.median(values, axis=1), color=colour, lw=1.6, label=name)
            left.plot(p, values, marker, color=colour, ms=3.5, alpha=0.6, mew=0)
        top = 1.25 * max(x.max(), y.max())
        left.set(xlabel="density p = 1 - S (sparser to the right)", xscale="log", yscale="log", ylim=(0.8, top))
        left.invert_xaxis()
        plain_log_axis(left, "x", p.min(), p.max(), steps=(1, 3))
        plain_log_axis(left, "y", 0.9, top)
        left.axhline(1, color=REFERENCE, lw=1, zorder=0)
        left.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.08))
        right.plot(np.median(x, axis=1), np.median(y, axis=1), color=FRAME, lw=1.2, zorder=0)
        shade = np.repeat(np.log10(p)[:, None], y.shape[1], axis=1)
        dots = right.scatter(x, y, c=shade, cmap=ORDERED, s=22)
        right.set(xlabel="features per dimension", ylabel="relative vulnerability", xlim=(0, None), ylim=(0, None))
        key = figure.colorbar(dots, ax=right, label="density", aspect=30)
        plain_log_axis(key.ax, "y", p.min(), p.max(), sign=1, steps=(1, 3))
    return finished(figure)


def attack_shares(
    probability: Float[Tensor, "density"],
    panels: Mapping[str, Mapping[str, Float[Tensor, "density"]]],
    *,
    masked: Float[Tensor, "density"],
) -> Figure:
    """Damage of several attacks relative to that of the analytic one over density, sparser to the right; one panel each.

    `panels` maps a title to shares by name of the attack. The area is `masked`, the share of inputs whose gradient is
    exactly zero.

    Source: paper, "Relationship to adversarial robustness", on gradient masking.
    """
    require_some(panels=panels)
    p = as_array(probability)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 3.3), sharex=True, sharey=True, squeeze=False)
        for axis, (title, shares) in zip(axes[0], panels.items(), strict=True):
            axis.fill_between(p, as_array(masked), color=FILL, lw=0, label="inputs without a gradient")
            axis.axhline(1, color=REFERENCE, lw=1, ls="--", zorder=0)
            styles = chain(repeat("-", 2), repeat("--"))  # dashes show what is under them
            looks = zip(LINES, cycle(MARKERS), styles, strict=False)
            for (name, values), (colour, marker, style) in zip(shares.items(), looks, strict=False):
                axis.plot(p, as_array(values), style, marker=marker, ms=4, color=colour, lw=1.5, label=name)
            axis.set(title=title, xscale="log", xlabel="density p = 1 - S", ylim=(0, None))
        axes[0, 0].invert_xaxis()
        axes[0, 0].set_ylabel("damage / damage of the\nanalytic attack")
        for axis in axes[0]:
            plain_log_axis(axis, "x", p.min(), p.max(), steps=(1,))
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    return finished(figure)


def over_attack_norm(
    norm: Float[Tensor, "strength"],
    panels: Panels,
    *,
    marked: float,
) -> Figure:
    """Measures of models over the norm of the attacks that they were trained against, one panel for each measure.

    Norms are in mean input norms. Lines go through the medians over seeds; marks are the seeds. The vertical line is at the
    norm `marked`, such as the one at which the paper says that superposition is gone.

    Source: paper, "Relationship to adversarial robustness", on adversarial training.
    """
    with plt.rc_context(STYLE):
        figure, axes = series_panels(as_array(norm), panels, height=3.2)
        for axis in axes:
            axis.axvline(marked, color=REFERENCE, lw=1, ls="--", zorder=0)
            axis.axhline(1, color=REFERENCE, lw=1, zorder=0)
            axis.set(xlabel="attack norm in training\n(mean input norms)")
    return finished(figure)


def transferred_damage(groups: Mapping[str, Mapping[str, Float[Tensor, "_pair"]]]) -> Figure:
    """Damage of attacks that were made for another model, relative to attacks made for the model itself.

    `groups` maps a kind of data to the damage of every pair of models, by kind of attack. Bars are means, and the lines on
    them go from the least to the most.

    Source: not in the paper, which expects transfer where features are correlated.
    """
    require_some(groups=groups)
    kinds = [*next(iter(groups.values()))]
    if any([*shares] != kinds for shares in groups.values()):
        raise ValueError(f"groups must all have the attacks {kinds}, got {[[*shares] for shares in groups.values()]}")
    width = 0.8 / len(kinds)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(0.92 * WIDTH, 3.3))
        for k, (kind, colour) in enumerate(zip(kinds, (LINES[0], LINES[9], FRAME, *LINES[1:9]), strict=False)):
            values = [as_array(shares[kind]) for shares in groups.values()]
            mean = np.array([v.mean() for v in values])
            spread = np.array([(v.mean() - v.min(), v.max() - v.mean()) for v in values]).T
            place = np.arange(len(groups)) + (k - (len(kinds) - 1) / 2) * width
            axis.bar(place, mean, width=0.92 * width, color=colour, label=kind)
            axis.errorbar(place, mean, yerr=spread, fmt="none", ecolor=TEXT, lw=1)
        axis.set_xticks(range(len(groups)), [*groups])
        axis.tick_params(axis="x", length=0)
        axis.set_ylabel("damage / damage of\nthe model's own attack")
        figure.legend(loc="outside lower center", ncols=len(kinds), frameon=False)
    return finished(figure)


guard(__name__, detach=True)
