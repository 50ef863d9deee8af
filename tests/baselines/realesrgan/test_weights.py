"""Published weights of Real-ESRGAN."""

from __future__ import annotations

from anyres_bench.baselines.realesrgan.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_every_file_is_of_a_release() -> None:
    for row in WEIGHTS:
        assert row.url is not None
        assert row.url.startswith("https://github.com/xinntao/Real-ESRGAN/releases/download/v")
