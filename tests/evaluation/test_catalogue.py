"""Everything that has a name is in the catalogue, and suites are written out for a dataset."""

from __future__ import annotations

from pathlib import Path

from anyres_bench.evaluation.catalogue import catalogue, suites_of
from anyres_bench.evaluation.suites import SUITES
from anyres_bench.features.extractor import EXTRACTORS
from anyres_bench.metrics import METRICS
from tests.fakes import write_dataset


def test_every_name_is_in_it() -> None:
    words = set(catalogue().split())
    assert words >= {
        *SUITES,
        *METRICS,
        *EXTRACTORS,
        "real",
        "scenes",
        "anyres-patch{P}-min{A}max{B}",
    }


def test_suites_are_written_out_or_say_why_they_are_empty(tmp_path: Path) -> None:
    lines = suites_of(write_dataset(tmp_path / "d", [(48, 60)] * 4)).splitlines()
    assert "suite quick on tiny" in lines
    assert "  anyres-full32-noflip/frechet-ddof1" in lines
    lines = suites_of(write_dataset(tmp_path / "e", [(8, 8)] * 4)).splitlines()
    assert any(line.startswith("  nothing: ") for line in lines)
