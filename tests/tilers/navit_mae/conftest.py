"""A small masked autoencoder that its tests share."""

from __future__ import annotations

import pytest

from anyres_bench.data.token_batches import SizeSchedule
from anyres_bench.tilers.navit_mae.recipe import MaskedConfig
from anyres_bench.training.crops import CropSource
from tests.fakes import write_dataset


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> MaskedConfig:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_dataset(folder, [(40, 50), (36, 48), (20, 80), (64, 33), (9, 9)])
    return MaskedConfig(
        patch=4,
        dim=16,
        depth=1,
        heads=2,
        decoder_dim=8,
        decoder_depth=1,
        budget=96,
        schedule=SizeSchedule(((0, 16), (0.012, 32))),
        sources=(CropSource(dataset=str(folder)),),
        lr=3e-3,
    )
