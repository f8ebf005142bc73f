"""Word vectors: pairs in a plane, how good relations are as directions, and what lies at the ends of a direction."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from supertoy.plots._style import LINES, OUTLINE, STYLE, WIDTH, as_array, finished, require_one_each, require_some
from supertoy.relations import Pairs, Parallelism, SuccessRate


def relation_planes(panels: Mapping[str, tuple[Pairs, Float[Tensor, "_pair 2 2"]]]) -> Figure:
    """Pairs of words in the plane, each with an arrow from its first word to its second.

    Args:
        panels: pairs and the points of their two words, [pair, word, axis], by title.

    Raises:
        ValueError: no panels; pairs and points that differ in number.

    Source: paper, "Features as directions", which has the example of king and queen.

    >>> points = torch.tensor([[[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]])
    >>> figure = relation_planes({"gender": ([("man", "woman"), ("king", "queen")], points)})
    >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
    ['king', 'man', 'queen', 'woman']
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 4.2), squeeze=False)
        for axis, (title, (pairs, points)), colour in zip(axes[0], panels.items(), LINES, strict=False):
            require_one_each(len(pairs), points=points)
            at = as_array(points)
            for start, end in at:
                arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 3, "shrinkB": 3}
                axis.annotate("", xy=end, xytext=start, arrowprops=arrow)
                axis.plot(*np.stack([start, end], 1), "o", color=colour, ms=3.5)
            axis.set(title=title, xticks=[], yticks=[])
            axis.margins(0.2, 0.1)
            axis.spines[["left", "bottom"]].set_color("0.75")
            _label_apart(axis, [word for pair in pairs for word in pair], at.reshape(-1, 2))
        axes[0, 0].set_ylabel("mean difference of other pairs →")
    return finished(figure)


def _label_apart(axis: Axes, words: Sequence[str], points: np.ndarray) -> None:
    """Write each word beside its point, on the side where it covers the fewest other words and points."""
    low, high = np.array([axis.get_xlim(), axis.get_ylim()]).T
    places = (points - low) / (high - low)
    letter, line = 0.034, 0.042  # of the axis's width and height
    taken = [(place, np.array([0.02, 0.02])) for place in places]
    for k, (word, place) in enumerate(zip(words, places, strict=True)):
        size = np.array([letter * len(word), line])
        sides = [(0, 2 * (k % 2) - 1), (1, 0), (-1, 0), (0, 1 - 2 * (k % 2))]  # first words below, second ones above
        centers = [place + np.array(side) * (size / 2 + np.array([0.035, 0.016])) for side in sides]
        covered = [
            sum(float(np.clip((size + other) / 2 - np.abs(center - at), 0, None).prod()) for at, other in taken)
            for center in centers
        ]
        best = int(np.argmin(covered))
        taken.append((centers[best], size))
        x, y = centers[best]
        axis.text(x, y, word, transform=axis.transAxes, fontsize=8.5, ha="center", va="center", path_effects=OUTLINE)


def analogies(
    parallel: Mapping[str, Parallelism], success: Mapping[str, SuccessRate], kept: Mapping[str, SuccessRate]
) -> Figure:
    """How parallel the differences of each relation's pairs are, and how often its analogies are right.

    Args:
        parallel: by relation.
        success: with the query words left out, by relation.
        kept: with the query words among the possible answers, by relation.

    Raises:
        ValueError: no relations, or not the same in all three.

    Source: paper, "Features as directions".
    """
    require_some(parallel=parallel)
    if not parallel.keys() == success.keys() == kept.keys():
        raise ValueError(f"success and kept must have the relations {', '.join(parallel)}")
    place = np.arange(len(parallel))[::-1]
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
        for y, measured in zip(place, parallel.values(), strict=True):
            shuffled = as_array(measured.shuffled)
            left.plot([shuffled.min(), shuffled.max()], [y, y], color="0.7", lw=5, solid_capstyle="butt")
            left.plot(measured.cosine, y, "o", color=LINES[0], ms=7)
        left.set(yticks=place, xlim=(0, 1), xlabel="mean cosine of two differences", yticklabels=list(parallel))
        left.plot([], [], "o", color=LINES[0], ms=7, label="true partners")
        left.plot([], [], color="0.7", lw=5, label="1000 shuffles")
        for values, shift, colour, marker, name in (
            ([(each.rate, each.interval) for each in success.values()], 0.2, LINES[0], "o", "analogy"),
            ([(each.rate, each.interval) for each in kept.values()], 0.0, LINES[1], "D", "query words allowed"),
            ([(each.baseline, each.baseline_interval) for each in success.values()], -0.2, "0.55", "s", "nearest word"),
        ):
            for y, (rate, interval) in zip(place + shift, values, strict=True):
                right.plot(interval, [y, y], color=colour, lw=1.6)
                right.plot(rate, y, marker, color=colour, ms=5, label=name if y == place[0] + shift else None)
        right.set(xlim=(0, 1), xlabel="share of right answers")
        for axis in (left, right):
            axis.grid(axis="x", color="0.92")
            axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=9, columnspacing=1,
                        handletextpad=0.4)  # fmt: skip
    return finished(figure)


def words_along(panels: Mapping[str, tuple[Float[Tensor, "_word"], Sequence[str], Sequence[str]]]) -> Figure:
    """Where all words lie along some directions, and the words at both ends.

    Args:
        panels: positions of all words, and the outermost words at the low and at the high end, by title.

    Raises:
        ValueError: no panels.

    Source: not in the paper.
    """
    require_some(panels=panels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(panels), 1, figsize=(WIDTH, 1.15 * len(panels)), squeeze=False)
        for axis, (title, (position, low, high)) in zip(axes[:, 0], panels.items(), strict=True):
            standard = as_array((position - position.mean()) / position.std())
            axis.hist(standard, bins=60, range=(-4.5, 4.5), color=LINES[0], alpha=0.6)
            axis.set(xlim=(-14.5, 14.5), xticks=[], yticks=[])
            axis.spines[["left", "bottom"]].set_visible(False)
            for words, x, side in ((low, -4.7, "right"), (high, 4.7, "left")):
                half = -(-len(words) // 2)
                text = ", ".join(words[:half]) + ",\n" + ", ".join(words[half:])
                axis.text(x, 0.5, text, transform=axis.get_xaxis_transform(), ha=side, va="center", fontsize=9)
            axis.set_title(title)
    return finished(figure)
