"""Every judge finds its claim in a solution that has it, and not in a wrong one; the cases stand beside their chapters."""

from importlib import import_module

import pytest

import supertoy as st
from supertoy.chapters import CHAPTERS, all_claims

ROOMS = [import_module(f"tests.chapters.{chapter.name}.claim_cases") for chapter in CHAPTERS if chapter.sections]
CASES = {id: case for room in ROOMS for id, case in room.CASES.items()}
CLAIMS = all_claims()


@pytest.mark.parametrize("id", CASES)
def test_a_right_solution_is_found_and_a_wrong_one_is_not(id):
    right, wrong = CASES[id]
    assert st.claims.check(id, [right]).verdict == "reproduced"
    assert st.claims.check(id, [wrong]).verdict != "reproduced"
    both = st.claims.check(id, [right, wrong])
    assert both.verdict == "partly reproduced"
    assert both.share == "1 of 2"


def test_every_claim_has_a_case_and_they_are_the_chapters_own():
    assert set(CASES) == set(CLAIMS)
    for chapter, room in zip([chapter for chapter in CHAPTERS if chapter.sections], ROOMS, strict=True):
        assert {id.partition("/")[0] for id in room.CASES} == set(chapter.sections)


@pytest.mark.parametrize(("id", "change"), [case for room in ROOMS for case in room.WRONG])
def test_judges_look_at_all_of_their_criterion(id, change):
    right, _ = CASES[id]
    assert not st.claims.check(id, [{**right, **change}]).n_holds


@pytest.mark.parametrize(("id", "change", "broken"), [case for room in ROOMS for case in room.BROKEN])
def test_each_part_of_a_claim_can_fail_alone(id, change, broken):
    right, _ = CASES[id]
    [outcome] = st.claims.check(id, [{**right, **change}]).outcomes
    assert [k for k, held in enumerate(outcome.parts) if not held] == [broken]
