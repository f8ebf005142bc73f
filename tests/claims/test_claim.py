"""What a claim is: its judge, its cases, its table."""

import pytest
import torch

import supertoy as st
from supertoy.claims.words import at_least
from tests.chapters.appendix.claim_cases import CASES as APPENDIX_CASES
from tests.chapters.superposition.claim_cases import CASES


def test_unknown_ids_and_empty_cases_are_refused():
    with pytest.raises(ValueError, match="id must be a known claim, got 'superposition/none'; known are"):
        st.claims.check("superposition/none", [{}])
    with pytest.raises(ValueError, match="cases must hold at least one measurement"):
        st.claims.check("superposition/dense-orthogonal", [])


def test_a_table_shows_claim_measurement_and_verdict():
    right, wrong = CASES["superposition/dense-orthogonal"]
    table = st.claims.Table([st.claims.check("superposition/dense-orthogonal", [right, right, wrong])])
    assert "superposition/dense-orthogonal: partly reproduced (2 of 3); norms" in repr(table)
    row = table._repr_markdown_().splitlines()[2]
    assert row.startswith("| `superposition/dense-orthogonal` | S = 0: ")
    assert row.endswith("| **partly reproduced**, 2 of 3 |")


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100 %"), (0.999, "98 % or more"), (0.95, "95 % or more"), (0.31, "30 % or more"), (0, "0 % or more")],
)
def test_shares_are_told_by_a_bound_below_them(share, words):
    assert at_least(share) == words


def test_numbers_come_with_their_range_over_the_cases_of_the_same_words():
    losses = [{"loss": loss, "mean_loss": 0.0835} for loss in (0.06, 0.05, 0.055)]
    found = st.claims.check("appendix/nonlinear-compression", losses)
    assert found.measured == "loss 0.0500 to 0.0600; keeping one value costs 0.0833, the mean of both 0.0835"

    right, _ = APPENDIX_CASES["appendix/compressed-sensing-bound"]
    none = {**right, "n_features": right["n_features"].clone().index_fill(0, torch.tensor([0]), 0)}
    assert "varies by a factor of 1.0" in st.claims.check("appendix/compressed-sensing-bound", [right, right]).measured
    found = st.claims.check("appendix/compressed-sensing-bound", [right, none])
    assert found.measured == found.outcomes[1].measured.format(*found.outcomes[1].numbers)  # nothing of the first
    assert found.measured.endswith("varies without limit (at most 2 asked for): no feature is represented in 3 of 12 models")
