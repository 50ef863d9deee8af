"""AnyRes-GAN as a generator of the benchmark."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.contract import check_contract
from anyres_bench.models.generator import Generator, MovableGenerator, check_output
from anyres_bench.models.rendering import InterpolableGenerator, StreamingGenerator
from anyres_bench.reference import layers
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.generator import AnyResGenerator, Latents, from_checkpoint
from anyres_bench.reference.options import RenderOptions
from tests.reference.networks import OFFICIAL, PANORAMA, SMALL, trained

TOLERANCE = 1e-5


def generator(config: GeneratorConfig = SMALL, **options: Any) -> AnyResGenerator:
    return AnyResGenerator(trained(config), options=RenderOptions(**options))


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) < TOLERANCE


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (SMALL, {}),
        pytest.param(SMALL, {"assembly": "overlap"}, marks=pytest.mark.slow),
        (SMALL, {"assembly": "official"}),
        pytest.param(OFFICIAL.radial(), {"psi": 0.7}, marks=pytest.mark.slow),
        (PANORAMA, {}),
        pytest.param(PANORAMA, {"assembly": "official"}, marks=pytest.mark.slow),
    ],
)
def test_contract(config: GeneratorConfig, options: dict[str, Any]) -> None:
    made = generator(config, **options)
    assert isinstance(made, Generator)
    assert isinstance(made, StreamingGenerator)
    assert isinstance(made, InterpolableGenerator)
    report = check_contract(made, Size(made.native.height + 7, 2 * made.native.height))
    if options.get("assembly") != "official":
        assert report.off_grid_max < TOLERANCE  # every region is the crop of the whole


@pytest.mark.parametrize("margin", [None, 5])
@pytest.mark.parametrize("canvas", [Size(32, 32), Size(50, 75), Size(70, 20), Size(9, 13)])
def test_any_region_is_the_crop_of_the_whole(canvas: Size, margin: int | None) -> None:
    made = generator(margin=margin, window_batch=3)
    z = made.latents([1, 2])
    whole = made.sample(z, [Region.whole(canvas)] * 2)
    check_output(made.id, whole, 2, canvas)
    for top, left, height, width in ((0, 0, 9, 13), (3, 2, 4, 7), (5, 0, 2, 13)):
        part = made.sample(z, [Region(canvas, top, left, Size(height, width))] * 2)
        assert close(part, whole[:, :, top : top + height, left : left + width])


def test_native_canvas_is_the_network_itself() -> None:
    made = generator()
    z = made.latents([4])
    assert made.native == Size(32, 32)
    image = made.sample(z, [Region.whole(made.native)])
    expected = made.network.synthesis(z.ws, None, made.network.embed_scale(None, None, 1))
    assert close(image, expected)


def test_longer_side_spans_the_picture() -> None:
    """A wide canvas shows the middle of the square canvas of its width."""
    made = generator()
    z = made.latents([4])
    square = made.sample(z, [Region.whole(Size(32, 32))])
    wide = made.sample(z, [Region.whole(Size(20, 32))])
    assert close(wide, square[:, :, 6:26])


def test_one_batch_may_hold_many_canvases() -> None:
    made = generator()
    z, size = made.latents([1, 2, 3]), Size(24, 40)
    regions = [
        Region(Size(64, 64), 1, 2, size),
        Region(Size(100, 50), 60, 3, size),
        Region(Size(24, 40), 0, 0, size),
    ]
    together = made.sample(z, regions)
    for i, region in enumerate(regions):
        assert close(made.sample(z[[i]], [region]), together[i : i + 1])


def test_an_image_depends_on_its_seed_alone() -> None:
    region = Region.whole(Size(40, 44))
    a, b = generator(window_batch=1), generator(window_batch=7)
    alone = a.sample(a.latents([5]), [region])
    together = b.sample(b.latents([1, 5, 2**63, 5]), [region] * 4)
    assert close(alone, together[1:2])
    assert close(alone, together[3:4])
    assert not close(alone, together[2:3])


@pytest.mark.parametrize("inference", [False, True])
def test_batches_side_by_side_draw_the_same(inference: bool) -> None:
    regions, before = [Region.whole(Size(40, 44))] * 5, torch.get_num_threads()
    made = generator(window_batch=2)
    z = made.latents(range(5))
    alone = torch.cat([made.sample(z[[i]], regions[:1]) for i in range(5)])
    try:
        torch.set_num_threads(4)
        with torch.inference_mode(inference):
            together = made.sample(z, regions)
            assert together.is_inference() == inference
    finally:
        torch.set_num_threads(before)
    assert close(alone, together)
    assert not together.requires_grad


@pytest.mark.slow
def test_memory_changes_no_pixel() -> None:
    canvas = Size(110, 60)
    large = generator(memory=2**28)
    small = generator(memory=3_600_000)
    region = [Region.whole(canvas)] * 2
    assert len(large.tiling.pieces(region[0])) == 1
    assert len(small.tiling.pieces(region[0])) > 4
    z = large.latents([3, 4])
    whole = large.sample(z, region)
    assert close(small.sample(z, region), whole)
    bands = list(small.bands(z[:1], canvas))
    assert len(bands) > 1
    assert close(torch.cat(bands, dim=1), whole[0])


def test_maps_that_take_turns_change_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    made, region = generator(), [Region.whole(Size(110, 60))] * 2
    z = made.latents([3, 4])
    fresh = made.sample(z, region)
    monkeypatch.setattr(layers, "LARGE", 2000)  # from the middle of the network on
    assert close(made.sample(z, region), fresh)


@pytest.mark.parametrize("config", [SMALL, OFFICIAL.radial()])
def test_the_whole_is_what_windows_show_in_their_middle(config: GeneratorConfig) -> None:
    """Away from edges the plane and a window of the network's own size see the same."""
    made, window = generator(config), Region(Size(128, 128), 48, 48, Size(32, 32))
    z, matrix = made.latents([5]), window.affine().float()[None]
    own = made.network.synthesis(z.ws, matrix, made.network.embed_scale(matrix, None, 1))
    whole = made.sample(z, [window])
    middle = (whole - own)[:, :, 12:20, 12:20]
    assert float(middle.square().mean().sqrt()) < 0.02 * float(whole.std())


