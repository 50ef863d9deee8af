"""VGG16's names and ids; its numbers are held by the golden case."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import CheckpointError, UnknownNameError, WeightsError
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.vgg16 import VGG16


def test_missing_tensors_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"features\.0\.weight"):
        VGG16({})


def test_quantised_weights_are_not_taken_for_floats() -> None:
    class Any8(dict[str, torch.Tensor]):
        def __contains__(self, name: object) -> bool:
            return True

        def __missing__(self, name: str) -> torch.Tensor:
            return torch.zeros(1, dtype=torch.int8)

    with pytest.raises(CheckpointError, match=r"features\.0\.weight is of int8, expected floats"):
        VGG16(Any8())


def test_without_weights_the_error_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"vgg16-397923af\.pth"):
        extractor_from("vgg16")
    with pytest.raises(UnknownNameError, match="fc2"):
        extractor_from("vgg16+fc3")
