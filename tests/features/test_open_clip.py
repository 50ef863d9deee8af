"""`open-clip:NAME`: a small network with weights of its own, where OpenCLIP can be imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

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
def test_a_file_of_the_image_tower_alone_is_one_extractor(weights: Path, tmp_path: Path) -> None:
    """The text tower is drawn at random then, which must not reach the id."""
    whole = load_file(weights)
    save_file({k: v for k, v in whole.items() if "visual." in k}, tmp_path / "image.safetensors")
    spec = f"open-clip:{NAME}@file:{tmp_path / 'image.safetensors'}"
    first, again = extractor_from(spec), extractor_from(spec)
    assert first.id == again.id
    pictures = torch.randint(0, 255, (1, 3, 40, 40), dtype=torch.uint8)
    both = extractor_from(f"open-clip:{NAME}@file:{weights}")
    torch.testing.assert_close(first(pictures), both(pictures), rtol=0, atol=0)


@pytest.mark.slow
def test_an_image_tower_of_timm(weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As SigLIP's, MobileCLIP's and EVA's are: such a tower does not say how long its vectors are.

    Of weights drawn at random, which those of the file replace, nothing is told.
    """
    open_clip = importable("open_clip")
    vision = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"}
    config = {**CONFIG, "vision_cfg": {**vision, "image_size": 160}}
    (weights.parent / "timm-test.json").write_text(json.dumps(config))
    open_clip.add_model_config(weights.parent)
    path = weights.parent / "timm.safetensors"
    save_file(open_clip.create_model("timm-test").state_dict(), path)
    caplog.clear()
    extractor = extractor_from(f"open-clip:timm-test@file:{path}")
    check_contract(extractor, sizes=((40, 40), (52, 37)))
    assert extractor.dim == 12
    assert not caplog.records


@pytest.mark.slow
def test_what_cannot_be_had(weights: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UnknownNameError, match="no network 'tiny-tset'"):
        extractor_from(f"open-clip:tiny-tset@file:{weights}")
    with pytest.raises(UnknownNameError, match="needs weights"):
        extractor_from("open-clip:ViT-B-32")
    save_file({"visual.proj": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        extractor_from(f"open-clip:{NAME}@file:{tmp_path / 'other.safetensors'}")
    quantised = {name: tensor.to(torch.int8) for name, tensor in load_file(weights).items()}
    save_file(quantised, tmp_path / "int8.safetensors")
    with pytest.raises(CheckpointError, match=r"int8 in the file, .* floats in the network"):
        extractor_from(f"open-clip:{NAME}@file:{tmp_path / 'int8.safetensors'}")
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="we are offline"):
        extractor_from("open-clip:ViT-B-32@hub:openai")
