"""Figures that several chapters use, and the style of all of them. They draw measurements and train nothing.

Colours mean the same in every chapter and are safe for colour-blind readers: `IMPORTANCE` from dark (most important) to
light, `SIGNED` for weights and interference (blue positive, red negative, white zero), `SUPERPOSITION` from dark blue (a
dimension of its own) to yellow (shared), `SHAPE_COLOURS` one for each polytope. All are in `supertoy.plots.style`.

Every function returns a figure that pyplot does not know: a notebook shows it as the value of its cell, and
`figure.savefig("name.png")` saves it, in the same style whatever `matplotlib.rcParams` say, where `plt.savefig` would write
an empty page.
"""

from supertoy.plots.directions import feature_directions
from supertoy.plots.polytopes import packings
from supertoy.plots.series import feature_count
from supertoy.plots.style import IMPORTANCE, LINES, SHAPE_COLOURS, SIGNED, SUPERPOSITION

__all__ = [
    "IMPORTANCE",
    "LINES",
    "SHAPE_COLOURS",
    "SIGNED",
    "SUPERPOSITION",
    "feature_count",
    "feature_directions",
    "packings",
]
