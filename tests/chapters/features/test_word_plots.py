"""Figures of word vectors show what was measured."""

import numpy as np
import pytest
import torch

from supertoy.chapters import features
from supertoy.chapters.features.relations import Parallelism, SuccessRate


def marked_lines(axis):
    return [line.get_xydata() for line in axis.lines if line.get_marker() in list("osD^v") and len(line.get_xdata())]


def test_each_pair_has_an_arrow_from_its_first_word_to_its_second():
    points = torch.tensor([[[0.0, 0], [0, 1]], [[1, 0], [1.2, 1]]])
    pairs = [("man", "woman"), ("king", "queen")]
    figure = features.plots.relation_planes({"gender": (pairs, points)})
    [axis] = figure.axes
    assert np.allclose(marked_lines(axis), points)
    arrows = [(text.xyann, text.xy) for text in axis.texts if not text.get_text()]
    assert np.allclose(arrows, points)
    assert {text.get_text() for text in axis.texts} == {"", "man", "woman", "king", "queen"}
    with pytest.raises(ValueError, match="points must have one entry for each of 2 panels, got 1"):
        features.plots.relation_planes({"gender": (pairs, points[:1])})
    with pytest.raises(ValueError, match="panels must hold at least one entry"):
        features.plots.relation_planes({})


def test_words_at_one_place_are_written_apart():
    points = torch.tensor([[[0.0, 0], [0, 1]], [[0.01, 0], [0.01, 1]]])
    figure = features.plots.relation_planes({"": ([("one", "two"), ("three", "four")], points)})
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_relations_are_drawn_with_their_shuffles_and_intervals():
    shuffled = torch.linspace(0.1, 0.3, 50)
    parallel = {"a": Parallelism(0.6, shuffled, 0.01), "b": Parallelism(0.2, shuffled, 0.6)}
    success = {name: SuccessRate(0.8, (0.7, 0.9), 0.3, (0.2, 0.4), 50) for name in parallel}
    kept = {name: SuccessRate(0.5, (0.4, 0.6), 0.3, (0.2, 0.4), 50) for name in parallel}
    left, right = features.plots.analogies(parallel, success, kept).axes
    assert [line[0].tolist() for line in marked_lines(left)] == [[0.6, 1], [0.2, 0]]
    assert np.allclose([line.get_xdata() for line in left.lines if len(line.get_xdata()) == 2], [[0.1, 0.3]] * 2)
    assert sorted(line[0, 0] for line in marked_lines(right)) == [0.3, 0.3, 0.5, 0.5, 0.8, 0.8]
    assert [0.7, 0.9] in [list(line.get_xdata()) for line in right.lines]
    with pytest.raises(ValueError, match="success and kept must have the relations a, b"):
        features.plots.analogies(parallel, success, {"a": kept["a"]})


def test_words_at_the_ends_stand_on_their_sides():
    position = torch.randn(500, generator=torch.Generator().manual_seed(0))
    figure = features.plots.words_along({"gender": (position, ["he", "him"], ["she", "her"])})
    low, high = figure.axes[0].texts
    assert (low.get_text(), high.get_text()) == ("he,\nhim", "she,\nher")
    assert low.get_position()[0] < 0 < high.get_position()[0]
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 500
