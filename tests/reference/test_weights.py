"""Published snapshots of AnyRes-GAN and StyleGAN3."""

from __future__ import annotations

from anyres_bench.reference.weights import WEIGHTS
from tests.weight_rows import check_rows


def test_rows_can_be_asked_for_and_say_their_terms() -> None:
    check_rows(WEIGHTS)


def test_every_snapshot_is_a_pickle_whose_licence_must_be_accepted() -> None:
    assert all(row.filename.endswith(".pkl") and row.non_commercial for row in WEIGHTS)


def test_both_configurations_have_the_same_data() -> None:
    data = {
        config: {row.name[12:] for row in WEIGHTS if row.name.startswith(f"stylegan3-{config}-")}
        for config in "tr"
    }
    assert data["t"] == data["r"] != set()
