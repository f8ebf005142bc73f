"""What researchers need and no chapter of the paper does: sweeps over many settings, files, dictionaries."""

from supertoy.research import basis_pursuit, descent, dictionary, distributions, files, sweeps, values

__all__ = ["basis_pursuit", "descent", "dictionary", "distributions", "files", "sweeps", "values"]
