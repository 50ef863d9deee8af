"""What holds of every tiler that is registered: listings, names, options."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from anyres_bench.core.errors import ConfigError, ImageError, UnknownNameError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.plan import Tiler
from tests.tilers.registered import NAMES, sizes, variants


def numbers(tiler: Tiler, size: Size) -> list[int]:
    try:
        plan = tiler.plan(size)
    except ImageError:
        return [-1] * 11
    main = plan.main
    head = [*main.grid, *main.canvas, *main.resized, main.top, main.left]
    return [*head, len(plan.regions), plan.encoder_tokens, plan.tokens]


@pytest.mark.parametrize("name", NAMES)
def test_a_listing_is_its_plans_to_the_last_bit(name: str) -> None:
    for number, tiler in enumerate(variants(name)):
        chosen = sizes()[number % 4 :: 4] if number else sizes()  # a rival differs in one rule
        array = np.array(chosen, np.int64)
        listing = tiler.listing(array[:, 0], array[:, 1])
        rest = np.stack([listing.regions, listing.encoder_tokens, listing.tokens], axis=1)
        columns = [listing.grid, listing.canvas, listing.resized, listing.offset, rest]
        got = np.concatenate(columns, axis=1)
        want = np.array([numbers(tiler, size) for size in chosen])
        wrong = np.flatnonzero((got != want).any(axis=1))
        assert not wrong.size, (chosen[wrong[0]], got[wrong[0]], want[wrong[0]])


def test_options_are_read_by_their_type() -> None:
    tiler = load("internvl:max_tiles=6,thumbnail=false")
    assert dataclasses.asdict(tiler) | {"name": ""} == dataclasses.asdict(
        dataclasses.replace(load("internvl"), max_tiles=6, thumbnail=False)
    ) | {"name": ""}
    assert tiler.plan(Size(10, 10)).tiler == "internvl:max_tiles=6,thumbnail=false"


@pytest.mark.parametrize(
    "spec",
    [
        "internvl:max_tile=6",
        "internvl:max_tiles=many",
        "internvl:max_tiles",
        "internvl:max_tiles=0",
        "internvl:max_tiles=1000000000",
        "internvl:merge=0",
    ],
)
def test_a_wrong_option_is_told(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"max_tiles|tiles of"):
        load(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "llava-next:tile=0", "llava-next:patch=-1", "llava-next:order=hw", "llava-next:unpad=ceil",
        "llava-onevision:anyres_max=0", "qwen2-vl:rounding=up", "qwen2-vl:flavour=5",
        "qwen2-vl:max_pixels=1", "siglip2-naflex:eps=1e-300", "siglip2-naflex:eps=nan",
        "pixtral:rounding=half", "navit:drop=1", "navit:drop=nan", "fastvlm:side=100",
        "fastvlm:shape=crop", "vitar:target=0", "idefics3:merge=0", "smolvlm:tile=500",
        "seed:max_stretch=nan", "seed:max_tiles=99999", "internvl:tie=area_",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        load(spec)


def test_an_unknown_tiler_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="qwen2-vl"):
        load("qwen2vl")


def test_plans_need_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from anyres_bench.core.geometry import Size\n"
        "from anyres_bench.tilers import TILERS, load\n"
        "for name in TILERS: load(name).plan(Size(300, 400))\n"
        "bad = {'torch', 'pandas'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
