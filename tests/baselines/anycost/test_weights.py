"""Published weights of Anycost-GAN."""

from __future__ import annotations

from anyres_bench.baselines.anycost.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_every_generator_is_its_config_by_name() -> None:
    assert all(row.filename == f"generator_{row.name}.pt" for row in WEIGHTS)
