"""Bases enlarged: only what a window needs, the same pixels however an image is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from anyres_bench.baselines.liif.network import EDSR, LIIF
from anyres_bench.baselines.liif.upscaler import LIIFUpscaler
from anyres_bench.baselines.realesrgan import network as realesrgan
from anyres_bench.baselines.realesrgan.published import Official, run_official
from anyres_bench.baselines.realesrgan.running import Exact, Tiled
from anyres_bench.baselines.realesrgan.upscaler import RealESRGANUpscaler, from_state
from anyres_bench.core.errors import CheckpointError, GeneratorError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.pixels import to_float, to_uint8
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import Generator
from anyres_bench.models.interpolation import FILTERS, find_filter, resample, source_window
from anyres_bench.models.loading import load
from anyres_bench.models.upscaling import Filtered, Upscaled
from tests.baselines import tiny

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
    matched: bool = True
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
    assert generator.matched
    second = generator.sample(generator.latents([1]), [Region.whole(Size(60, 40))])
    pixels = Image.open(folder / "1.png").resize((40, 60), Image.Resampling.LANCZOS)
    difference = to_uint8(second[0]).permute(1, 2, 0).numpy().astype(int) - np.asarray(pixels)
    assert abs(difference).max() <= 1
    with pytest.raises(GeneratorError, match="would stretch"):
        generator.sample(generator.latents([0]), [Region.whole(Size(60, 40))])


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


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("size", [Size(64, 80), Size(23, 31), Size(10, 77), Size(11, 9)])
def test_filters_are_those_of_pillow(name: str, size: Size) -> None:
    pixels = np.random.default_rng(0).random((23, 31)).astype(np.float32)
    expected = Image.fromarray(pixels).resize((size.width, size.height), PILLOW[name])
    image, rule = Size(23, 31), find_filter(name)
    tensor = torch.from_numpy(pixels)[None, None]
    got = resample(tensor, image, Box.whole(image), Region.whole(size), rule)
    assert np.abs(got[0, 0].numpy() - np.asarray(expected)).max() < 1e-6


@pytest.mark.parametrize("name", FILTERS)
def test_a_window_of_the_source_is_enough(name: str) -> None:
    image, rule = Size(23, 31), find_filter(name)
    tensor = torch.rand(1, 2, *image, generator=torch.Generator().manual_seed(0))
    for canvas in (Size(64, 80), Size(10, 77)):
        whole = resample(tensor, image, Box.whole(image), Region.whole(canvas), rule)
        region = Region(canvas, 3, 40, Size(5, 30))
        window = source_window(image, region, rule)
        cut = tensor[:, :, window.top : window.bottom, window.left : window.right]
        part = resample(cut, image, window, region, rule)
        assert torch.allclose(part, whole[:, :, 3:8, 40:70], atol=1e-6)
        assert cut.numel() < tensor.numel()


def test_every_filter_keeps_a_constant_and_rejects_other_names() -> None:
    image = Size(9, 9)
    for name in FILTERS:
        ones = torch.ones(1, 1, *image)
        region = Region.whole(Size(20, 5))
        got = resample(ones, image, Box.whole(image), region, find_filter(name))
        assert torch.allclose(got, torch.ones_like(got), atol=1e-6)
    with pytest.raises(UnknownNameError, match="lanczos"):
        find_filter("lanczo")


# LIIF.


def published_query(network: LIIF, features: Tensor, coord: Tensor, cell: Tensor) -> Tensor:
    """Every pixel on its own: unfold, look up four times, run the whole decoder."""
    _, _, h, w = features.shape
    size = torch.tensor([h, w])
    unfolded = torch.nn.functional.unfold(features, 3, padding=1)
    preds, areas = [], []
    for y in (-1, 1):
        for x in (-1, 1):
            moved = (coord + torch.tensor([y / h, x / w]) + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
            index = (((moved + 1) * size - 1) / 2).round().long()
            offset = (coord - ((2 * index + 1) / size - 1)) * size
            found = unfolded[0, :, index[..., 0] * w + index[..., 1]].permute(1, 2, 0)
            known = torch.cat([found, offset, (cell * size).expand_as(offset)], -1)
            preds.append(network.imnet.layers(known))
            areas.append(offset.prod(-1).abs() + 1e-9)
    total = sum(areas)
    pairs = zip(preds, reversed(areas), strict=True)
    return sum(pred * (area / total)[..., None] for pred, area in pairs)


def test_liif_shares_the_first_layer_and_changes_nothing() -> None:
    network = tiny.edsr_liif()
    image = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    region = Region.whole(Size(31, 50))
    coord, cell = region.coords().float().reshape(1, -1, 2), torch.tensor(region.cell())
    whole = Box.whole(Size(12, 16))
    expected = published_query(network, network.encoder(image), coord, cell)
    got = network.render(network.encode(image, whole.size, whole), region)
    expected = expected.transpose(1, 2).reshape(1, 3, 31, 50)
    assert (got - expected).abs().max() < 1e-5
    assert got.std() > 0.01


def test_liif_reads_its_own_description(tmp_path: Path) -> None:
    file = tiny.liif_file(tmp_path)
    generator = load("liif:constant", {"weights": file})
    assert generator.id.startswith("liif-edsr@")
    content = torch.load(file, weights_only=True)
    content["model"]["args"]["encoder_spec"]["name"] = "edsr-baselin"
    with pytest.raises(CheckpointError, match="did you mean edsr-baseline"):
        load("liif:constant", {"weights": tiny.save(tmp_path / "b.pth", content)})
    with pytest.raises(CheckpointError, match="under sd or state_dict; it holds g_ema"):
        load("liif:constant", {"weights": tiny.save(tmp_path / "c.pth", {"g_ema": 1})})


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


def strong(network: nn.Module, gain: float = 2.5) -> nn.Module:
    """Weights that carry far pixels through the dense blocks."""
    for name, parameter in network.named_parameters():
        if name.startswith("body.") and parameter.ndim == 4:
            parameter.mul_(gain)
    return network


def test_exact_is_the_whole_image_and_tiles_are_bounded() -> None:
    network = strong(tiny.rrdbnet(num_block=2))
    image = torch.rand(1, 3, 45, 150, generator=torch.Generator().manual_seed(0))
    size = Size(45, 150)
    untiled = run_official(network, image, Official())
    for box in (Box.whole(size), Box(10, 60, 3, 40)):
        expected = untiled[:, :, 4 * box.top : 4 * box.bottom, 4 * box.left : 4 * box.right]
        window = Exact().window(network, size, box)
        part = image[:, :, window.top : window.bottom, window.left : window.right]
        assert (Exact()(network, part, size, window, box) - expected).abs().max() < 1e-5
        tiled, seam = Tiled(48, 24).measured(network, image, size, Box.whole(size), box)
        error = 255 * float((tiled.clamp(0, 1) - expected.clamp(0, 1)).abs().max())
        assert error <= seam + 1e-3  # the disagreement at the seams bounds the error
    official = run_official(network, image, Official(tile=48))
    assert (official - untiled).abs().max() > 10 * error / 255


def test_columns_that_disagree_are_an_error() -> None:
    network = tiny.rrdbnet(num_block=2)
    image = torch.rand(1, 3, 20, 64, generator=torch.Generator().manual_seed(0))
    whole = Box.whole(Size(20, 64))
    with pytest.raises(GeneratorError, match=r"tiled16\+1: two columns differ by .* grey levels"):
        Tiled(16, 1)(network, image, whole.size, whole, whole)


def test_exact_memory_grows_with_the_width_only() -> None:
    network = tiny.rrdbnet(num_block=1)

    def kept(height: int) -> int:
        from anyres_bench.baselines.realesrgan.running import RRDBNetRows

        run = RRDBNetRows(network, Box(0, 0, height, 8))
        for _ in range(height // 8):
            run(torch.rand(1, 3, 8, 8), last=False)
        convs = [run.first, run.conv_body, *run.ups, run.hr, run.last]
        convs += [conv for block in run.blocks for dense in block.blocks for conv in dense.convs]
        return sum(conv.kept.numel() for conv in convs) + run.waiting.rows.numel()

    assert kept(64) == kept(256)


def test_the_official_tool_refuses_what_would_go_wrong() -> None:
    image = torch.rand(1, 3, 20, 20)
    with pytest.raises(UsageError, match="multiples of 2"):
        run_official(tiny.rrdbnet(2), image, Official(tile=7))
    with pytest.raises(UsageError, match="too small to be reflected"):
        run_official(tiny.compact(), image, Official(pre_pad=20))


@pytest.mark.parametrize("network", ["x4", "x2", "x1", "compact"])
def test_networks_are_recognised_by_their_files(network: str, tmp_path: Path) -> None:
    made = UPSCALERS[network][0].network
    file = tiny.realesrgan_file(tmp_path, made)
    generator = load("realesrgan:constant", {"weights": file, "mode": "tiled32+8"})
    assert generator.id.startswith(f"realesrgan-x{made.scale}@")
    assert "+tiled32+8+lanczos4(constant:128;u8)" in generator.id
    again = generator.upscaler.network
    assert type(again) is type(made)
    assert torch.equal(again(torch.ones(1, 3, 8, 8)), made(torch.ones(1, 3, 8, 8)))


def test_files_and_modes_that_are_none() -> None:
    with pytest.raises(CheckpointError, match="neither an RRDBNet"):
        from_state({"x": torch.zeros(1)}, "x.pth")
    state = tiny.rrdbnet().state_dict()
    state["body.0.rdb2.conv6.weight"] = state.pop("body.0.rdb2.conv5.weight")
    with pytest.raises(CheckpointError, match=r"conv5\.weight \(nearest: body\.0\.rdb2\.conv6"):
        from_state(state, "x.pth")
    with pytest.raises(UsageError, match="mode 'exakt' is not exact, tiled"):
        load("realesrgan:constant", {"mode": "exakt", "weights": "x"})


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    network = realesrgan.UNetDiscriminatorSN(num_feat=4).train()
    image = torch.rand(1, 3, 16, 16)
    for _ in range(200):
        logits = network(image)
    assert logits.shape == (1, 1, 16, 16)
    conv = network.conv3
    matrix = conv.weight_orig.detach().flatten(1)
    sigma = conv.weight_u @ matrix @ conv.weight_v
    assert float(sigma) == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=1e-2)
    assert {"conv1.weight_orig", "conv1.weight_u", "conv1.weight_v"} <= set(network.state_dict())
