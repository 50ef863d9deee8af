"""Costs of a plan: shares, operations, bytes."""

from __future__ import annotations

import math

import pytest

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.costs import Encoder, LanguageModel, card, kv_bytes, prefill_flops
from anyres_bench.tilers.workbench import Models, row

SIZES = [Size(1080, 1920), Size(37, 23), Size(448, 448), Size(3000, 400)]


TINY = Models(Encoder(8, 2, 32), LanguageModel(16, 3, 4, 2, 48, 512))


@pytest.mark.parametrize("name", list(TILERS))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shares_are_shares(name: str, size: Size) -> None:
    item = row(load(name), size, TINY)
    if item.card is None:
        assert item.refused
        return
    c = item.card
    for share in (c.padding, c.waste, c.kept, c.duplicated, c.separators, c.at_cuts):
        assert 0 <= share <= 1
    assert c.encoder_flops > 0
    assert c.kv_bytes == kv_bytes(c.tokens, TINY.language)


def test_the_card_of_four_tiles_and_a_thumbnail() -> None:
    plan = load("internvl:tile=28,patch=14,merge=1").plan(Size(56, 56))
    c = card(plan, *(TINY.encoder, TINY.language))
    assert (c.pictures, c.encoder_tokens, c.tokens) == (5, 20, 20)
    assert c.duplicated == 1 / 5
    assert c.waste == pytest.approx(1 / 5)  # the thumbnail shows nothing new
    assert (c.padding, c.distortion, c.scale, c.kept) == (0, 0, 1, 1)
    # every token of a 2 x 2 tile of a 2 x 2 mosaic touches a cut but the one in the corner
    assert c.at_cuts == 4 * 3 / 20


def test_flops_are_the_formula_of_one_block() -> None:
    plan = load("fastvlm:side=128,stride=64").plan(Size(64, 64))
    n, d, hidden, depth = 4, 8, 32, 2
    block = 8 * n * d**2 + 4 * n**2 * d + 4 * n * d * hidden
    assert card(plan, *(TINY.encoder, TINY.language)).encoder_flops == (
        depth * block + 2 * n * 3 * 64**2 * d
    )
    assert prefill_flops(5, TINY.language) == 3 * (
        4 * 5 * 16**2 * 1.5 + 2 * 25 * 16 + 6 * 5 * 16 * 48
    )


def test_distortion_and_scale_of_a_squashed_image() -> None:
    c = row(load("fastvlm:shape=squash"), Size(512, 1024), TINY).card
    assert c is not None
    assert c.distortion == pytest.approx(math.log(2))
    assert c.scale == pytest.approx(math.sqrt(2))
