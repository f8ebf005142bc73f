"""Nearest words and analogies: on vectors small enough to see through, and on the book's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.features import words as w

FILE = Path(__file__).parents[3] / "book" / "data" / "glove.npz"


@pytest.fixture(scope="module")
def glove():
    return w.load(FILE)


@pytest.fixture
def plane():
    # At 0°, 30°, 60° and 90°, of different lengths.
    angle = torch.pi / 6 * torch.arange(4, dtype=torch.float64)
    length = torch.tensor([1.0, 5.0, 0.1, 2.0], dtype=torch.float64)
    return w.WordVectors(["a", "b", "c", "d"], (length * torch.stack([angle.cos(), angle.sin()])).T)


def test_nearest_goes_by_angle_and_not_by_length(plane):
    found = w.nearest(plane, torch.tensor([7.0, 0.0], dtype=torch.float64), n=4)
    assert [word for word, _ in found] == ["a", "b", "c", "d"]
    assert_close([cosine for _, cosine in found], [1.0, 0.75**0.5, 0.5, 0.0])


def test_excluded_words_are_never_found(plane):
    query = plane.vectors[1]
    assert w.nearest(plane, query)[0][0] == "b"
    found = w.nearest(plane, query, n=2, exclude=["b", "b", "c"])
    assert [word for word, _ in found] == ["a", "d"]


def test_nearest_leaves_the_vectors_as_they_were(plane):
    before = plane.vectors.clone(), plane.unit.clone()
    w.nearest(plane, plane.vectors[2], exclude=["c"])
    assert torch.equal(plane.vectors, before[0])
    assert torch.equal(plane.unit, before[1])


def test_a_zero_vector_has_cosine_zero_with_everything():
    vectors = w.WordVectors(["zero", "one"], torch.tensor([[0.0], [1.0]]))
    assert w.nearest(vectors, torch.tensor([1.0]), n=2) == [("one", 1.0), ("zero", 0.0)]


def test_analogy_is_b_minus_a_plus_c():
    # V(b) - V(a) + V(c) = (1, 2) is V(right); with a and b, or a and c, the other way round it would be V(left) or V(down).
    table = {"a": (0, 1), "b": (0, 2), "c": (1, 1), "right": (1, 2), "left": (-1, 2), "down": (1, 0)}
    vectors = w.WordVectors(list(table), torch.tensor(list(table.values()), dtype=torch.float64))
    assert w.analogy(vectors, "a", "b", "c")[0][0] == "right"
    assert w.analogy(vectors, "c", "b", "a")[0][0] == "left"
    assert w.analogy(vectors, "b", "a", "c")[0][0] == "down"


def test_with_query_words_kept_an_analogy_can_answer_with_its_own_word():
    table = {"a": (1.0, 0.1), "b": (1.0, 0.2), "c": (0.0, 1.0), "d": (0.5, 1.0)}
    vectors = w.WordVectors(list(table), torch.tensor(list(table.values())))
    assert w.analogy(vectors, "a", "b", "c", keep_query_words=True)[0][0] == "c"
    assert w.analogy(vectors, "a", "b", "c")[0][0] == "d"


def test_load_gives_back_what_was_saved(tmp_path):
    path = tmp_path / "few.npz"
    np.savez(path, words=np.array(["naïve", "of"]), vectors=np.array([[1, 2, 3], [0.5, 0, -1]], dtype=np.float16))
    vectors = w.load(path)
    assert vectors.words == ["naïve", "of"]
    assert vectors.index == {"naïve": 0, "of": 1}
    assert vectors.vectors.dtype == torch.float32
    assert vectors.vectors.tolist() == [[1, 2, 3], [0.5, 0, -1]]


def test_load_refuses_what_is_no_file_of_word_vectors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must be .* which is not there"):
        w.load(tmp_path / "none.npz")
    np.savez(tmp_path / "pickled.npz", words=np.array(["of"], dtype=object), vectors=np.ones((1, 1)))
    np.savez(tmp_path / "nameless.npz", np.ones((1, 1)))
    np.save(tmp_path / "array.npz.npy", np.ones((1, 1)))
    (tmp_path / "text.npz").write_text("of 1.0")
    (tmp_path / "empty.npz").touch()
    for name in ("pickled.npz", "nameless.npz", "array.npz.npy", "text.npz", "empty.npz"):
        with pytest.raises(ValueError, match=f"path must be an npz file with words and vectors, got .*{name}"):
            w.load(tmp_path / name)


def test_vectors_that_do_not_fit_the_words_are_refused():
    with pytest.raises(ValueError, match=r"vectors must be \[2 words, dimension\], got shape \[3, 2\]"):
        w.WordVectors(["a", "b"], torch.ones(3, 2))
    with pytest.raises(ValueError, match="words must all differ, got 'a' twice"):
        w.WordVectors(["a", "b", "a"], torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"vectors must be finite; got nan at \[.*1.*1\]"):
        w.WordVectors(["a", "b"], torch.tensor([[1.0, 0.0], [2.0, float("nan")]]))


def test_queries_without_an_answer_are_refused_by_name(plane):
    query = plane.vectors[0]
    with pytest.raises(ValueError, match=r"query must have the 2 dimensions, got shape \[3\]"):
        w.nearest(plane, torch.ones(3))
    with pytest.raises(ValueError, match="query must not be zero"):
        w.nearest(plane, 0 * query)
    with pytest.raises(ValueError, match="query must be finite; got inf"):
        w.nearest(plane, torch.tensor([1.0, float("inf")]))
    with pytest.raises(ValueError, match="exclude must be among the 4 words, got 'x'"):
        w.nearest(plane, query, exclude=["x"])
    with pytest.raises(TypeError, match=r"exclude must be Iterable\[str\], got str 'a'"):
        w.nearest(plane, query, exclude="a")
    with pytest.raises(ValueError, match=r"n must be at most 2, .* got 3"):
        w.nearest(plane, query, n=3, exclude=["a", "b"])
    with pytest.raises(ValueError, match="n must be at least 1"):
        w.nearest(plane, query, n=0)
    for words, name in ((("x", "b", "c"), "a"), (("a", "x", "c"), "b"), (("a", "b", "x"), "c")):
        with pytest.raises(ValueError, match=f"^{name} must be among the 4 words, got 'x'"):
            w.analogy(plane, *words)


def test_the_file_is_small_and_holds_the_most_frequent_words_first(glove):
    assert FILE.stat().st_size < 1.3e6
    assert glove.vectors.shape == (10_000, 50)
    assert glove.words[0] == "the"
    assert all(word == word.lower() for word in glove.words)
    assert glove.index["man"] < glove.index["woman"] < glove.index["queen"]
    # GloVe prints "the" as 0.418 0.24968 -0.41242 ...; float16 keeps three digits.
    assert_close(glove.vectors[0, :3], torch.tensor([0.418, 0.24968, -0.41242]), atol=0, rtol=2**-11)


def test_king_minus_man_plus_woman_is_queen_once_king_is_left_out(glove):
    assert w.analogy(glove, "man", "woman", "king")[0][0] == "queen"
    kept = [word for word, _ in w.analogy(glove, "man", "woman", "king", n=2, keep_query_words=True)]
    assert kept == ["king", "queen"]


def test_principal_directions_are_those_of_an_ellipsoid():
    axes = torch.tensor([3.0, 2.0, 1.0])
    corners = torch.cat([torch.diag(axes), -torch.diag(axes)]) + 10
    directions, share = w.principal_directions(w.WordVectors(list("abcdef"), corners), n=2)
    assert_close(directions, torch.eye(3)[:2], atol=1e-6, rtol=0)
    assert_close(share, torch.tensor([9 / 14, 4 / 14]))


def test_there_are_no_more_principal_directions_than_dimensions(plane):
    with pytest.raises(ValueError, match="n must be at most the number of dimensions, 2, got 3"):
        w.principal_directions(plane, n=3)
