"""What a record says of images, model and machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.metadata import (
    dataset_record,
    devices_of,
    images_record,
    size_histogram,
    versions,
)
from anyres_bench.models.controls import folder
from tests.fakes import Waves, write_dataset


def test_versions_are_of_what_numbers_depend_on() -> None:
    told = versions()
    assert told["numpy"] == np.__version__
    assert told["torch"] == torch.__version__
    assert {"anyres-bench", "python", "scipy", "pillow"} <= set(told)


def test_survivors_are_counted(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", [(64, 64), (64, 90), (20, 64)])
    record = dataset_record(dataset, dataset, protocol_from("patch32-at32"))
    assert (record.n_images, record.n_reference, record.n_survivors) == (3, 3, 2)
    assert record.digest == record.reference_digest == dataset.digest


def test_images_that_are_in_the_reference_too_are_counted(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", [(64, 64), (64, 90), (20, 64)])
    record = images_record(folder(str(dataset.folder)), dataset, protocol_from("patch32-at32"))
    assert record is not None
    assert (record.n_images, record.n_survivors, record.n_in_reference) == (3, 2, 3)
    assert images_record(Waves(), dataset, protocol_from("patch32-at32")) is None


@pytest.mark.parametrize("sides", [[32], [31, 32, 33], [64, 100, 5000], [1, 2]])
def test_a_histogram_holds_every_image(tmp_path: Path, sides: list[int]) -> None:
    images = [SimpleNamespace(size=SimpleNamespace(shorter=side)) for side in sides]
    told = size_histogram(images)  # type: ignore[arg-type]
    assert sum(told.counts) == len(sides)
    assert told.edges[0] <= min(sides)
    assert told.edges[-1] >= max(sides)


def test_devices_are_those_of_the_networks() -> None:
    assert devices_of(Waves()) == "cpu"
    network = SimpleNamespace(network=torch.nn.Linear(2, 2, device="meta"))
    assert devices_of(network) == "meta"
