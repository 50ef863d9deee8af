"""Documents that were changed by hand are kept."""

from __future__ import annotations

from pathlib import Path

from anyres_bench.building.pipeline import Order, build
from tests.building.builds import ENGINE, HEADER
from tests.building.rogues import given


def test_documents_that_were_edited_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    order = Order(given("1", "2"), out, "g", HEADER)
    build(order, ENGINE)
    (out / "README.md").write_text("my own words")
    (out / "ATTRIBUTION.csv").unlink()
    (out / "notes.md").write_text("mine")
    again = build(order, ENGINE)
    (kept,) = out.glob("README.kept-*.md")
    assert kept.read_text() == "my own words"
    assert f"it is kept as {kept.name}" in again.notes[0]
    assert again.dataset.digest in (out / "README.md").read_text()
    assert (out / "ATTRIBUTION.csv").exists()
    assert (out / "notes.md").read_text() == "mine"
    assert not build(order, ENGINE).notes
    assert list(out.glob("*.kept-*")) == [kept]
