"""Every example of the guide runs, one after the other, in the order of the page."""

import re
from pathlib import Path

import matplotlib

import supertoy as st

PAGE = Path(__file__).parents[2] / "book" / "own_question.md"


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(examples) > 12
    names = {"__name__": "guide"}
    for example in examples:
        exec(compile(example, PAGE.name, "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == {"directions.png", "grid", "toy.safetensors"}
    assert names["record"].loss.shape == (25,)


def test_the_index_of_tasks_names_every_section():
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"\{ref\}`(own-[a-z]+)`", text)) == set(re.findall(r"^\((own-(?!question)[a-z]+)\)=", text, re.M))


def test_all_that_the_guide_names_is_there():
    for dotted in re.findall(r"`(?:st|supertoy)((?:\.[a-z_]\w*)+)", PAGE.read_text(encoding="utf-8"), re.I):
        found = st
        for name in dotted[1:].split("."):
            found = getattr(found, name)
