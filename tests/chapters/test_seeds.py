import pytest

from supertoy.chapters import chapter_seeds


def test_a_chapter_has_its_own_seeds_unless_the_environment_has_others(monkeypatch):
    assert list(chapter_seeds(3)) == [0, 1, 2]
    monkeypatch.setenv("SUPERTOY_SEED", "40")
    assert list(chapter_seeds(3)) == [40, 41, 42]
    monkeypatch.setenv("SUPERTOY_N_SEEDS", "1")
    assert list(chapter_seeds(3)) == [40]
    monkeypatch.delenv("SUPERTOY_SEED")
    assert list(chapter_seeds(3)) == [0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SUPERTOY_SEED", "many", "SUPERTOY_SEED must be a whole number, got 'many'"),
        ("SUPERTOY_SEED", "-1", "SUPERTOY_SEED must be a whole number, got '-1'"),
        ("SUPERTOY_N_SEEDS", "0", "SUPERTOY_N_SEEDS must be at least 1, got 0"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        chapter_seeds(3)


def test_there_must_be_a_seed():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        chapter_seeds(0)
