"""A plot replaces plots alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.building.plot import plot
from anyres_bench.core.errors import UsageError
from tests.fakes import write_dataset


@pytest.mark.parametrize(
    "suffix",
    [".png", *(pytest.param(name, marks=pytest.mark.slow) for name in (".svg", ".pdf"))],
)
def test_a_plot_replaces_plots_alone(tmp_path: Path, suffix: str) -> None:
    records = list(write_dataset(tmp_path / "d", [(32, 40), (40, 32)]).manifest)
    path = tmp_path / f"plot{suffix}"
    for _ in range(2):
        plot(records, path)
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        plot(records, path)
    assert path.read_bytes() == b"mine"