def test_outside_the_canvas_it_goes_on() -> None:
    made, canvas = generator(), Size(64, 80)
    z = made.latents([6])
    around = made.sample(z, [Region(canvas, -40, -24, Size(120, 150))])
    assert close(around[:, :, 40:104, 24:104], made.sample(z, [Region.whole(canvas)]))
    far = made.sample(z, [Region(canvas, -30, 90, Size(20, 20))])
    assert close(far, around[:, :, 10:30, 114:134])


def test_bands_are_the_whole() -> None:
    made, canvas = generator(margin=4), Size(90, 41)
    z = made.latents([3])
    bands = list(made.bands(z, canvas))
    assert len(bands) == 4
    assert max(band.shape[1] for band in bands) <= 32
    whole = made.sample(z, [Region.whole(canvas)])
    assert close(torch.cat(bands, dim=1), whole[0])


def test_official_patches_are_single_windows() -> None:
    made = generator(assembly="official")
    z, region = made.latents([1]), Region(Size(90, 90), 11, 29, Size(32, 32))
    matrix = region.affine().float()[None]
    expected = made.network.synthesis(z.ws, matrix, made.network.embed_scale(matrix, None, 1))
    assert close(made.sample(z, [region]), expected)


def test_w_latents_are_taken_as_they_are() -> None:
    made = generator(psi=0.5)
    region = [Region.whole(made.native)]
    w = made.network.mapping(torch.ones(1, SMALL.z_dim))
    by_w = made.sample(w, region)
    assert close(by_w, made.sample(w[:, None].expand(-1, SMALL.n_ws, -1), region))
    assert close(by_w, made.sample(Latents(w), region))


