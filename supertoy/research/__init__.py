"""What researchers need and no chapter of the paper does: sweeps over many settings, files, dictionaries."""
