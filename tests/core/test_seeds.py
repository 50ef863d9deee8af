"""Streams: frozen words, independence from order, and the right distributions."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import checked_seed, parse_seeds, stream

FROZEN_WORDS = [6806182852985850620, 11397129395101630591]
FROZEN_NORMALS = [-1.4527054826784758, 0.29212250303069665]


def test_words_are_frozen() -> None:
    """A change here changes every published number: never edit these values."""
    assert stream(0).words(2).tolist() == FROZEN_WORDS
    assert stream(7, "z", 3).normal(2).tolist() == pytest.approx(FROZEN_NORMALS, abs=0, rel=1e-15)


def test_labels_name_streams() -> None:
    first = stream(1, "z", 5).words(4)
    assert np.array_equal(first, stream(1, "z", np.int64(5)).words(4))
    for other in [stream(1, "z", 6), stream(2, "z", 5), stream(1, "z", "5"), stream(1, "z5")]:
        assert not np.array_equal(first, other.words(4))


def test_drawing_in_parts_is_drawing_at_once() -> None:
    whole, parts = stream(3, "x").uniform(10), stream(3, "x")
    assert np.array_equal(whole, np.concatenate([parts.uniform(4), parts.uniform(6)]))


def test_distributions() -> None:
    uniform = stream(5).uniform(200_000)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.003)
    normal = stream(6).normal((400, 500))
    assert normal.shape == (400, 500)
    assert normal.mean() == pytest.approx(0, abs=0.01)
    assert normal.std() == pytest.approx(1, abs=0.01)
    assert (normal**4).mean() == pytest.approx(3, abs=0.1)


def test_integers_hold_both_ends() -> None:
    drawn = stream(8).integers(-2, 2, 5000)
    assert set(drawn.tolist()) == {-2, -1, 0, 1, 2}
    assert stream(8).integer(4, 4) == 4
    assert np.bincount(drawn + 2).min() > 900


def test_choice_and_permutation() -> None:
    assert sorted(stream(9).permutation(50).tolist()) == list(range(50))
    chosen = stream(9).choice(50, 20)
    assert len(set(chosen.tolist())) == 20


def test_seeds_are_read() -> None:
    assert parse_seeds("0-2, 7") == [0, 1, 2, 7]


@pytest.mark.parametrize("text", ["", "3-", "a", "5-3", "1,,2", "-1", "0-1,9-7"])
def test_what_is_no_list_of_seeds(text: str) -> None:
    with pytest.raises(UsageError, match="seeds"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["0-99999999999999999999", "0-999999999999", "1" * 5000, "9" * 19])
def test_seeds_are_neither_too_many_nor_too_large(text: str) -> None:
    with pytest.raises(UsageError, match="seed") as caught:
        parse_seeds(text)
    assert len(str(caught.value)) < 200


def test_a_seed_is_one_that_a_record_can_hold() -> None:
    for seed in (-(1 << 63), (1 << 63) - 1):
        checked_seed(seed)
    for seed in (-(1 << 63) - 1, 1 << 63):
        with pytest.raises(UsageError, match="64 bits"):
            checked_seed(seed)