def test_psi_truncates_and_zero_is_one_image() -> None:
    region = [Region.whole(Size(32, 32))] * 2
    mean = generator(psi=0.0)
    images = mean.sample(mean.latents([1, 2]), region)
    assert close(images[:1], images[1:])
    half = generator(psi=0.5, cutoff=8)
    full = generator()
    w, w_avg = full.latents([1]).ws, full.network.mapping.w_avg
    torch.testing.assert_close(half.latents([1]).ws[:, :8], (w[:, :8] + w_avg) / 2)
    torch.testing.assert_close(half.latents([1]).ws[:, 8:], w[:, 8:])


def test_interpolation_meets_its_ends() -> None:
    made, region = generator(), [Region.whole(Size(32, 32))]
    a, b = made.latents([1]), made.latents([2])
    for t, end in ((0.0, a), (1.0, b)):
        assert close(made.sample(made.interpolate(a, b, t), region), made.sample(end, region))
    middle = made.interpolate(a, b, 0.5).ws
    torch.testing.assert_close(middle, (a.ws + b.ws) / 2)


def test_labels_are_given_or_drawn() -> None:
    made = generator(replace(OFFICIAL, c_dim=3))
    region = [Region.whole(Size(40, 40))] * 2
    images = made.sample(made.latents([1, 1], [0, 2]), region)
    assert not close(images[:1], images[1:])
    mixed = made.interpolate(made.latents([1], [0]), made.latents([1], [2]), 0.5)
    assert mixed.labels is not None
    assert mixed.labels.tolist() == [[0.5, 0, 0.5]]
    drawn = made.latents([1, 2, 1])  # where none are given, each seed has its own
    assert drawn.labels is not None
    assert drawn.labels.sum(1).tolist() == [1, 1, 1]
    assert torch.equal(drawn.labels[0], drawn.labels[2])
    assert "+labels-uniform+" in made.id
    for labels in ([3], [-1], [0, 1]):
        with pytest.raises(UsageError, match="expected 1 from 0 to 2"):
            made.latents([1], labels)
    with pytest.raises(UsageError, match="knows no labels"):
        generator().latents([1], [0])


def test_the_id_says_what_changes_pixels() -> None:
    network = trained(SMALL)
    ids = {
        AnyResGenerator(network, options=RenderOptions(**options)).id
        for options in (
            {},
            {"psi": 0.5},
            {"psi": 0.5, "cutoff": 8},
            {"assembly": "official"},
            {"margin": 3},
        )
    }
    assert len(ids) == 5
    name = AnyResGenerator(network).id
    assert name.endswith("+psi1+float32+whole")
    overlap = RenderOptions(assembly="overlap")
    assert AnyResGenerator(network, options=overlap).id.endswith("+overlap6")
    assert AnyResGenerator(network, options=RenderOptions(memory=2**27)).id == name
    assert AnyResGenerator(trained(PANORAMA)).id.endswith("+overlap6")
    assert AnyResGenerator(network, options=RenderOptions(window_batch=9)).id == name
    assert AnyResGenerator(trained(SMALL, seed=5)).id != name
    assert AnyResGenerator(network, "mine").id.startswith("mine+")


def test_mistakes_are_named() -> None:
    made = generator()
    z, small = made.latents([1, 2]), Region(Size(64, 64), 0, 0, Size(8, 8))
    with pytest.raises(UsageError, match="2 latents for 1 regions"):
        made.sample(z, [small])
    with pytest.raises(UsageError, match="different sizes"):
        made.sample(z, [small, Region.whole(Size(64, 64))])
    with pytest.raises(UsageError, match="half precision needs a GPU"):
        generator(precision="mixed")


def checkpoint() -> Checkpoint:
    return Checkpoint("anyres-generator", asdict(SMALL), trained(SMALL).state_dict(), "unknown", {})


