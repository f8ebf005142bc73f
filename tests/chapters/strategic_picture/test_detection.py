import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.strategic_picture.detection import false_alarms, roc, similarity_to_examples

SCORE = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
PRESENT = torch.tensor([True, True, False, True, False, False])


def test_similarity_is_a_cosine_with_the_mean_direction_of_examples():
    examples = torch.tensor([[5.0, 0.0], [0.0, 0.1]])  # their lengths do not matter
    rows = torch.tensor([[1.0, 1.0], [-2.0, -2.0], [1.0, -1.0], [3.0, 0.0]])
    assert_close(similarity_to_examples(rows, examples), torch.tensor([1.0, -1.0, 0.0, 0.5**0.5]))


def test_false_alarms_are_counted_at_the_threshold_that_detects_enough():
    assert false_alarms(SCORE, PRESENT, detected=2 / 3) == 0
    assert_close(false_alarms(SCORE, PRESENT, detected=0.9), 1 / 3)
    assert false_alarms(-SCORE, PRESENT, detected=1 / 3) == pytest.approx(2 / 3)


def test_ties_are_flagged_together():
    assert false_alarms(torch.zeros(4), torch.tensor([True, False, False, False])) == 1


def test_a_curve_goes_from_nothing_flagged_to_everything():
    alarms, hits = roc(SCORE, PRESENT)
    assert alarms[0] == hits[0] == 0
    assert alarms[-1] == hits[-1] == 1
    assert (alarms.diff() >= 0).all()
    assert (hits.diff() >= 0).all()
    perfect, _ = roc(PRESENT.float(), PRESENT)
    assert perfect.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: false_alarms(SCORE, PRESENT, detected=0.0), r"detected must lie in \(0, 1\], got 0.0"),
        (lambda: roc(SCORE, torch.ones(6, dtype=torch.bool)), "present must be true in some rows and false in others"),
        (lambda: roc(torch.full((6,), torch.nan), PRESENT), "score must be finite"),
        (lambda: similarity_to_examples(torch.ones(2, 3), torch.ones(0, 3)), "examples must not be empty"),
        (lambda: similarity_to_examples(torch.full((2, 3), torch.nan), torch.ones(1, 3)), "activations must be finite"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
