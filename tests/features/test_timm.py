"""`timm:NAME`: a tiny network with weights of its own, where timm can be imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError, WeightsError
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import extractor_from
from tests.features.libraries import importable

NAME = "test_vit"


@pytest.fixture(scope="module")
def timm() -> Any:
    return importable("timm")


@pytest.fixture(scope="module")
def weights(timm: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model(NAME, pretrained=False).state_dict(), path)
    return path


@pytest.mark.slow
def test_a_file_of_weights(timm: Any, weights: Path) -> None:
    extractor = extractor_from(f"timm:{NAME}@file:{weights}")
    check_contract(extractor)
    config = timm.data.resolve_model_data_config(timm.create_model(NAME))
    side = config["input_size"][-1]
    shown = f"+bicubic-{int(side / config['crop_pct'])}crop{side}-mean0.5_0.5_0.5-std0.5_0.5_0.5"
    assert extractor.id.endswith(shown)
    assert not extractor.is_fid


@pytest.mark.slow
def test_vectors_are_those_of_timms_own_transform(timm: Any, weights: Path) -> None:
    """The eval transform that timm makes of the same configuration, on the same picture."""
    from PIL import Image

    [image] = pictures(1, (200, 261))
    network = timm.create_model(NAME, num_classes=0).eval()
    network.load_state_dict({k: v for k, v in load_file(weights).items() if "head." not in k})
    config = timm.data.resolve_model_data_config(network)
    shown = timm.data.create_transform(**config)(Image.fromarray(image.permute(1, 2, 0).numpy()))
    with torch.inference_mode():
        expected = network(shown[None])
    got = extractor_from(f"timm:{NAME}@file:{weights}")(image[None])
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_options(weights: Path) -> None:
    whole = extractor_from(f"timm:{NAME}@file:{weights}+squash")
    assert "bicubic-squash160" in whole.id
    small = extractor_from(f"timm:{NAME}@file:{weights}+64+squash")
    assert "bicubic-squash64" in small.id
    check_contract(small)


@pytest.mark.slow
def test_a_convolutional_network_takes_any_side(timm: Any, tmp_path: Path) -> None:
    """Unlike one of patches, whose code has to be told, it knows no side."""
    path = tmp_path / "resnet.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False).state_dict(), path)
    usual, small = (extractor_from(f"timm:test_resnet@file:{path}{end}") for end in ("", "+96"))
    assert "bilinear-101crop96" in small.id
    assert small.id.split("+")[0] == usual.id.split("+")[0]
    check_contract(small)


@pytest.mark.slow
def test_a_side_that_a_network_does_not_take(weights: Path) -> None:
    with pytest.raises(UsageError, match="takes no images of 97 px"):
        extractor_from(f"timm:{NAME}@file:{weights}+97")


@pytest.mark.slow
def test_what_cannot_be_had(timm: Any, weights: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        extractor_from(f"timm:test_vitt@file:{weights}")
    with pytest.raises(CheckpointError, match="does not fit timm's resnet18"):
        extractor_from(f"timm:resnet18@file:{weights}")
    quantised = {name: tensor.to(torch.int8) for name, tensor in load_file(weights).items()}
    save_file(quantised, tmp_path / "int8.safetensors")
    with pytest.raises(CheckpointError, match="int8 in the file, floats in the network"):
        extractor_from(f"timm:{NAME}@file:{tmp_path / 'int8.safetensors'}")
    with pytest.raises(UsageError, match="no option"):
        extractor_from(f"timm:{NAME}@file:{weights}+clean")
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="we are offline"):
        extractor_from(f"timm:{NAME}")
