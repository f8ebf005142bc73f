"""The package as it is built: its walls, what importing it costs, and what is in it."""

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import supertoy as st
from supertoy.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "supertoy"
ROOMS = {chapter.name for chapter in CHAPTERS}
# What is slow to import, and the parts that nobody needs who trains a model.
LATER = (
    "matplotlib", "seaborn", "pandas", "scipy", "networkx", "sklearn", "ipywidgets", "IPython",
    "supertoy.chapters", "supertoy.claims", "supertoy.explore", "supertoy.ledger", "supertoy.plots",
)  # fmt: skip


def imports(path):
    """What of supertoy a module imports, in full: `supertoy._util.checks`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [f"{node.module}.{name}" for name in names]
        yield from (name for name in names if name.startswith("supertoy"))


def room_of(dotted):
    parts = dotted.split(".")
    return parts[2] if parts[:2] == ["supertoy", "chapters"] and len(parts) > 2 and parts[2] in ROOMS else None


def walls_broken(package):
    """Each import that goes through a wall, as 'module imports module'."""
    broken = []
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        is_core = not name.startswith(("supertoy.chapters", "supertoy.ledger", "supertoy.research"))
        for imported in imports(path):
            outwards = ("supertoy.chapters", "supertoy.ledger", "supertoy.research")[: 2 if name == "supertoy" else 3]
            to_chapters = (is_core or name.startswith("supertoy.research")) and imported.startswith(outwards[:2])
            to_chapters |= is_core and imported.startswith(outwards)
            to_other_room = room_of(imported) not in (None, room_of(name))
            is_shared = name.startswith(("supertoy.plots", "supertoy.claims", "supertoy.explore", "supertoy._util"))
            is_outside = name.startswith(("supertoy.chapters", "supertoy.ledger"))
            to_engine = imported.startswith("supertoy._engine") and (is_outside or is_shared)
            if to_chapters or to_other_room or to_engine:
                broken.append(f"{name} imports {imported}")
    return broken


def test_the_core_imports_no_chapter_and_no_chapter_another_one():
    assert walls_broken(PACKAGE) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("measures.py", "from supertoy.chapters import geometry"),
        ("plots/style.py", "import supertoy.ledger.tables"),
        ("chapters/geometry/plots.py", "from supertoy.chapters.dynamics import jumps"),
        ("chapters/geometry/plots.py", "from supertoy.chapters import dynamics"),
        ("chapters/geometry/plots.py", "from supertoy._engine.step import Adam"),
        ("chapters/__init__.py", "from supertoy.chapters import geometry"),
        ("plots/style.py", "from supertoy._engine import step"),
        ("training.py", "from supertoy.research import sweeps"),
        ("research/sweeps.py", "from supertoy.chapters import geometry"),
    ],
)
def test_a_broken_wall_is_seen(tmp_path, module, line):
    path = tmp_path / "supertoy" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    assert len(walls_broken(tmp_path / "supertoy")) == 1


def test_the_core_is_small():
    outside = {"chapters", "ledger", "research"}
    shared = [path for path in PACKAGE.rglob("*.py") if not outside & {*path.relative_to(PACKAGE).parts}]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in shared) < 5000


def test_importing_supertoy_imports_little_more_than_torch():
    code = "import sys, supertoy; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" in modules
    assert not [name for name in modules if name.startswith(LATER)]


def test_modules_are_there_on_first_access_and_others_are_not():
    assert st.theory.linear_loss_terms
    with pytest.raises(AttributeError, match="module 'supertoy' has no attribute 'nothing'"):
        st.nothing  # noqa: B018


def test_there_are_few_public_names_and_each_is_there():
    assert len(st.__all__) <= 34
    assert all(hasattr(st, name) for name in st.__all__)
    assert st.__version__ == version("supertoy")


def test_every_chapter_has_a_room_a_notebook_and_a_place_in_the_table_of_contents():
    folders = {init.parent.name for init in (PACKAGE / "chapters").glob("*/__init__.py")}
    notebooks = {path.stem for path in (ROOT / "book").glob("*.ipynb")}
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"], *(page["file"] for page in toc["parts"][0]["chapters"])]
    assert folders == ROOMS
    assert notebooks == ROOMS | {"ledger"}
    assert [Path(page).name for page in pages if page != "book/ledger"] == [chapter.name for chapter in CHAPTERS]


def test_the_front_page_leads_to_every_chapter():
    page = (ROOT / "book" / "index.ipynb").read_text(encoding="utf-8")
    assert not [chapter.name for chapter in CHAPTERS[1:] if f"{{doc}}`{chapter.name}`" not in page]


def test_colours_have_names():
    """No figure has a grey or a map of its own."""
    literal = re.compile(r"""["'](?:0\.\d+|black|white|viridis\w*|cividis|crest\w*|vlag)["']|color_palette\(""")
    paths = [
        path for path in PACKAGE.rglob("*.py") if path.name in ("plots.py", "explorer.py") or path.parent.name == "plots"
    ]
    found = {path: literal.findall(path.read_text(encoding="utf-8")) for path in paths if path.name != "style.py"}
    assert not {path.relative_to(ROOT): words for path, words in found.items() if words}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_a_chapter_has_the_title_that_the_list_says(chapter):
    import nbformat

    first = nbformat.read(ROOT / "book" / f"{chapter.name}.ipynb", as_version=4).cells[0].source
    assert f"# {chapter.title}" in first.splitlines()


def test_tests_have_a_room_for_every_chapter():
    assert {path.parent.name for path in (ROOT / "tests" / "chapters").glob("*/__init__.py")} == ROOMS
