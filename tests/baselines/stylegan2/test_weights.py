"""Published snapshots of StyleGAN2-ADA."""

from __future__ import annotations

from anyres_bench.baselines.stylegan2.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)
    assert all(row.filename.endswith(".pkl") and row.binds for row in WEIGHTS)
