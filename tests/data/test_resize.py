"""Resizing to a network's input: clean-fid's numbers, named rules, and no effect of the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cleanfid.resize import make_resizer
from torch.nn import functional

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import MODES, _pil_float_in_two, resize

SHAPES = [(37, 53), (301, 299), (299, 299), (150, 611), (1, 1), (2, 5), (700, 460)]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def ours(pixels: np.ndarray, size: Size, mode: str) -> np.ndarray:
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    return resize(images, size, mode)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos", "box", "nearest"])
def test_clean_is_cleanfids(shape: tuple[int, int], name: str) -> None:
    pixels = noise(*shape)
    mode = "clean" if name == "bicubic" else f"clean-{name}"
    for size in (Size(299, 299), Size(32, 64), Size(400, 11)):
        expected = make_resizer("PIL", False, name, (size.width, size.height))(pixels)
        got = ours(pixels, size, mode)
        assert got.dtype == np.float32
        assert np.abs(got - expected).max() <= 1e-3


def test_clean_holds_for_strong_shrinking() -> None:
    pixels = noise(2100, 1900)
    expected = make_resizer("PIL", False, "bicubic", (7, 16))(pixels)
    assert np.abs(ours(pixels, Size(16, 7), "clean") - expected).max() <= 1e-3


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos", "box", "nearest"])
def test_quantised_is_cleanfids_exactly(name: str) -> None:
    pixels = noise(150, 211)
    expected = make_resizer("PIL", True, name, (64, 32))(pixels)
    np.testing.assert_array_equal(ours(pixels, Size(32, 64), f"quantised-{name}"), expected)


def test_clean_and_quantised_differ() -> None:
    pixels = noise(150, 211)
    difference = ours(pixels, Size(64, 64), "clean") - ours(
        pixels, Size(64, 64), "quantised-bicubic"
    )
    assert 0.1 < np.sqrt((difference**2).mean()) < 1


def test_legacy_pytorch_is_cleanfids() -> None:
    for shape in SHAPES:
        expected = make_resizer("PyTorch", False, "bilinear", (299, 299))(noise(*shape))
        np.testing.assert_allclose(
            ours(noise(*shape), Size(299, 299), "legacy_pytorch"), expected, atol=1e-4
        )


def test_legacy_tensorflow_by_hand() -> None:
    # 2 -> 4: output i looks at i / 2, so 0, 0.5, 1, 1.5; beyond the last pixel nothing changes.
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 1], pixels[1, 0], pixels[1, 1] = 40, 100, 240
    got = ours(pixels, Size(4, 4), "legacy_tensorflow")[..., 0]
    expected = [[0, 20, 40, 40], [50, 95, 140, 140], [100, 170, 240, 240], [100, 170, 240, 240]]
    np.testing.assert_array_equal(got, expected)
    # 4 -> 2 takes every other pixel: nothing is averaged.
    pixels = noise(4, 4)
    np.testing.assert_array_equal(ours(pixels, Size(2, 2), "legacy_tensorflow"), pixels[::2, ::2])


@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
def test_torch_antialias_is_torchs_and_not_clipped(name: str) -> None:
    pixels = noise(60, 90) // 128 * 255
    got = ours(pixels, Size(80, 100), f"torch-{name}-antialias")
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    (expected,) = functional.interpolate(
        batch, (80, 100), mode=name, align_corners=False, antialias=True
    )
    np.testing.assert_array_equal(got, expected.permute(1, 2, 0).numpy())
    assert (got.min() < 0) == (name == "bicubic")


@pytest.mark.parametrize("mode", sorted(MODES))
def test_the_batch_and_the_memory_layout_change_no_bit(mode: str) -> None:
    images = torch.from_numpy(np.stack([noise(70, 45, seed=i) for i in range(5)]))
    images = images.permute(0, 3, 1, 2)
    together = resize(images, Size(31, 64), mode)
    assert together.shape == (5, 3, 31, 64)
    for i in range(5):
        assert torch.equal(
            resize(images[i : i + 1].contiguous(), Size(31, 64), mode)[0], together[i]
        )


@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_batch_at_once_is_the_images_one_by_one(mode: str) -> None:
    """As a GPU is given them."""
    images = torch.from_numpy(np.stack([noise(70, 45, seed=i) for i in range(5)]))
    images = images.permute(0, 3, 1, 2).contiguous()
    assert torch.equal(MODES[mode](images, Size(31, 64)), resize(images, Size(31, 64), mode))


@pytest.mark.parametrize("mode", ["clean", "clean-bilinear", "clean-lanczos", "clean-box"])
def test_products_of_a_gpu_give_the_same_pixels(mode: str) -> None:
    images = torch.from_numpy(np.stack([noise(70, 45, seed=i) for i in range(5)]))
    images = images.permute(0, 3, 1, 2).contiguous()
    filter_name = mode.removeprefix("clean").lstrip("-") or "bicubic"
    together = _pil_float_in_two(images, Size(31, 65), filter_name)
    assert together.is_contiguous()
    torch.testing.assert_close(together, resize(images, Size(31, 65), mode), atol=1e-4, rtol=0)
    for i in range(5):
        alone = _pil_float_in_two(images[i : i + 1], Size(31, 65), filter_name)
        assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("mode", sorted(MODES))
def test_constants_stay_and_the_same_size_is_the_identity(mode: str) -> None:
    images = torch.full((1, 3, 33, 50), 77, dtype=torch.uint8)
    torch.testing.assert_close(
        resize(images, Size(20, 99), mode), torch.full((1, 3, 20, 99), 77.0), atol=1e-3, rtol=0
    )
    images = torch.from_numpy(noise(33, 50)).permute(2, 0, 1)[None]
    torch.testing.assert_close(
        resize(images, Size(33, 50), mode), images.float(), atol=1e-4, rtol=0
    )


def test_no_images_give_no_images() -> None:
    assert resize(torch.empty((0, 3, 9, 9), dtype=torch.uint8), Size(4, 5)).shape == (0, 3, 4, 5)


def test_bad_calls() -> None:
    images = torch.zeros((1, 3, 8, 8), dtype=torch.uint8)
    with pytest.raises(UnknownNameError, match="legacy_pytorch"):
        resize(images, Size(4, 4), "legacy-pytorch")
    for bad in (images.float(), images[0], images[:, :1]):
        with pytest.raises(UsageError, match="to_uint8"):
            resize(bad, Size(4, 4))
