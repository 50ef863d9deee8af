"""What networks of model libraries are shown, and how they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anyres_bench.core.errors import UsageError, WeightsError
from anyres_bench.features.contract import check_contract, pictures
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.pretrained import (
    Preprocessing,
    PretrainedExtractor,
    PretrainedSpec,
    library,
    refuse_offline,
    shorter_side,
    square_side,
)

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vit.lvd142m", ("vit.lvd142m", None, None, ())),
        ("vit@hub:0a1b2c+224+squash", ("vit", None, "0a1b2c", ("224", "squash"))),
        ("vit@file:w.pth+squash", ("vit", Path("w.pth"), None, ("squash",))),
        ("ViT-L-14-336@hub:openai", ("ViT-L-14-336", None, "openai", ())),
    ],
)
def test_specs(text: str, expected) -> None:
    got = PretrainedSpec.of(ExtractorSpec.parse(f"timm:{text}"))
    assert (got.name, got.file, got.revision, got.options) == expected


@pytest.mark.parametrize("text", ["", "a/b", "vit@hub:", "vit@hub:a/b", "vit@url:x", "a b"])
def test_bad_specs(text: str) -> None:
    with pytest.raises(UsageError):
        PretrainedSpec.of(ExtractorSpec.parse(f"timm:{text}"))


def test_unknown_options_and_odd_inputs() -> None:
    with pytest.raises(UsageError, match="no option 'sqash'; known: squash"):
        PretrainedSpec.of(ExtractorSpec.parse("timm:vit+sqash")).take("squash")
    with pytest.raises(UsageError, match="only squares"):
        square_side("vit", (3, 224, 256))
    assert square_side("vit", (3, 224, 224)) == square_side("vit", 224) == 224
    assert shorter_side(224, 0.875) == 256
    with pytest.raises(UsageError, match="cannot be shown"):
        Preprocessing(8, 9, "random", MEAN, STD)
    with pytest.raises(UsageError, match="cannot be shown"):
        Preprocessing(8, 7, "bicubic", MEAN, STD)


@pytest.mark.parametrize("size", [(40, 61), (61, 40), (33, 33)])
def test_the_middle_is_cut_as_torchvision_cuts_it(size: tuple[int, int]) -> None:
    """Shorter side to 24 px, the longer one cut off to whole pixels, the middle 16 px."""
    [image] = pictures(1, size)
    got = Preprocessing(16, 24, "bicubic", MEAN, STD)(image[None])[0]
    longer = int(24 * max(size) / min(size))
    height, width = (longer, 24) if size[0] > size[1] else (24, longer)
    whole = Image.fromarray(image.permute(1, 2, 0).numpy())
    whole = whole.resize((width, height), Image.Resampling.BICUBIC)
    top, left = round((height - 16) / 2), round((width - 16) / 2)
    part = np.asarray(whole.crop((left, top, left + 16, top + 16)), np.float32) / 255
    expected = (part - np.float32(MEAN)) / np.float32(STD)
    np.testing.assert_allclose(got.permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_the_id_says_what_is_shown() -> None:
    assert Preprocessing(16, 24, "bicubic", MEAN, STD).id == (
        "bicubic-24crop16-mean0.5_0.4_0.3-std0.2_0.3_0.4"
    )
    assert Preprocessing(16, None, "bilinear", MEAN, STD).id.startswith("bilinear-squash16-")


@pytest.mark.parametrize("normalised", [False, True])
def test_extractors_keep_the_contract(normalised: bool) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 4, 4), torch.nn.Flatten())
    shown = Preprocessing(8, None, "bicubic", MEAN, STD)
    extractor = PretrainedExtractor("x:y", network, network, shown, 20, normalised=normalised)
    check_contract(extractor)
    assert extractor.id.startswith("x:y@weights:")
    lengths = extractor(pictures(3, (20, 20))).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(3)) == normalised
    with torch.no_grad():
        network[0].bias += 1
    other = PretrainedExtractor("x:y", network, network, shown, 20, normalised=normalised)
    assert other.id != extractor.id


def test_without_the_library_it_is_said_how_to_install_it(monkeypatch) -> None:
    with pytest.raises(UsageError, match=r"pip install 'anyres-bench\[features\]'"):
        library("no_such_library", "nothing")
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="@file:PATH"):
        refuse_offline("vit")
