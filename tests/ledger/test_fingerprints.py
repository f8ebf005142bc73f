"""A fingerprint changes with all that a chapter's findings depend on, and with nothing else."""

import ast

import nbformat
import pytest

from supertoy.chapters import CHAPTERS
from supertoy.ledger.fingerprints import PACKAGE, changed_parts, fingerprint
from tests.project.test_package import imports

# A book with one chapter, and the package that it imports.
FILES = {
    "data/vectors.npz": "v = 1",
    "data/other.npz": "v = 1",
    "supertoy/__init__.py": "from supertoy.measures import size",
    "supertoy/measures.py": """
'Of weights.'
LIMIT = 0.5  # of a norm
'It is customary.'
def size(W):
    'Norms.'
    return W
""",
    "supertoy/_engine/step.py": "rate = 0.001",
    "supertoy/chapters/seeds.py": "first = 0",
    "supertoy/claims/words.py": "digits = 2",
    "supertoy/plots/style.py": "width = 7",
    "supertoy/explore/frame.py": "width = 7",
    "supertoy/ledger/tables.py": "enough = 0.95",
    "supertoy/chapters/__init__.py": 'CHAPTERS = ("geometry",)',
    "supertoy/chapters/dynamics/claims.py": "limit = 3",
    "supertoy/chapters/geometry/__init__.py": "from supertoy.chapters.geometry import claims",
    "supertoy/chapters/geometry/plots.py": "width = 7",
    "supertoy/chapters/geometry/explorer.py": "width = 7",
    "supertoy/chapters/geometry/explorer.js": "let width = 7",
    "supertoy/chapters/geometry/shapes.py": "tolerance = 0.1",
    "supertoy/chapters/geometry/claims.py": """
@registry.claim("geometry/levels", says="They gather.", criterion="above 0.3", numbers={"level": "1/2"})
def levels(D):
    'Judge levels.'
    return Outcome((D > 0.3,), "a level")
""",
}  # fmt: skip
CELLS = ['%matplotlib inline\nvectors = load("data/vectors.npz")', "limit = 1  # how far", "turn(limit)"]


@pytest.fixture
def book(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    cells[2].metadata.tags = ["explore"]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Text."), *cells]), tmp_path / "geometry.ipynb"
    )
    return tmp_path


def changed_by(book, path, old, new):
    then = fingerprint(book / "geometry.ipynb", book / "supertoy")
    before = (book / path).read_text() if (book / path).exists() else ""
    assert old in before
    (book / path).write_text(before.replace(old, new) if old else new)
    return changed_parts(then, book / "geometry.ipynb", book / "supertoy")


@pytest.mark.parametrize(
    ("path", "old", "new", "part"),
    [
        ("geometry.ipynb", "limit = 1", "limit = 2", "notebook"),
        ("data/vectors.npz", "1", "2", "notebook"),
        ("supertoy/chapters/geometry/claims.py", "D > 0.3", "D > 0.4", "room"),
        ("supertoy/chapters/geometry/claims.py", "geometry/levels", "geometry/level", "room"),
        ("supertoy/chapters/geometry/shapes.py", "0.1", "0.2", "room"),
        ("supertoy/chapters/geometry/more.py", "", "more = 1", "room"),
        ("supertoy/measures.py", "LIMIT = 0.5", "LIMIT = 0.4", "core"),
        ("supertoy/measures.py", "'It is customary.'", "WHY = 'It is customary.'", "core"),
        ("supertoy/_engine/step.py", "0.001", "0.002", "core"),
        ("supertoy/chapters/seeds.py", "0", "1", "core"),
        ("supertoy/claims/words.py", "2", "3", "core"),
        ("supertoy/more.py", "", "more = 1", "core"),
    ],
)
def test_what_findings_depend_on_changes_its_part(book, path, old, new, part):
    assert changed_by(book, path, old, new) == [part]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("geometry.ipynb", "Text.", "More text."),
        ("geometry.ipynb", "# how far", "# as far"),
        ("geometry.ipynb", "limit = 1", "limit  =  (1)"),
        ("geometry.ipynb", "turn(limit)", "turn(2)"),
        ("geometry.ipynb", "matplotlib inline", "matplotlib agg"),
        ("data/other.npz", "1", "2"),
        ("supertoy/chapters/geometry/claims.py", "Judge levels.", "Judge how levels gather."),
        ("supertoy/chapters/geometry/claims.py", "They gather.", "They gather at levels."),
        ("supertoy/chapters/geometry/claims.py", "above 0.3", "over 0.3"),
        ("supertoy/chapters/geometry/claims.py", "1/2", "about 1/2"),
        ("supertoy/chapters/geometry/plots.py", "7", "8"),
        ("supertoy/chapters/geometry/explorer.py", "7", "8"),
        ("supertoy/chapters/geometry/explorer.js", "7", "8"),
        ("supertoy/chapters/geometry/__init__.py", "claims", "claims, explorer"),
        ("supertoy/chapters/__init__.py", '"geometry",', '"geometry", "dynamics"'),
        ("supertoy/chapters/dynamics/claims.py", "3", "4"),
        ("supertoy/plots/style.py", "7", "8"),
        ("supertoy/explore/frame.py", "7", "8"),
        ("supertoy/ledger/tables.py", "0.95", "0.9"),
        ("supertoy/__init__.py", "size", "size, more"),
        ("supertoy/measures.py", "Of weights.", "Of weight matrices."),
        ("supertoy/measures.py", "Norms.", "The norms."),
        ("supertoy/measures.py", "of a norm", "of norms"),
        ("supertoy/measures.py", "It is customary.", "Half."),
    ],
)
def test_what_no_finding_depends_on_changes_nothing(book, path, old, new):
    assert changed_by(book, path, old, new) == []


def test_runs_of_an_older_kind_of_fingerprint_are_older_than_the_code(book):
    assert changed_parts("5b8c1c7efa6017f2", book / "geometry.ipynb", book / "supertoy") == ["notebook", "room", "core"]


def test_hashes_are_the_same_under_every_version_of_python(book):
    # One of them is written down here, and the tests run under the oldest Python and under the newest.
    source = 'def f(x: int = 3, *y, **z) -> str:\n    """Doc."""\n    return f"{x!r:>3} {z}" "more" if [] else [(), None]'
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), book / "small.ipynb")
    assert fingerprint(book / "small.ipynb", book / "supertoy")["notebook"] == "0cea4f745dfc"


def test_no_finding_depends_on_what_is_left_out():
    left_out = {"plots", "explorer", "explore", "ledger"}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__init__.py" and not left_out & {*path.relative_to(PACKAGE).with_suffix("").parts}:
            assert not [name for name in imports(path) if left_out & {*name.split(".")}], path


def test_modules_called_init_only_pass_names_on():
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent not in (PACKAGE, PACKAGE / "chapters"):  # names that are imported late, and the list of chapters
            statements = {type(node) for node in ast.parse(path.read_text()).body}
            assert statements <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign}, path


def test_chapters_share_the_core_and_nothing_else():
    codes = [fingerprint(PACKAGE.parent / "book" / f"{chapter.name}.ipynb") for chapter in CHAPTERS if chapter.sections]
    different = {part: len({code[part] for code in codes}) for part in codes[0]}
    assert different == {"notebook": len(codes), "room": len(codes), "core": 1}
