"""Judges of this chapter, beyond their cases."""

import supertoy as st
from supertoy.chapters import computation  # noqa: F401
from tests.chapters.computation import privileged_cases as privileged


def test_a_weight_that_only_inhibits_does_not_make_a_neuron_monosemantic():
    assert st.claims.check("privileged/mono-to-poly", [{"W": privileged.INHIBITED}]).n_holds
