"""Notebooks' words are compared to the letter, their numbers within the tolerance that the cell states."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.numbers_plugin import NUMBER, TOKEN, differences, tolerance
from tests.project.scratch_book import ROOT, environment

TWO_PER_CENT = Decimal("0.02")
PLAIN_TABLE = "corners    loss\n-------  ------\n      3  {:>6}\n      4  0.0972"
MARKDOWN_TABLE = "| claim | here |\n| --- | --- |\n| `theory-n2` | slope {}, 1 of 3 |"


# What numbers are -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3 of 20, +1.5 and -0.25", ["3", "20", "+1.5", "-0.25"]),
        ("b around −0.2, below 1e-5 or 2.5E+3", ["−0.2", "1e-5", "2.5E+3"]),
        ("[1, -1], (.5,0.25) 98 % 98% 72°", ["1", "-1", ".5", "0.25", "98", "98", "72"]),
        ("16,384 models; 1,2 and 1,234,5", ["16,384", "1", "2", "1", "234", "5"]),
        ("1/2 to 3-4, ends with 7.", ["1", "2", "3", "4", "7"]),
        ("nan, -inf and NaN", ["nan", "-inf", "NaN"]),
        ("relu2 W1 L_1 phase/theory-n2 antipodal-at-80 antipodal−at−80", []),
        ("2π 5-fold 756x310 ‖W‖² torch.float64 0x7f 1.0.3 v2.13 info nano inf-norm", []),
        ("10^6 and 10^-6", ["10", "10"]),
    ],
)
def test_what_a_number_is(text, numbers):
    assert [match[0] for match in TOKEN.finditer(text) if match["number"]] == numbers


def test_no_character_but_blanks_is_left_out():
    text = "a-b | 1.5% (−2e3), relu2...\n\n ∞ 1.2.3 --- 4x"
    assert "".join(match[0] for match in TOKEN.finditer(text)) == text.replace(" ", "")
    assert "(?P<" not in NUMBER  # it is part of TOKEN more than once


# What differs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("0.50", "0.51"),  # 2 % to the dot, which floats would miss
        ("0.50", "0.49"),
        ("-100", "−98"),
        ("16,384", "16384.0"),
        ("1e-5", "0.0000101"),
        ("0.0 of inputs", "-0.0 of inputs"),
        ("nan, inf, −inf", "nan, inf, -inf"),
        ("[ 9.99, 10.05]", "[10.01, 10.05]"),
        ("loss   9.99\n", "loss  10.01\n"),
        ("| 9.99 |\n|------|", "| 10.01 |\n|-------|"),
    ],
)
def test_within_two_per_cent(expected, got):
    assert differences(expected, got, TWO_PER_CENT) == []


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        (
            "loss 0.50",
            "loss 0.52",
            "line 1, after 'loss': expected 0.50, got 0.52 (relative difference 0.04, tolerance 0.02)",
        ),
        ("0.50", "-0.50", "line 1: expected 0.50, got -0.50 (relative difference 2, tolerance 0.02)"),
        ("3 of 20", "4 of 20", "line 1: expected 3, got 4 (relative difference 0.333, tolerance 0.02)"),
        ("0.000", "0.001", "line 1: expected 0.000, got 0.001 (relative difference Infinity, tolerance 0.02)"),
        ("nan", "0.3", "line 1: expected nan, got 0.3 (relative difference Infinity, tolerance 0.02)"),
        ("0.3", "nan", "line 1: expected 0.3, got nan (relative difference Infinity, tolerance 0.02)"),
        ("inf", "-inf", "line 1: expected inf, got -inf (relative difference Infinity, tolerance 0.02)"),
        ("a\nrises 2", "a\nfalls 2", "line 2: expected 'rises', got 'falls'"),
        ("relu2", "relu3", "line 1: expected 'relu2', got 'relu3'"),
        ("theory-n50", "theory-n51", "line 1: expected 'theory-n50', got 'theory-n51'"),
        ("at 50 %", "at 50 °", "line 1, after 'at 50': expected '%', got '°'"),
        ("1.5 2.5", "1.5", "line 1, after '1.5': expected 2.5, got the end of the text"),
        ("1.5\n2", "1.5 2.5\n2", "line 1, after '1.5': expected the end of the line, got 2.5"),
        ("1.5 or so", "nearly so", "line 1: expected 1.5, got 'nearly'"),
        ("a - b", "a -- b", None),  # looks like a rule of a table
        ("a b", "ab", "line 1: expected 'a', got 'ab'"),
        ("it is 3.", "it is 3", "line 1, after 'it is 3': expected '.', got the end of the text"),
    ],
)
def test_what_is_off_is_named(expected, got, says):
    assert differences(expected, got, TWO_PER_CENT) == ([says] if says else [])


def test_every_number_is_named_up_to_the_first_word():
    found = differences("1 2 3 or 4", "1 20 30 and 40", TWO_PER_CENT)
    assert [one.partition(" (")[0] for one in found] == [
        "line 1, after '1': expected 2, got 20",
        "line 1, after '1 2': expected 3, got 30",
        "line 1, after '1 2 3': expected 'or', got 'and'",
    ]


# What a cell states ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rtol", [-0.1, 0, 0.0, 1, 1.0, 2.5, True, float("nan"), float("inf"), "0.02", None, [0.02]])
def test_a_tolerance_is_a_number_between_0_and_1(rtol):
    with pytest.raises(ValueError, match='"rtol" in the metadata must be a number above 0 and below 1; got '):
        tolerance({"supertoy": {"rtol": rtol}})


@pytest.mark.parametrize("stated", [0.02, None, {}, {"atol": 0.1}, {"rtol": 0.02, "atol": 0.1}, {"reason": "none"}])
def test_nothing_but_a_tolerance_and_its_reason_is_stated(stated):
    with pytest.raises(ValueError, match='must hold "rtol", and at most a "reason" beside it; got '):
        tolerance({"supertoy": stated})


def test_a_tolerance_as_it_is_written():
    assert tolerance({"tags": ["explore"]}) is None
    assert tolerance({"supertoy": {"rtol": 0.02}}) == TWO_PER_CENT
    assert tolerance({"supertoy": {"rtol": 1e-6, "reason": "rounding"}}) == Decimal("0.000001")


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_cells_of_the_book_state_tolerances_well(path):
    for cell in nbformat.read(path, as_version=4).cells:
        stated = tolerance(cell.metadata)
        assert stated is None or (cell.cell_type == "code" and cell.outputs)


# In a notebook --------------------------------------------------------------------------------------------------------

ANY = object()  # no tolerance is stated
MIME_TYPES = {"plain": "text/plain", "markdown": "text/markdown"}
SHOW = """
class Shown:
    def __init__(self, kind, text):
        self.kind, self.text = kind, text
    def __repr__(self):
        return self.text if self.kind == "plain" else "a table"
    def _repr_markdown_(self):
        return self.text if self.kind == "markdown" else None
