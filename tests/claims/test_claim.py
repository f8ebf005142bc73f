"""What a claim is: its judge, its cases, its table."""

import pytest

import supertoy as st
from supertoy.claims.words import at_least
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
