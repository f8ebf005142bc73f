"""Word vectors, and what the directions between them mean.

A language model of the simplest kind gives every word a vector, and some differences between vectors mean something: V(king)
- V(man) + V(woman) is close to V(queen). This module finds nearest words and answers analogies; `relations` measures how
often the answers are right.

Source: paper, "Features as directions".
"""

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from supertoy._util.border import guard
from supertoy._util.checks import require_int


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words, each with a vector.

    Attributes:
        words: no word twice.
        vectors: one row per word, finite.

    Raises:
        ValueError: a word comes twice, or there are not as many words as vectors.
    """

    words: list[str]
    vectors: Float[Tensor, "word dimension"]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words):
            raise ValueError(f"vectors must be [{len(self.words)} words, dimension], got shape {list(self.vectors.shape)}")
        if len(self.index) != len(self.words):
            twice = next(word for row, word in enumerate(self.words) if self.index[word] != row)
            raise ValueError(f"words must all differ, got {twice!r} twice")

    @cached_property
    def index(self) -> dict[str, int]:
        """Each word's row."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def unit(self) -> Float[Tensor, "word dimension"]:
        """The vectors at length 1; a zero vector stays zero."""
        return torch.nn.functional.normalize(self.vectors, dim=1)

    def rows(self, words: Iterable[str], name: str = "words") -> list[int]:
        """The words' rows; error messages call the argument `name`.

        Raises:
            ValueError: there is no such word.
        """
        words = list(words)
        missing = [word for word in words if word not in self.index]
        if missing:
            raise ValueError(f"{name} must be among the {len(self.words)} words, got {missing[0]!r}")
        return [self.index[word] for word in words]


def load(path: str | os.PathLike[str]) -> WordVectors:
    """Read word vectors from an npz file that has `words` [word] and `vectors` [word, dimension].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an npz file, or needs pickle.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            words, vectors = arrays["words"].tolist(), torch.from_numpy(arrays["vectors"]).float()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"path must be an npz file of word vectors, got {path}, which is not there") from error
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"path must be an npz file with words and vectors, got {path}: {error}") from error
    return WordVectors(words, vectors)


def nearest(
    vectors: WordVectors, query: Float[Tensor, "dimension"], n: int = 1, exclude: Iterable[str] = ()
) -> list[tuple[str, float]]:
    """The n words whose vectors have the largest cosine with the query, and these cosines, largest first.

    >>> vectors = WordVectors(["east", "north", "up"], torch.eye(3))
    >>> [word for word, _ in nearest(vectors, torch.tensor([3.0, 2.0, 1.0]), n=2, exclude=["east"])]
    ['north', 'up']

    Raises:
        ValueError: query is zero or of another dimension; exclude has a word that is not there, or leaves fewer than n.
    """
    if query.shape != vectors.vectors.shape[1:]:
        raise ValueError(f"query must have the {vectors.vectors.shape[1]} dimensions, got shape {list(query.shape)}")
    if not query.any():
        raise ValueError("query must not be zero: it has no direction")
    out = vectors.rows(exclude, "exclude")
    require_int(at_least=1, n=n)
    left = len(vectors.words) - len(set(out))
    if n > left:
        raise ValueError(f"n must be at most {left}, the number of words that are not left out, got {n}")
    cosine = vectors.unit @ torch.nn.functional.normalize(query, dim=0)
    cosine[out] = -torch.inf
    top = cosine.topk(n)
    return [(vectors.words[row], value) for row, value in zip(top.indices.tolist(), top.values.tolist(), strict=True)]


def analogy(
    vectors: WordVectors, a: str, b: str, c: str, n: int = 1, keep_query_words: bool = False
) -> list[tuple[str, float]]:
    """a is to b as c is to what? The n words nearest to V(b) - V(a) + V(c), with their cosines.

    >>> corners = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 3.0], [1.0, 3.0]])
    >>> analogy(WordVectors(["man", "woman", "king", "queen"], corners), "man", "woman", "king")[0][0]
    'queen'

    By custom a, b and c cannot be answers; `keep_query_words` lets them in. The custom does much of the work, since the sum
    is often nearest to c itself.

    Source: paper, "Features as directions"; Mikolov, Yih and Zweig (2013), "Linguistic regularities in continuous space word
    representations".
    """
    V_a, V_b, V_c = (vectors.vectors[vectors.rows([word], name)[0]] for word, name in ((a, "a"), (b, "b"), (c, "c")))
    return nearest(vectors, V_b - V_a + V_c, n, exclude=() if keep_query_words else (a, b, c))


def principal_directions(
    vectors: WordVectors, n: int
) -> tuple[Float[Tensor, "direction dimension"], Float[Tensor, "direction"]]:
    """The n directions in which the words differ most, and the share of the variance that each explains.

    >>> principal_directions(WordVectors(["a", "b", "c"], torch.tensor([[0.0, 1.0], [0.0, 5.0], [0.0, 3.0]])), n=1)
    (tensor([[0., 1.]]), tensor([1.]))

    There are at most as many as dimensions. The sign of each makes its largest entry positive.
    """
    require_int(at_least=1, n=n)
    if n > vectors.vectors.shape[1]:
        raise ValueError(f"n must be at most the number of dimensions, {vectors.vectors.shape[1]}, got {n}")
    centred = vectors.vectors - vectors.vectors.mean(0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return (directions * largest.sign())[:n], (singular.square() / singular.square().sum())[:n]


guard(__name__)