def test_from_checkpoint() -> None:
    made = from_checkpoint(checkpoint(), psi="0.5", margin="3")
    assert made.id == f"anyres@{checkpoint().digest[:12]}+psi0.5+float32+overlap3"
    own = generator(psi=0.5, margin=3)
    region = [Region.whole(Size(40, 33))]
    assert close(made.sample(made.latents([1]), region), own.sample(own.latents([1]), region))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"psi": "half"}, UsageError, "psi is 'half'; expected a number"),
        ({"psi": "nan"}, UsageError, "psi is 'nan'; expected a finite number"),
        ({"cutoff": "-1"}, ConfigError, "cutoff -1"),
        ({"cutoff": "8.5"}, UsageError, "cutoff is '8.5'"),
        ({"assembly": "overlp"}, UnknownNameError, "did you mean overlap"),
        ({"assembly": "whole", "margin": "3"}, ConfigError, "needs none"),
        ({"memory": "much"}, UsageError, "memory is 'much'; expected a number"),
        ({"memory": "nan"}, UsageError, "memory is 'nan'; expected a finite number"),
        ({"memory": "1e308"}, UsageError, "memory is '1e308'; expected a finite number"),
        ({"memory": "0.001"}, UsageError, "a window of 32 px takes"),
        ({"precision": "half"}, UnknownNameError, "unknown precision"),
    ],
)
def test_options_are_read_with_care(
    options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        from_checkpoint(checkpoint(), **options)


@pytest.mark.parametrize(("height", "fov"), [(32, 60), (20, 60), (75, 60), (20, 50)])
def test_panorama_edges_meet(height: int, fov: int) -> None:
    """Across the seam, neighbouring pixels differ no more than anywhere else."""
    made = generator(replace(PANORAMA, panorama_fov=fov))
    canvas = Size(height, 32 * 6)
    z = made.latents([1])
    turn = made.sample(z, [Region.whole(canvas)])
    assert turn.shape[2:] == canvas
    steps = (turn.roll(-1, dims=3) - turn).abs().mean(dim=(0, 1, 2))
    assert float(steps[-1]) < 1.5 * float(steps[:-1].max())
    assert float(steps[-1]) < 0.25 * float((turn - turn.roll(96, dims=3)).abs().mean())
    across = made.sample(z, [Region(canvas, 0, 150, Size(height, 80))])
    assert close(across, torch.cat([turn, turn], dim=3)[..., 150:230])


def test_a_turn_has_whole_columns() -> None:
    """A field of view that does not divide 360 is stretched a little, so that the turn closes."""
    assert generator(replace(PANORAMA, panorama_fov=50)).native == Size(32, 230)


def test_a_frame_of_a_panorama_is_the_network_itself() -> None:
    made = generator(PANORAMA, assembly="official")
    assert made.native == Size(32, 192)
    z = made.latents([1])
    turn = made.sample(z, [Region.whole(made.native)])
    for frame in (0, 1, 5):
        matrix = torch.eye(3)[None].clone()
        matrix[0, 0, 2] = frame
        own = made.network.synthesis(z.ws, matrix)
        assert close(turn[..., 32 * frame : 32 * frame + 32], own)


def test_moving_the_input_moves_the_canvas_under_the_window() -> None:
    made = generator()
    assert isinstance(made, MovableGenerator)
    z, side = made.latents([3, 4]), made.native.width
    matrices = torch.eye(3).repeat(2, 1, 1)
    matrices[1, :2, 2] = torch.tensor([-2.0, 3.0]) / side  # (x, y)
    regions = [Region.whole(made.native), Region(made.native, 3, -2, made.native)]
    official = generator(assembly="official")  # one window for a window
    assert close(made.sample_moved(z, matrices), official.sample(z, regions))


def test_the_input_of_a_panorama_is_not_moved() -> None:
    made = generator(PANORAMA)
    with pytest.raises(UsageError, match="panoramas"):
        made.sample_moved(made.latents([0]), torch.eye(3)[None])
