"""Adversarial robustness: what small changes of the input do to a model in superposition."""

from supertoy.chapters.adversarial import attacks, claims, plots

__all__ = ["attacks", "claims", "plots"]
