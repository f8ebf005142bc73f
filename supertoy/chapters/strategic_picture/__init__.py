"""Strategic picture: what would remove superposition, or undo it."""

from supertoy.chapters.strategic_picture import claims, detection, dictionary, dictionary_scores, firing, plots

__all__ = ["claims", "detection", "dictionary", "dictionary_scores", "firing", "plots"]
