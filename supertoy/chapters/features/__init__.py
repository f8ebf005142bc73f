"""Features: what they are, and why they should be directions."""

from supertoy.chapters.features import (
    claims,
    interference,
    plots,
    privileged_basis,
    recovery,
    relations,
    representation,
    universality,
    words,
)

__all__ = [
    "claims",
    "interference",
    "plots",
    "privileged_basis",
    "recovery",
    "relations",
    "representation",
    "universality",
    "words",
]
