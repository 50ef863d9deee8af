"""Bases enlarged: only what a window needs, the same pixels however an image is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from anyres_bench.baselines.liif.network import EDSR
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.baselines.realesrgan.published import Official
from anyres_bench.baselines.realesrgan.running import Exact, Tiled
from anyres_bench.baselines.realesrgan.upscaler import RealESRGANUpscaler
from anyres_bench.core.errors import GeneratorError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import to_float, to_uint8
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import FiniteGenerator, Generator
from anyres_bench.models.loading import load
from anyres_bench.models.upscaling import Filtered, Upscaled
from tests.baselines import tiny
from tests.fakes import Broken

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass
class Base:
    """Smooth images of any size that remember which windows were asked for."""

    native: Size = field(default_factory=lambda: Size(24, 24))
    canvases: object = "any"
    id: str = "base"
    asked: list[Region] = field(default_factory=list)

    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> list[int]:
        return [seed % 97 for seed in seeds]

    def sample(self, z: list[int], regions: Sequence[Region]) -> Tensor:
        self.asked += regions
        images = []
        for seed, region in zip(z, regions, strict=True):
            y, x = region.coords().unbind(-1)
            phases = torch.arange(3)[:, None, None] + seed
            images.append(torch.sin(5 * y + 3 * x * y + phases) * torch.cos(7 * x - phases))
        return torch.stack(images).float()


def upscalers() -> Iterator[tuple[str, object, float]]:
    """(name, upscaler, largest difference of a window from the crop of the whole)."""
    for name in PILLOW:
        yield name, Filtered(name), 1e-6
    yield "liif", LIIFUpscaler(tiny.edsr_liif(), "test"), 1e-5
    for scale in (4, 2, 1):
        yield f"x{scale}", RealESRGANUpscaler(tiny.rrdbnet(scale), "test", Exact()), 1e-5
    yield "compact", RealESRGANUpscaler(tiny.compact(), "test", Exact()), 1e-5
    yield "tiled", RealESRGANUpscaler(tiny.compact(), "test", Tiled(16, 8)), 1e-5
    yield "official", RealESRGANUpscaler(tiny.compact(), "test", Official(16, 4, 3)), 1e-5


UPSCALERS = {name: (upscaler, off) for name, upscaler, off in upscalers()}


@pytest.mark.parametrize("name", UPSCALERS)
def test_every_upscaler_keeps_the_contract(name: str) -> None:
    upscaler, off = UPSCALERS[name]
    # where the enlarged image is stored before it is resized, one level may be rounded to the next
    rounded = 2 / 255 * 1.5 if isinstance(upscaler, RealESRGANUpscaler) else off
    for canvas in (Size(48, 48), Size(60, 60)):
        report = check_contract(Upscaled(Base(), upscaler), canvas, tolerance=rounded)
        assert report.off_grid_max <= rounded


@pytest.mark.parametrize("name", ["lanczos", "liif", "compact"])
def test_only_what_a_window_needs_is_made(name: str) -> None:
    upscaler, _ = UPSCALERS[name]
    base = Base(native=Size(64, 64))
    generator = Upscaled(base, upscaler)
    generator.sample(generator.latents([1]), [Region(Size(128, 128), 50, 8, Size(16, 20))])
    [asked] = base.asked
    assert asked.canvas == Size(64, 64)
    reach = {"lanczos": 3, "liif": 6, "compact": 5}[name]
    assert asked.top >= 25 - reach - 1
    assert asked.size.height <= 8 + 2 * reach + 2
    assert asked.left == 0  # the border is nearer than the reach
    assert asked.size.width <= 14 + reach + 2


def test_the_base_is_stored_in_8_bits_and_the_id_says_so(tmp_path: Path) -> None:
    stored, exact = (Upscaled(Base(), Filtered("bicubic"), q) for q in (True, False))
    assert (stored.id, exact.id) == ("bicubic(base;u8)", "bicubic(base;f32)")
    region = Region.whole(Size(24, 24))
    image = exact.sample([[5]], [region])
    assert torch.equal(stored.sample([[5]], [region]), to_float(to_uint8(image)))
    assert not torch.equal(stored.sample([[5]], [region]), image)


def test_canvases_have_the_aspect_of_the_base(tmp_path: Path) -> None:
    square = Upscaled(Base(canvases=(Size(16, 16), Size(24, 24))), Filtered("lanczos"))
    assert square.base_size([0], Size(300, 300)) == Size(24, 24)
    with pytest.raises(GeneratorError, match=r"300x400 would stretch .* 24x24, 16x16"):
        square.base_size([0], Size(300, 400))
    assert Upscaled(Base(), Filtered("lanczos")).base_size([0], Size(300, 400)) == Size(24, 32)


def test_a_folder_of_images_is_a_base(tmp_path: Path) -> None:
    folder = tiny.write_images(tmp_path / "images", (20, 20), (30, 20))
    generator = load(f"lanczos:folder:{folder}")
    assert generator.id.startswith("lanczos(folder:images@")
    second = generator.sample(generator.latents([1]), [Region.whole(Size(60, 40))])
    pixels = Image.open(folder / "1.png").resize((40, 60), Image.Resampling.LANCZOS)
    difference = to_uint8(second[0]).permute(1, 2, 0).numpy().astype(int) - np.asarray(pixels)
    assert abs(difference).max() <= 1
    with pytest.raises(GeneratorError, match="would stretch"):
        generator.sample(generator.latents([0]), [Region.whole(Size(60, 40))])
    assert isinstance(generator, FiniteGenerator)
    assert generator.n_pictures == 2
    twice = load(f"bicubic:lanczos:folder:{folder}")
    assert isinstance(twice, FiniteGenerator)
    assert twice.n_pictures == 2
    assert not isinstance(load("lanczos:scenes"), FiniteGenerator)


def test_bases_are_named_in_the_spec(tmp_path: Path) -> None:
    files = {"weights": tiny.liif_file(tmp_path)}
    with pytest.raises(UsageError, match=r"liif:BASE, such as liif:folder:PATH"):
        load("liif", files)
    with pytest.raises(UsageError, match=r"base 'u16'"):
        load("lanczos:constant", {"base": "u16"})
    with pytest.raises(UnknownNameError):
        load("liif:nothing-like-this", files)
    generator = load("liif:constant:200", {**files, "base": "f32"})
    assert generator.id.endswith("(constant:200;f32)")


@pytest.mark.parametrize("name", ["liif", "x4", "compact", "tiled", "lanczos"])
def test_bands_are_the_whole(name: str) -> None:
    upscaler, _ = UPSCALERS[name]
    generator: Generator = Upscaled(Base(), upscaler)
    z = generator.latents([4])
    for canvas in (Size(96, 96), Size(100, 100)):
        whole = generator.sample(z, [Region.whole(canvas)])[0]
        bands = torch.cat(list(generator.bands(z, canvas)), 1)
        assert (bands - whole).abs().max() <= 2 / 255 * 1.5


# Plain filters.


# LIIF.


def test_receptive_fields_are_not_too_small() -> None:
    torch.manual_seed(0)
    encoder = tiny.randomise(EDSR(2, 4))
    image = torch.rand(1, 3, 1, 41)
    changed = image.clone()
    changed[..., 20] += 1
    reached = (encoder(image) - encoder(changed)).abs().amax((0, 1, 2)).nonzero().flatten()
    assert reached.min() == 20 - encoder.radius
    assert reached.max() == 20 + encoder.radius


# Real-ESRGAN.


@pytest.mark.parametrize(
    ("how", "message"),
    [("bytes", r"looks like \[0, 255\]"), ("shape", "shape"), ("nan", "NaN or infinite")],
)
def test_a_base_that_breaks_its_contract_is_named(how: str, message: str) -> None:
    """Rounding to 8 bits would cut [0, 255] off to white, which no later check can tell."""
    model = Upscaled(Broken(how), Filtered("nearest"))
    with pytest.raises(GeneratorError, match=f"broken:{how} .*{message}"):
        model.sample(model.latents([0]), [Region.whole(Size(96, 96))])
