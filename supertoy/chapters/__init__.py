"""The book's chapters, in order. Nothing else in the project lists them.

Each chapter has a room, a package here with the name of its notebook. It holds what this chapter alone needs: `claims`,
`plots`, an `explorer`, analysis. No room imports another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from supertoy._util.border import guard
from supertoy.chapters.seeds import chapter_seeds
from supertoy.claims import Claim, registry

__all__ = ["CHAPTERS", "Chapter", "all_claims", "chapter_seeds"]


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book and its room.

    Attributes:
        name: of the notebook in `book`, and of the room.
        title: its first heading.
        sections: the sections of the paper whose claims it judges, by the first part of the claims' ids.
    """

    name: str
    title: str
    sections: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> ModuleType:
        """A module of the room, such as `claims`."""
        if find_spec(f"{__name__}.{self.name}.{name}") is None:
            raise ValueError(f"name must be a module of the room {self.name}, got {name!r}")
        return import_module(f"{__name__}.{self.name}.{name}")


CHAPTERS = (
    Chapter("index", "Toy Models of Superposition, Executable"),
    Chapter("features", "Features", {"features": "Features"}),
    Chapter("superposition", "Demonstrating superposition", {"superposition": "Demonstrating superposition"}),
    Chapter("phase_change", "Superposition as a phase change", {"phase": "Superposition as a phase change"}),
    Chapter("geometry", "The geometry of superposition", {"geometry": "The geometry of superposition"}),
    Chapter(
        "correlation", "Correlated and anticorrelated features", {"correlation": "Correlated and anticorrelated features"}
    ),
    Chapter("dynamics", "Superposition and learning dynamics", {"dynamics": "Learning dynamics"}),
    Chapter("adversarial", "Adversarial robustness", {"adversarial": "Adversarial robustness"}),
    Chapter(
        "computation",
        "Computation in superposition",
        {"privileged": "Privileged basis", "computation": "Computation in superposition"},
    ),
    Chapter("strategic_picture", "Strategic picture", {"strategic": "Strategic picture"}),
    Chapter("appendix", "Appendix: two other ways to count", {"appendix": "Appendix"}),
)
"""In the order of the book, which is the paper's.

:meta hide-value:
"""


def all_claims() -> dict[str, Claim]:
    """Every chapter's claims by id, in the paper's order."""
    for chapter in CHAPTERS:
        if chapter.sections:
            chapter.part("claims")
    sections = [section for chapter in CHAPTERS for section in chapter.sections]
    return {id: registry[id] for id in sorted(registry, key=lambda id: sections.index(id.partition("/")[0]))}


guard(__name__)
