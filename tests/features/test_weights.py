"""The rows of published weights: every one can be had, checked, and used under a known licence."""

from __future__ import annotations

import re

import pytest

from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import WeightFile

ROWS = pytest.mark.parametrize("row", WEIGHTS.values(), ids=lambda row: row.name)


@ROWS
def test_a_digest_in_a_file_name_is_the_digest_of_the_row(row: WeightFile) -> None:
    digits = re.search(r"-([0-9a-f]{8})\.pth$", row.filename)
    if digits:
        assert row.sha256 is not None
        assert row.sha256.startswith(digits[1])


@ROWS
def test_licences_that_forbid_commerce_are_marked(row: WeightFile) -> None:
    forbids = "NC" in row.licence.split("-") or "NVIDIA" in row.licence or "-NC-" in row.licence
    assert row.non_commercial == forbids


@ROWS
def test_an_address_ends_in_the_file_and_its_length_is_known(row: WeightFile) -> None:
    assert row.url is not None
    if not row.name.startswith("lpips-"):  # named there by network alone
        assert row.url.removesuffix("?dl=1").endswith(f"/{row.filename}")
    assert row.n_bytes is not None
    assert row.n_bytes > 1000


def test_the_backbone_of_every_head_has_a_row() -> None:
    named = [re.findall(r"backbone is `(\w+)`", row.note) for row in WEIGHTS.values()]
    backbones = {name for names in named for name in names}
    assert len(backbones) == 3
    assert backbones <= WEIGHTS.keys()
