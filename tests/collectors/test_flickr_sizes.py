"""Rendition choice beyond the golden table."""

from __future__ import annotations

import pytest

from anyres_bench.collectors.flickr_sizes import SizeRule, choose_size
from anyres_bench.core.errors import DataError, UsageError


def entry(label: str, width: object, height: object, media: str = "photo") -> dict[str, object]:
    return {"label": label, "width": width, "height": height, "source": label, "media": media}


SIZES = [
    entry("Large Square", 150, 150),
    entry("Medium", "500", "375"),
    entry("Large", 1024, 768),
    entry("X-Large 6K", 6144, 4608),
    entry("Original", 6144, 4608),
    entry("Site MP4", 9000, 8000, "video"),
    entry("Video Player", None, "", "video"),
]


def label(rule: SizeRule, policy: str = "clean") -> str | None:
    chosen = choose_size(SIZES, rule, policy)
    return chosen.label if chosen else None


def test_clean_reads_strings_and_skips_crops_and_videos() -> None:
    assert label(SizeRule("LR", 100)) == "Medium"
    assert label(SizeRule("LR", 376)) == "Large"
    assert label(SizeRule("LR", 4609)) is None
    assert label(SizeRule("HR", 512, 1000)) == "Large"


def test_between_equals_the_original_wins() -> None:
    assert label(SizeRule("HR", 512)) == "Original"


def test_bounds_are_allowed_themselves() -> None:
    assert label(SizeRule("HR", 768, 768)) == "Large"
    assert label(SizeRule("LR", 375)) == "Medium"


def test_anyres_takes_the_crop_and_stops_at_strings() -> None:
    assert label(SizeRule("LR", 100), "anyres") == "Large Square"
    with pytest.raises(DataError, match="'500' x '375', not integers"):
        label(SizeRule("LR", 200), "anyres")


def test_unknown_policy() -> None:
    with pytest.raises(UsageError, match="did you mean clean"):
        label(SizeRule("LR", 100), "cleam")
