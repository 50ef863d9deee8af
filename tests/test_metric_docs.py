"""What is written of metrics: each has its entry in the docs, with a picture that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anyres_bench.metrics import METRICS, SUMMARIES

DOCS = Path(__file__).parents[1] / "docs"
# What their entries refer to the ones before for.
TOLD_ELSEWHERE = {
    "fd-infinity-groups": {"Range", "Cost", "Sees"},
    "prdc": {"Range", "Cost", "Sees"},
    "kid-subsets": {"Range", "Sees"},
}


def entries() -> dict[str, str]:
    """The text of each entry, by its title."""
    parts = re.split(r"^#{2,3} (.+)\n", (DOCS / "metrics.md").read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", [*METRICS, *(f"{name}-METRIC" for name in SUMMARIES)])
def test_every_metric_has_an_entry_and_a_picture(name: str) -> None:
    found = entries()
    assert name in found
    for said in {"Range", "Cost", "Sees"} - TOLD_ELSEWHERE.get(name, set()):
        assert f"*{said}" in found[name], f"{name}: {said} is not told"
    if name != "scale-METRIC":  # whose picture is that of the section
        assert re.search(r"!\[[^]]+\]\(metrics/[a-z0-9-]+\.svg\)", found[name]), f"{name}: none"


def test_every_picture_is_shown_and_exists() -> None:
    text = (DOCS / "metrics.md").read_text("utf-8")
    shown = set(re.findall(r"\(metrics/([a-z0-9-]+\.svg)\)", text))
    assert shown == {path.name for path in (DOCS / "metrics").glob("*.svg")}
