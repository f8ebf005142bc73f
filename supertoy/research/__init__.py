"""What researchers need and no chapter of the paper does: sweeps over many settings, files, dictionaries."""

from supertoy.research import descent, dictionary, distributions, files, sweeps, values

__all__ = ["descent", "dictionary", "distributions", "files", "sweeps", "values"]
