"""The detector: its three rules, its file, and that a score depends on its own picture alone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError, WeightsError
from anyres_bench.core.geometry import Size
from anyres_bench.data.pixels import resize_uint8
from anyres_bench.data.resize import MODES
from anyres_bench.features import cnndetection
from anyres_bench.features.cnndetection import (
    MEAN,
    RESIZES,
    RULES,
    STD,
    blur,
    prepare,
    shorter_side,
)
from anyres_bench.features.extractor import FeatureExtractor, extractor_from


def picture(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    state = cnndetection.ResNet50().state_dict()
    path = tmp_path_factory.mktemp("weights") / "blur_jpg_prob0.5.pth"
    torch.save({"model": state, "optimizer": {"state": {}}, "total_steps": 7}, path)
    return path


def test_the_rules_show_what_they_say() -> None:
    wide = picture(300, 500)
    assert prepare(wide, RULES["nocrop"]).shape == (1, 3, 300, 500)
    assert prepare(wide, RULES["crop224"]).shape == (1, 3, 224, 224)
    assert prepare(wide, RULES["resize256"]).shape == (1, 3, 224, 224)
    whole, crop = (prepare(wide, RULES[rule]) for rule in ("nocrop", "crop224"))
    assert torch.equal(crop, whole[:, :, 38:262, 138:362])
    red = (float(wide[0, 0, 0]) / 255 - MEAN[0]) / STD[0]
    assert float(whole[0, 0, 0, 0]) == pytest.approx(red, rel=1e-5)


def test_a_smaller_picture_gets_a_black_frame() -> None:
    crop = prepare(picture(181, 240), RULES["crop224"])
    black = (0 - torch.tensor(MEAN)) / torch.tensor(STD)
    frame = [crop[0, :, row] for row in (20, 202)]  # 21 rows above, 22 below
    for row in frame:
        assert torch.allclose(row, black[:, None].expand(-1, 224))
    assert not torch.allclose(crop[0, :, 21], black[:, None].expand(-1, 224))
    assert not torch.allclose(crop[0, :, 201], black[:, None].expand(-1, 224))


def test_shorter_sides_and_blur() -> None:
    assert shorter_side(Size(40, 53), 32) == Size(32, 42)
    assert shorter_side(Size(53, 40), 32) == Size(42, 32)
    flat = np.full((9, 9, 3), 100, np.uint8)
    assert blur(flat, 2.0).max() <= 100  # fractions are cut off after each axis
    assert blur(picture(40, 40), 1.0).std() < picture(40, 40).std()


def test_every_resize_rule_can_be_named(weights: Path) -> None:
    assert set(RESIZES) == set(MODES)
    wide = picture(300, 500)
    usual = prepare(wide, RULES["resize256"])
    size = shorter_side(Size(300, 500), 256)
    pillow = resize_uint8(wide, size, "bilinear")[16:240, 101:325]
    mean, std = np.float32(MEAN), np.float32(STD)
    expected = torch.from_numpy((np.float32(pillow) / 255 - mean) / std).permute(2, 0, 1)
    torch.testing.assert_close(usual[0], expected)
    assert not torch.equal(prepare(wide, RULES["resize256"], "clean-lanczos"), usual)
    with pytest.raises(UsageError, match="crop224 resizes nothing"):
        extractor_from(f"cnndetection@file:{weights}+clean-lanczos")


def test_the_extractor_scores_each_picture_alone(weights: Path) -> None:
    extractor = extractor_from(f"cnndetection@file:{weights}")
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.dim == 1
    assert not extractor.is_fid
    images = torch.from_numpy(np.stack([picture(230, 230, seed) for seed in (1, 2)]))
    images = images.permute(0, 3, 1, 2)
    scores = extractor(images)
    assert scores.shape == (2, 1)
    assert scores.dtype == torch.float32
    assert torch.equal(extractor(images[1:]), scores[1:])
    assert not torch.equal(scores[0], scores[1])
    assert extractor(images[:0]).shape == (0, 1)


def test_ids_name_the_weights_and_the_rule(weights: Path) -> None:
    for rule in ("nocrop", "resize256+clean-lanczos"):
        name = extractor_from(f"cnndetection@file:{weights}+{rule}").id
        assert re.fullmatch(rf"cnndetection@sha256:[0-9a-f]{{16}}{re.escape('+' + rule)}", name)
    with pytest.raises(UnknownNameError, match="crop224"):
        extractor_from(f"cnndetection@file:{weights}+crop22")
    with pytest.raises(UsageError, match="exclude each other"):
        extractor_from(f"cnndetection@file:{weights}+prob0.1")


def test_files_that_are_none(weights: Path, tmp_path: Path) -> None:
    state = dict(torch.load(weights, weights_only=True)["model"])
    state.pop("bn1.num_batches_tracked")
    torch.save(state, tmp_path / "old.pth")  # an old file without counters, and a plain state dict
    cnndetection.CNNDetection(tmp_path / "old.pth")
    state["fc.weigth"] = state.pop("fc.weight")
    torch.save(state, tmp_path / "renamed.pth")
    with pytest.raises(CheckpointError, match=r"fc\.weight \(nearest: fc\.weigth\)"):
        cnndetection.CNNDetection(tmp_path / "renamed.pth")
    state["fc.weight"] = state.pop("fc.weigth").to(torch.int8)
    torch.save(state, tmp_path / "int8.pth")
    with pytest.raises(CheckpointError, match=r"fc\.weight: \(1, 2048\) int8 in the file"):
        cnndetection.CNNDetection(tmp_path / "int8.pth")
    (tmp_path / "noise.pth").write_bytes(b"noise")
    with pytest.raises(CheckpointError, match="this file is text"):
        cnndetection.CNNDetection(tmp_path / "noise.pth")
    with pytest.raises(WeightsError, match="No such file"):
        cnndetection.CNNDetection(tmp_path / "nowhere.pth")
