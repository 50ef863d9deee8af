"""Every baseline keeps the contract of a generator, from a file in the official layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.anycost.generator import AnycostRenderer
from anyres_bench.baselines.anycost.network import Generator as AnycostGenerator
from anyres_bench.baselines.mspe.generator import MSPERenderer
from anyres_bench.baselines.mspe.network import Generator as MSPEGenerator
from anyres_bench.core.errors import (
    CheckpointError,
    GeneratorError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import check_contract
from anyres_bench.models.fixed_sizes import FixedSizes
from anyres_bench.models.generator import Generator
from anyres_bench.models.loading import load
from tests.baselines import tiny


def render(generator: Generator, seed: int, region: Region) -> torch.Tensor:
    return generator.sample(generator.latents([seed]), [region])


def mspe_generator(target: Size | None = None) -> FixedSizes:
    network = tiny.seeded(MSPEGenerator, tiny.mspe_config())
    return FixedSizes(MSPERenderer(network, "f@test", target), exact=target is not None)


def test_anycost_keeps_the_contract_at_and_between_its_sizes(tmp_path: Path) -> None:
    file = tiny.anycost_file(tmp_path)
    generator = load("anycost", {"weights": file, "psi": "0.7"})
    assert generator.native == Size(32, 32)
    assert generator.canvases == "any"
    assert generator.id.endswith("+ch1+psi0.7+resized-lanczos")
    for canvas in (Size(32, 32), Size(24, 24), Size(48, 48)):
        assert check_contract(generator, canvas).off_grid_max < 1e-5


def test_a_sub_generator_is_a_model_of_its_own(tmp_path: Path) -> None:
    file = tiny.anycost_file(tmp_path)
    half, full = (load(f"anycost:{sub}@32", {"weights": file}) for sub in ("ch0.5", "ch1"))
    assert half.canvases == (Size(32, 32),)
    assert "+ch0.5+at32" in half.id
    assert half.id != full.id
    check_contract(half)
    whole = Region.whole(Size(32, 32))
    assert not torch.equal(render(half, 1, whole), render(full, 1, whole))
    with pytest.raises(GeneratorError, match="makes 32x32; it cannot make 16x16"):
        render(half, 1, Region.whole(Size(16, 16)))


def test_a_stopped_generator_gives_the_skip_image_of_the_full_one() -> None:
    network = tiny.anycost_generator()
    renderer = AnycostRenderer(network, "test")
    latent = renderer.latent(5)
    noise = [torch.randn(1, 1, side, side) for side in network.noise_sides]
    images = network(network.styles(latent.w), noise)
    stopped = network(network.styles(latent.w), noise, target=16)
    assert [image.shape[-1] for image in images] == [4, 8, 16, 32]
    assert torch.equal(stopped[-1], images[2])


@pytest.mark.parametrize("rest", ["ch0.3", "0.5", "ch0.5@", "@48", "@4"])
def test_anycost_refuses_what_it_was_not_trained_for(rest: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load(f"anycost:{rest}", {"weights": tiny.anycost_file(tmp_path)})


def test_anycost_makes_squares_only(tmp_path: Path) -> None:
    generator = load("anycost", {"weights": tiny.anycost_file(tmp_path)})
    with pytest.raises(GeneratorError, match="canvases of 32:32; it cannot make 32x64"):
        render(generator, 1, Region.whole(Size(32, 64)))


def test_costs_are_those_of_the_modules() -> None:
    network = AnycostGenerator(256, style_dim=16, n_mlp=2, channel_multiplier=0.5, channel_max=64)
    renderer = AnycostRenderer(network, "test")
    cost = renderer.cost(Size(256, 256))
    assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    last = cost.macs - renderer.cost(Size(128, 128)).macs
    up, plain = 64 * (9 * 32 * 128**2 + 16), 32 * (9 * 32 * 256**2 + 16)
    by_hand = up + plain + 32 * (3 * 256**2 + 16)
    assert last == by_hand
    half = AnycostRenderer(network, "test", ratio=0.5)
    assert half.cost(Size(256, 256)).macs < cost.macs / 2


def test_mspe_keeps_the_contract_and_turns_its_colours() -> None:
    generator = mspe_generator()
    assert generator.renderer.sizes == (Size(8, 8), Size(12, 12), Size(16, 16))
    check_contract(generator, Size(10, 10))
    network, latent = generator.renderer.network, generator.renderer.latent(3)
    noise = [torch.zeros(1, 1, *size) for size in network.noise_sizes()]
    for parameter in network.named_parameters():
        if "noise_injector" in parameter[0]:
            parameter[1].zero_()
    bgr = network(network.styles(latent.w), noise)
    rgb = generator.sample([latent], [Region.whole(Size(8, 8))])
    assert torch.equal(rgb[:, 0], bgr[:, 2])
    assert torch.equal(rgb[:, 2], bgr[:, 0])


def test_mspe_makes_rectangles_by_a_larger_head() -> None:
    generator = mspe_generator(Size(8, 20))
    check_contract(generator)
    assert generator.id.endswith("at8x20")


def test_mspe_reads_the_averaged_generator_of_an_official_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anyres_bench.baselines.mspe import network as mspe

    monkeypatch.setitem(mspe.CONFIGS, "tiny", tiny.mspe_config())
    network = tiny.seeded(MSPEGenerator, tiny.mspe_config())
    state = {f"generator_ema.{name}": value for name, value in network.state_dict().items()}
    other = {f"generator.{name}": value * 0 for name, value in network.state_dict().items()}
    file = tiny.save(
        tmp_path / "mspie.pth",
        {
            "meta": {"mmgen_version": "0.1"},
            "state_dict": {**other, **state, "loss.x": torch.ones(1)},
        },
    )
    generator = load("mspe:tiny", {"weights": file})
    same = render(mspe_generator(), 2, Region.whole(Size(12, 12)))
    assert torch.equal(render(generator, 2, Region.whole(Size(12, 12))), same)
    with pytest.raises(UsageError, match="multiples of 2 from 8 px, not 15x15"):
        load("mspe:tiny@15", {"weights": file})
    with pytest.raises(UnknownNameError, match="no MS-PE configuration 'z'"):
        load("mspe:z", {"weights": file})
    with pytest.raises(CheckpointError, match=r"unexpected:\n +head_pos_enc"):
        load("mspe:c", {"weights": file})


def test_infinitygan_is_the_same_bit_for_bit_however_it_is_cut(tmp_path: Path) -> None:
    generator = load("infinitygan", {"weights": tiny.infinity_file(tmp_path)})
    canvas = Size(70, 130)
    whole = render(generator, 9, Region.whole(canvas))
    for top, left, height, width in [(0, 0, 70, 1), (23, 50, 1, 60), (40, 101, 30, 29)]:
        part = render(generator, 9, Region(canvas, top, left, Size(height, width)))
        assert torch.equal(part, whole[:, :, top : top + height, left : left + width])
    assert check_contract(generator, canvas).off_grid_max == 0
    with pytest.raises(GeneratorError, match="is not inside 70x130"):
        render(generator, 9, Region(canvas, 60, 0, Size(20, 20)))


def test_infinitygan_patches_are_one_synthesis(tmp_path: Path) -> None:
    from anyres_bench.baselines.infinitygan.generator import LATENT_BLOCK
    from anyres_bench.core.geometry import Box
    from anyres_bench.models.noise import latent_vector, normal_field

    network = tiny.infinity()
    generator = load("infinitygan", {"weights": tiny.infinity_file(tmp_path)})
    s = 21
    made = network.architecture.layer_sizes(s)
    side = s + 2 * network.architecture.halo
    box = Box(0, 0, side, side)
    z = latent_vector(4, 8)
    noise = [normal_field(4, i, Box(0, 0, side, side)) for i, side in enumerate(made)]
    local = normal_field(4, "local", box, 4, LATENT_BLOCK)
    coords = network.architecture.coordinates(box.height, box)
    at_once = network(z, network.styles(z), local, coords, noise)
    patched = render(generator, 4, Region.whole(Size(made[-1], made[-1])))
    assert (at_once - patched).abs().max() < 1e-5


def test_wrong_names_are_listed_with_the_nearest(tmp_path: Path) -> None:
    state = tiny.anycost_generator().state_dict()
    state["conv1.conv.weights"] = state.pop("conv1.conv.weight")
    file = tiny.save(tmp_path / "renamed.pt", {"g_ema": state})
    with pytest.raises(
        CheckpointError, match=r"conv1\.conv\.weight \(nearest: conv1\.conv\.weights"
    ):
        load("anycost", {"weights": file})
    infinity = tiny.infinity().state_dict()
    del infinity["texture_synthesizer.convs.1.noise.weight"]
    file = tiny.save(tmp_path / "short.pt", {"g_ema": infinity})
    with pytest.raises(CheckpointError, match=r"1 missing:\n +texture_synthesizer.convs.1.noise"):
        load("infinitygan", {"weights": file})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"g": 3}, "no network under g_ema; it holds g"),
        ([torch.zeros(1)], "it holds a list"),
        ({"g_ema": {"x": torch.zeros(1)}}, "not the state of an Anycost-GAN generator"),
    ],
)
def test_files_of_something_else_are_named(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load("anycost", {"weights": tiny.save(tmp_path / "x.pt", content)})


def test_weights_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(
        WeightsError, match=r"(?s)hanlab18.mit.edu.*generator_anycost-ffhq-config-f"
    ):
        load("anycost")
    with pytest.raises(UsageError, match=r"no file 'nowhere\.pt'"):
        load("anycost", {"weights": "nowhere.pt"})


def test_stock_mspe_is_stylegan2_as_anycost_has_it() -> None:
    """Configuration a differs from Anycost's network in names alone (golden cases lack it)."""
    from anyres_bench.baselines.mspe.network import Config

    ours = tiny.seeded(MSPEGenerator, Config(out_size=8, style_channels=8, num_mlps=1))
    renamed = {}
    for name, value in ours.state_dict().items():
        for old, new in [
            ("style_mapping", "style"),
            ("constant_input", "input"),
            ("injected_noise", "noises.noise"),
            ("noise_injector", "noise"),
            ("style_modulation", "modulation"),
            (".linear.weight_orig", ".weight"),
            ("weight_orig", "weight"),
        ]:
            name = name.replace(old, new)
        renamed[name] = value
    other = AnycostGenerator(8, style_dim=8, n_mlp=1).eval().requires_grad_(False)
    other.load_state_dict(renamed, strict=True)
    w = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    expected = other(other.styles(w), other.buffered_noise())[-1]
    assert torch.allclose(ours(ours.styles(w), ours.buffered_noise()), expected, atol=1e-5)
