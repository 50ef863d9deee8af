"""What is written of a dataset's reference images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.data.splits import halves
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.statistics_export import as_task, export_statistics
from anyres_bench.features.reference_files import read_reference
from tests.fakes import write_dataset

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(8)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES)


def test_a_file_says_what_it_is_of(dataset, tmp_path: Path) -> None:
    origin, gaussian = export_statistics(
        dataset, Request((as_task("anyres-full40"),)), tmp_path / "a.npz"
    )
    found = read_reference(tmp_path / "a.npz")
    assert found.origin == origin
    np.testing.assert_array_equal(found.gaussian.covariance, gaussian.covariance)
    half, _ = halves(dataset)
    assert (origin.part, origin.protocol, origin.seed) == ("tiny:half", "anyres-full40", 0)
    assert origin.dataset.reference_digest == half.digest
    assert gaussian.n == 2 * len(half.manifest)
    assert {"pillow", "libjpeg", "torch"} <= origin.versions.keys()


def test_protocols_stand_for_tasks() -> None:
    assert as_task("anyres-full40") == "anyres-full40/frechet"
    assert as_task("tiny/anyres-full40/kid") == "tiny/anyres-full40/kid"
    assert as_task("fid-full256") == "fid-full256"


def test_one_task_and_a_known_ending(dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a file is of one"):
        export_statistics(dataset, Request(("quick",)), tmp_path / "a.npz")
    with pytest.raises(UsageError, match="ends in"):
        export_statistics(dataset, Request(("anyres-full40/frechet",)), tmp_path / "a.pt")
