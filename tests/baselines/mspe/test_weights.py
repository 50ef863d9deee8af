"""Published weights of MS-PE."""

from __future__ import annotations

from anyres_bench.baselines.mspe.network import CONFIGS
from anyres_bench.baselines.mspe.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_every_file_is_of_a_configuration_that_is_built() -> None:
    assert {row.name.removeprefix("mspe-").split("-")[0] for row in WEIGHTS} <= {
        name.split("-")[0] for name in CONFIGS
    }
