import pytest
import torch
from torch.testing import assert_close

from supertoy.chapters.appendix.compression import compress, compression_loss, decompress, steep_floor


def uniform(seed):
    return torch.rand(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_steep_floor_lies_between_the_floor_and_the_identity():
    u = 5 * uniform(0)
    assert torch.equal(steep_floor(u, 0.0), u.floor())
    assert_close(steep_floor(u, 1.0), u)
    for width in (0.01, 0.3):
        between = steep_floor(u, width)
        assert ((between >= u.floor()) & (between <= u)).all()
        assert_close((between != u.floor()).double().mean().item(), width, rtol=0, atol=0.02)


def test_it_has_no_jumps():
    u = torch.linspace(0, 4, 40_001, dtype=torch.float64)
    assert steep_floor(u, 0.05).diff().max() < 1e-4 / 0.05 * 1.01


def test_with_jumps_one_value_comes_back_whole_and_the_other_to_its_interval():
    x, y = uniform(1), 0.999 * uniform(2)
    for n_intervals in (1, 3, 20):
        x_back, y_back = decompress(compress(x, y, n_intervals, 0.0), n_intervals, 0.0)
        assert_close(y_back, y)
        assert (x - x_back).abs().max() <= 0.5 / n_intervals + 1e-12


@pytest.mark.parametrize("n_intervals", [1, 2, 5, 10])
def test_the_loss_without_segments_is_that_of_rounding(n_intervals):
    assert compression_loss(n_intervals, 0.0) == pytest.approx(1 / (12 * n_intervals**2), rel=1e-3)


def test_steep_segments_cost_in_proportion_to_their_width():
    added = [compression_loss(3, width, 2000) - compression_loss(3, 0.0, 2000) for width in (0.01, 0.02)]
    assert added[1] == pytest.approx(2 * added[0], rel=0.05)
    assert compression_loss(3, 0.1) < 1 / 12  # what keeping one value costs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 0.1), "n_intervals must be at least 1, got 0"), ((3, -0.1), r"width must lie in \[0, 1\], got -0.1")],
)
def test_impossible_codes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        compression_loss(*arguments)
