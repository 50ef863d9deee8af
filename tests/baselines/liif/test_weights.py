"""Published weights of LIIF."""

from __future__ import annotations

from anyres_bench.baselines.liif.network import ENCODERS
from anyres_bench.baselines.liif.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_there_is_a_file_for_every_encoder_that_is_built() -> None:
    assert {row.name.removeprefix("liif-") for row in WEIGHTS} == set(ENCODERS)
