"""The paper's figures, one function per kind of figure: from measurements to a matplotlib Figure. They train nothing.

Colours mean the same in every chapter and are safe for colour-blind readers: `IMPORTANCE` from dark (most important) to
light, `SIGNED` for weights and interference (blue positive, red negative, white zero), `SUPERPOSITION` from dark blue (a
dimension of its own) to yellow (shared).
"""

from supertoy.plots._style import IMPORTANCE, LINES, SIGNED, SUPERPOSITION
from supertoy.plots.directions import feature_directions
from supertoy.plots.polytopes import packings
from supertoy.plots.weights import feature_count, loss_terms, weights_and_norms

__all__ = [
    "IMPORTANCE",
    "LINES",
    "SIGNED",
    "SUPERPOSITION",
    "feature_count",
    "feature_directions",
    "loss_terms",
    "packings",
    "weights_and_norms",
]
