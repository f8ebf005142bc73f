"""The ledger says of each claim what its chapter found and how often it holds."""

from pathlib import Path

import nbformat
import pytest

from supertoy.chapters import all_claims
from supertoy.ledger import reruns, tables
from tests.chapters.paper_claims import PAPER_CLAIMS

BOOK = Path(__file__).parents[2] / "book"


def notebook(*found, code="check('x')"):
    outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "\n".join(found)})]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code, outputs=outputs)])


def kept(chapter, held=0, some=0, n=20, id="features/king-queen"):
    runs = {str(k): {id: {"held": k < held, "some": k < some}} for k in range(n)}
    return {"one": {"code": reruns.fingerprint(chapter), "runs": runs}}


QUEEN = "features/king-queen: reproduced; nearest is queen"


def row(chapter, of_runs, id="features/king-queen"):
    return next(row for row in tables.rows({"one": chapter}, of_runs) if row.id == id)


@pytest.mark.parametrize(
    ("held", "some", "verdict"),
    [(20, 20, "reproduced"), (19, 20, "reproduced"), (18, 20, "partly"), (1, 1, "partly"), (0, 3, "differs"),
     (0, 0, "not reproduced")],
)  # fmt: skip
def test_a_verdict_needs_nineteen_of_twenty_runs(held, some, verdict):
    chapter = notebook(QUEEN if held else QUEEN.replace("reproduced", "partly reproduced (0 of 3)"))
    assert row(chapter, kept(chapter, held, some)).verdict == verdict


def test_what_a_chapter_did_not_reproduce_is_not_called_so():
    chapter = notebook("features/king-queen: partly reproduced (2 of 3); nearest is king")
    found = row(chapter, kept(chapter, 20, 20))
    assert found.verdict == "partly"
    assert found.measured == "nearest is king"


def test_a_claim_without_a_measurement_is_not_measured():
    chapter = notebook(QUEEN)
    assert row(chapter, {}).verdict == "not measured"
    assert row(chapter, {}, "features/universality").verdict == "not measured"


def test_a_change_of_code_is_marked_and_one_of_text_is_not():
    chapter = notebook(QUEEN)
    of_runs = kept(chapter, 20, 20)
    chapter.cells.append(nbformat.v4.new_markdown_cell("More words."))
    assert not row(chapter, of_runs).changed
    chapter.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    assert row(chapter, of_runs).changed
    assert "chapter changed since" in tables.table([row(chapter, of_runs)])._repr_markdown_()


def test_of_several_findings_the_last_counts():
    chapter = notebook(QUEEN.replace("reproduced", "not reproduced"), QUEEN)
    assert tables.found_in(chapter) == {"features/king-queen": ("reproduced", 1, "nearest is queen")}


def test_every_claim_points_to_a_figure_of_its_chapter():
    chapters = reruns.read_chapters(BOOK)
    names = {
        name: {cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") for cell in chapter["cells"]}
        for name, chapter in chapters.items()
    }
    found = tables.rows(chapters, {})
    assert len(found) == len(PAPER_CLAIMS)
    assert not [row.id for row in found if all_claims()[row.id].figure not in names[row.chapter]]


def test_a_claim_that_holds_in_some_cases_is_partly_reproduced():
    chapter = notebook("features/king-queen: partly reproduced (2 of 3); nearest is king")
    assert row(chapter, kept(chapter, 0, 20)).verdict == "partly"
    chapter = notebook("features/king-queen: partly reproduced (0 of 3); nearest is king")
    assert row(chapter, kept(chapter, 0, 20)).verdict == "differs"


def test_verdicts_are_counted():
    chapter = notebook(QUEEN)
    found = tables.rows({"one": chapter}, kept(chapter, 20, 20))
    number = tables.counts(found)
    assert number["reproduced"] == 1
    assert sum(number.values()) == len(found) == len(all_claims())
    assert [*number] == list(tables.VERDICTS)


def test_chapters_are_those_that_show_claims():
    names = {path.stem for path in tables.chapters_with_claims(BOOK)}
    assert {"superposition", "geometry", "features"} <= names
    shown = set().union(*(tables.found_in(notebook) for notebook in reruns.read_chapters(BOOK).values()))
    assert shown >= set(all_claims())


def test_a_table_links_each_claim_to_its_figure():
    chapter = notebook(QUEEN)
    text = tables.table([row(chapter, kept(chapter, 20, 20))])._repr_markdown_()
    assert text.startswith("**Features**")
    assert "[`king-queen`](one.html#fig-king-queen)" in text
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
    found = tables.rows(reruns.read_chapters(BOOK), reruns.read_kept(BOOK / "data" / "ledger.json"))
    assert not [row.id for row in found if row.verdict == "not measured"]


def test_the_page_tells_of_every_claim_that_was_not_reproduced():
    chapters = reruns.read_chapters(BOOK)
    found = tables.rows(chapters, reruns.read_kept(BOOK / "data" / "ledger.json"))
    prose = "".join("".join(cell["source"]) for cell in chapters["ledger"]["cells"] if cell["cell_type"] == "markdown")
    assert not [row.id for row in found if row.verdict != "reproduced" and f"`{row.id}`" not in prose]
