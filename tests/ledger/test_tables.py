"""The ledger says of each claim what its chapter found and how often it holds."""

from pathlib import Path

import nbformat
import pytest

from supertoy.chapters import CHAPTERS, all_claims
from supertoy.ledger import reruns, tables
from supertoy.ledger.fingerprints import fingerprint
from tests.chapters.paper_claims import PAPER_CLAIMS

BOOK = Path(__file__).parents[2] / "book"


QUEEN = "features/king-queen: reproduced; nearest is queen"


@pytest.fixture
def book(tmp_path):
    """A notebook for each chapter; that of "Features" has found the queen."""
    for chapter in CHAPTERS:
        write(tmp_path, chapter.name)
    write(tmp_path, "features", QUEEN)
    return tmp_path


def write(book, chapter, *found, code="check('x')"):
    outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "\n".join(found)})]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code, outputs=outputs)])
    nbformat.write(notebook, book / f"{chapter}.ipynb")


def kept(book, held=20, some=20, n=20, id="features/king-queen"):
    runs = {str(k): {id: {"held": k < held, "some": k < some}} for k in range(n)}
    return {"features": {"code": fingerprint(book / "features.ipynb"), "date": "today", "runs": runs}}


def entry(book, of_runs, id="features/king-queen"):
    return next(entry for entry in tables.entries(book, of_runs) if entry.id == id)


@pytest.mark.parametrize(
    ("held", "some", "verdict"),
    [(20, 20, "reproduced"), (19, 20, "reproduced"), (18, 20, "partly"), (1, 1, "partly"), (0, 3, "differs"),
     (0, 0, "not reproduced")],
)  # fmt: skip
def test_a_verdict_needs_nineteen_of_twenty_runs(book, held, some, verdict):
    write(book, "features", QUEEN if held else QUEEN.replace("reproduced", "partly reproduced (0 of 3)"))
    assert entry(book, kept(book, held, some)).verdict == verdict


def test_what_a_chapter_did_not_reproduce_is_not_called_so(book):
    write(book, "features", "features/king-queen: partly reproduced (2 of 3); nearest is king")
    found = entry(book, kept(book))
    assert found.verdict == "partly"
    assert found.printed.measured == "nearest is king"


def test_a_claim_without_a_measurement_is_not_measured(book):
    assert entry(book, {}).verdict == "not measured"
    assert entry(book, kept(book), "features/universality").verdict == "not measured"
    assert entry(book, kept(book)).verdict == "reproduced"


def test_a_change_of_the_chapter_is_marked_and_one_of_the_core_is_said_once(book):
    of_runs = kept(book)
    assert not entry(book, of_runs).changed
    of_runs["features"]["code"]["core"] = "another"
    assert not entry(book, of_runs).changed
    assert repr(tables.provenance(book, of_runs)) == "[Features](features.html) · 20 · today · the core"
    of_runs["features"]["code"]["room"] = "another"
    assert entry(book, of_runs).changed
    write(book, "features", QUEEN, code="check('y')")
    assert entry(book, of_runs).changed
    assert "chapter changed since" in tables.table([entry(book, of_runs)])._repr_markdown_()
    assert "the chapter's cells, its judges or analysis, the core" in repr(tables.provenance(book, of_runs))


def test_verified_runs_say_when_and_with_which_seeds(book):
    of_runs = kept(book)
    of_runs["features"]["verified"] = {"date": "tomorrow", "seeds": [1000, 2000]}
    assert repr(tables.provenance(book, of_runs)).endswith("20 · today · tomorrow, seed 1000, 2000 · nothing")


def test_of_several_findings_the_last_counts(book):
    write(book, "features", QUEEN.replace("reproduced", "not reproduced"), QUEEN)
    assert entry(book, {}).printed == ("reproduced", 1, "nearest is queen")


def test_every_claim_points_to_a_figure_of_its_chapter():
    names = {
        chapter.name: {
            cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            for cell in nbformat.read(BOOK / f"{chapter.name}.ipynb", 4).cells
        }
        for chapter in CHAPTERS
    }
    found = tables.entries(BOOK, {})
    assert len(found) == len(PAPER_CLAIMS)
    assert not [entry.id for entry in found if all_claims()[entry.id].figure not in names[entry.chapter]]


def test_a_claim_that_holds_in_some_cases_is_partly_reproduced(book):
    write(book, "features", "features/king-queen: partly reproduced (2 of 3); nearest is king")
    assert entry(book, kept(book, 0, 20)).verdict == "partly"
    write(book, "features", "features/king-queen: partly reproduced (0 of 3); nearest is king")
    assert entry(book, kept(book, 0, 20)).verdict == "differs"


def test_verdicts_are_counted(book):
    found = tables.entries(book, kept(book))
    number = tables.counts(found)
    assert number["reproduced"] == 1
    assert sum(number.values()) == len(found) == len(all_claims())
    assert [*number] == list(tables.VERDICTS)


def test_a_table_links_each_claim_to_its_figure(book):
    text = tables.table([entry(book, kept(book))])._repr_markdown_()
    assert text.startswith("**Features**")
    assert "[`king-queen`](features.html#fig-king-queen)" in text
    assert "**reproduced**, 20 of 20 (0.84 to 1.00)" in text


def test_numbers_of_the_paper_stand_beside_their_spread():
    id, name = "geometry/pentagon-digon", "times sparser where the losses cross"
    runs = {str(k): {id: {"held": True, "some": True, "values": {name: 2 + k / 100}}} for k in range(101)}
    text = repr(tables.numbers({"geometry": {"code": "", "runs": runs}}))
    assert "2.5 · 2.05 to 2.95 · 101 · about 2.5" in text


def test_every_claim_has_a_criterion_and_a_reason():
    assert len(tables.criteria().body) == len(all_claims())
    assert all(cell.strip() for row in tables.criteria().body for cell in row)


def test_no_claim_of_the_paper_is_left_out():
    assert set(all_claims()) == PAPER_CLAIMS


def test_every_claim_of_the_paper_is_measured():
    found = tables.entries(BOOK, reruns.read_kept(BOOK / "data" / "ledger.json"))
    assert not [entry.id for entry in found if entry.verdict == "not measured"]


def test_the_page_tells_of_every_claim_that_was_not_reproduced():
    found = tables.entries(BOOK, reruns.read_kept(BOOK / "data" / "ledger.json"))
    cells = nbformat.read(BOOK / "ledger.ipynb", 4).cells
    prose = "".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not [entry.id for entry in found if entry.verdict != "reproduced" and f"`{entry.id}`" not in prose]