"""
# Name of the case: how it is printed, what is in the notebook, what the cell prints now, tolerance, what its failure says.
CASES = {
    "number within": ("stream", "loss 0.500\n", "loss 0.509\n", 0.02, None),
    "number beyond": (
        "stream",
        "loss 0.500\n",
        "loss 0.511\n",
        0.02,
        "stdout, line 1, after 'loss': expected 0.500, got 0.511",
    ),
    "word off": ("stream", "loss rises 0.5\n", "loss falls 0.5\n", 0.02, "after 'loss': expected 'rises', got 'falls'"),
    "number missing": ("stream", "0.5, 0.6\n", "0.5,\n", 0.02, "after '0.5,': expected 0.6, got the end of the line"),
    "number too many": ("stream", "0.5\n", "0.5 0.6\n", 0.02, "after '0.5': expected the end of the line, got 0.6"),
    "nan for a number": ("stream", "0.5\n", "nan\n", 0.02, "expected 0.5, got nan"),
    "number for nan": ("stream", "nan\n", "0.5\n", 0.02, "expected nan, got 0.5"),
    "nan for nan": ("stream", "nan 0.500\n", "nan 0.501\n", 0.02, None),
    "plain table within": ("plain", PLAIN_TABLE.format("9.996"), PLAIN_TABLE.format("10.004"), 0.02, None),
    "wider plain table": (
        "plain",
        PLAIN_TABLE.format("9.99"),
        PLAIN_TABLE.replace("---", "----").format("10.0"),
        0.02,
        None,
    ),
    "plain table beyond": (
        "plain",
        PLAIN_TABLE.format("0.1458"),
        PLAIN_TABLE.format("0.1528"),
        0.02,
        "text/plain, line 3, after '3': expected 0.1458, got 0.1528 (relative difference 0.0480, tolerance 0.02)",
    ),
    "markdown table within": ("markdown", MARKDOWN_TABLE.format("9.99"), MARKDOWN_TABLE.format("10.01"), 0.02, None),
    "markdown table beyond": (
        "markdown",
        MARKDOWN_TABLE.format("2.4"),
        MARKDOWN_TABLE.format("2.5"),
        0.02,
        "text/markdown, line 3, after '| `theory-n2` | slope': expected 2.4, got 2.5 (relative difference 0.0417",
    ),
    "none stated, the same": ("stream", "loss 0.5000\n", "loss 0.5000\n", ANY, None),
    "none stated, last digit": ("stream", "0.5000\n", "0.5001\n", ANY, "expected 0.5000, got 0.5001"),
    "none stated, a blank": ("stream", "loss 0.5\n", "loss  0.5\n", ANY, "mismatch 'stdout'"),
    "malformed": (
        "stream",
        "0.5\n",
        "0.5\n",
        -0.02,
        '"rtol" in the metadata must be a number above 0 and below 1; got -0.02',
    ),
}


def cell(kind, expected, now, rtol, count):
    if kind == "stream":
        source, output = f"print({now!r}, end='')", new_output("stream", name="stdout", text=expected)
    else:
        source, data = f"Shown({kind!r}, {now!r})", {"text/plain": "a table"} | {MIME_TYPES[kind]: expected}
        output = new_output("execute_result", data=data, execution_count=count)
    metadata = {} if rtol is ANY else {"supertoy": {"rtol": rtol}}
    return new_code_cell(source, execution_count=count, outputs=[output], metadata=metadata)


@pytest.fixture(scope="module")
def failures(tmp_path_factory) -> dict[str, str]:
    """What nbval says of each case, empty if it passes; all are cells of one notebook."""
    folder: Path = tmp_path_factory.mktemp("notebook")
    cells = [cell(*case[:4], count) for count, case in enumerate(CASES.values(), 2)]
    nbformat.write(new_notebook(cells=[new_code_cell(SHOW, execution_count=1), *cells]), folder / "cases.ipynb")
    options = ("--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "--color=no", "--junitxml=report.xml")
    command = [sys.executable, "-m", "pytest", *options, "-p", "conftest", "cases.ipynb"]
    done = subprocess.run(command, cwd=folder, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    first, *reports = ElementTree.parse(folder / "report.xml").iter("testcase")
    assert first.find("failure") is None
    return {name: report.findtext("failure", "") for name, report in zip(CASES, reports, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_nbval_compares_numbers_within_what_the_cell_states(name, failures):
    *_, says = CASES[name]
    assert says in failures[name] if says else not failures[name]
