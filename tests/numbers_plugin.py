"""A pytest plugin for nbval: words are compared to the letter, numbers within the tolerance that their cell states.

A cell states its tolerance in its metadata, as `"supertoy": {"rtol": 0.02}`, and may add a "reason". Without one nothing
may differ. With one each number may be off by that part of what is expected, and since a number may then be wider, blanks
beside numbers and words do not count, nor does the length of the rules in a table.

There is no absolute tolerance, so only 0 will do for 0. Where a number is nothing but rounding error, round it in the cell.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

# What is glued to letters is a word (relu2, theory-n2, antipodal-at-80, 5-fold, 2π), and so are versions (1.0.3) and powers
# (the 6 of 10^6). A comma separates thousands (16,384); in a list a blank follows it. The minus may be typeset.
NUMBER = (
    r"(?<![\w.^])(?<![^\W\d][-−]|\^[-−])"
    r"[-+−]?(?:(?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d+)(?:\.\d+)?(?:[eE][-+−]?\d{1,3})?|\.\d+|nan|NaN|inf)"
    r"(?!\w|\.\d|[-−][^\W\d])"
)
TOKEN = re.compile(rf"(?P<number>{NUMBER})|\n|(?:(?!{NUMBER})\S)+")


def tolerance(metadata: Mapping[str, Any]) -> Decimal | None:
    """The relative tolerance that a cell states, None if it states none.

    Raises:
        ValueError: the cell states something else.
    """
    if "supertoy" not in metadata:
        return None
    stated = metadata["supertoy"]
    if not isinstance(stated, Mapping) or "rtol" not in stated or not stated.keys() <= {"rtol", "reason"}:
        raise ValueError(f'"supertoy" in the metadata must hold "rtol", and at most a "reason" beside it; got {stated!r}')
    rtol = stated["rtol"]
    if not isinstance(rtol, float) or not 0 < rtol < 1:
        raise ValueError(f'"rtol" in the metadata must be a number above 0 and below 1; got {rtol!r}')
    return Decimal(str(rtol))


def relative_difference(expected: str, got: str) -> Decimal:
    """How far off a number is, as a part of what is expected; infinite from 0, and to or from nan and inf.

    Decimals, since floats would put 0.51 a little more than 2 % above 0.5.
    """
    x, y = (Decimal(number.replace("−", "-").replace(",", "")) for number in (expected, got))
    if x == y or (x.is_nan() and y.is_nan()):
        return Decimal(0)
    return abs(y - x) / abs(x) if x and x.is_finite() and y.is_finite() else Decimal("inf")


def differences(expected: str, got: str, rtol: Decimal) -> list[str]:
    """Every number that is off by more than the tolerance, up to the first word that differs.

    >>> differences("loss 0.50, norm 1.1", "loss 0.53, norm 1.1", Decimal("0.02"))
    ["line 1, after 'loss': expected 0.50, got 0.53 (relative difference 0.06, tolerance 0.02)"]
    """
    found = []
    for want, have in zip_longest(TOKEN.finditer(expected), TOKEN.finditer(got)):
        numbers = want and have and want["number"] and have["number"]
        off = relative_difference(want[0], have[0]) if numbers else None
        if _plain(want) == _plain(have) if off is None else off <= rtol:
            continue
        before = expected[: want.start() if want else len(expected)]
        *above, line = before.split("\n")
        where = f"line {len(above) + 1}" + (f", after {line[-30:].strip()!r}" if line.strip() else "")
        note = "" if off is None else f" (relative difference {off:.3g}, tolerance {rtol})"
        found.append(f"{where}: expected {_shown(want)}, got {_shown(have)}{note}")
        if off is None:  # what follows would be compared with something else
            break
    return found


def _plain(token: re.Match[str] | None) -> str | None:
    """The token to the letter; the rule of a table without its width."""
    if token and re.fullmatch(r"[-|:+]+", token[0]):
        return re.sub("-+", "-", token[0])
    return token and token[0]


def _shown(token: re.Match[str] | None) -> str:
    if token is None:
        return "the end of the text"
    return "the end of the line" if token[0] == "\n" else token[0] if token["number"] else repr(token[0])


class ExpectedText(str):
    """Differs from another text if that is not within the tolerance; nbval asks with !=."""

    rtol: Decimal

    def __ne__(self, other: object) -> bool:
        return bool(differences(self, str(other), self.rtol))


class Cell(IPyNbCell):
    """A cell whose numbers may be off as far as it states, and which says what is off."""

    rtol: Decimal | None = None

    def compare_outputs(self, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        try:
            self.rtol = tolerance(self.cell.metadata)
        except ValueError as error:
            self.comparison_traceback = [str(error)]
            return False
        return bool(super().compare_outputs(test, ref, skip_compare))

    def sanitize(self, s: Any) -> Any:
        """What nbval compares of an output."""
        s = super().sanitize(s)
        if self.rtol is None or not isinstance(s, str):
            return s
        text = ExpectedText(s)
        text.rtol = self.rtol
        return text

    def format_output_compare(self, key: str, left: Any, right: Any) -> None:
        if isinstance(left, str) and isinstance(right, str):
            self.comparison_traceback += [f"{key}, {one}" for one in differences(left, right, self.rtol or Decimal(0))]
        super().format_output_compare(key, left, right)


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, IPyNbCell):
        item.__class__ = Cell
