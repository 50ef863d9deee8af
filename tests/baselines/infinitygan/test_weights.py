"""Published weights of InfinityGAN."""

from __future__ import annotations

from anyres_bench.baselines.infinitygan.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_the_licence_of_every_file_must_be_accepted() -> None:
    assert all(row.non_commercial for row in WEIGHTS)
