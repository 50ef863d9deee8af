"""`open-clip:NAME`: a small network with weights of its own, where OpenCLIP can be imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from anyres_bench.core.errors import CheckpointError, UnknownNameError, WeightsError
from anyres_bench.features.contract import check_contract
from anyres_bench.features.extractor import extractor_from
from tests.features.libraries import importable

NAME = "tiny-test"
CONFIG = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import json

    open_clip = importable("open_clip")
    folder = tmp_path_factory.mktemp("clip")
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    save_file(open_clip.create_model(NAME).state_dict(), folder / "w.safetensors")
    return folder / "w.safetensors"


@pytest.mark.slow
def test_a_file_of_weights(weights: Path) -> None:
    plain, unit = (
        extractor_from(f"open-clip:{NAME}@file:{weights}{end}") for end in ("", "+normalised")
    )
    check_contract(plain, sizes=((40, 40), (52, 37)))
    assert (plain.dim, plain.is_fid) == (12, False)
    assert "+bicubic-32crop32-mean0.481" in plain.id
    pictures = torch.randint(0, 255, (2, 3, 40, 40), dtype=torch.uint8)
    lengths = unit(pictures).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(2))
    torch.testing.assert_close(unit(pictures), torch.nn.functional.normalize(plain(pictures)))


@pytest.mark.slow
def test_what_cannot_be_had(weights: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UnknownNameError, match="no network 'tiny-tset'"):
        extractor_from(f"open-clip:tiny-tset@file:{weights}")
    with pytest.raises(UnknownNameError, match="needs weights"):
        extractor_from("open-clip:ViT-B-32")
    save_file({"visual.proj": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        extractor_from(f"open-clip:{NAME}@file:{tmp_path / 'other.safetensors'}")
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="we are offline"):
        extractor_from("open-clip:ViT-B-32@hub:openai")
