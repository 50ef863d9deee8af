"""Golden cases of the AnyRes-GAN reference: dispatch on the `kind` of each file."""

from __future__ import annotations

import functools
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.reading import view_pixels
from anyres_bench.data.views import ImageView, Patch, View
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.models.checkpoint import read_official_pickle
from anyres_bench.models.fitting import load_strict
from anyres_bench.models.resample import (
    Padding,
    downsample2d,
    filter2d,
    upfirdn2d,
    upsample2d,
)
from anyres_bench.models.warp import affine_resample, plane_filter
from anyres_bench.reference.activation import FilteredLRelu, filtered_lrelu
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig
from anyres_bench.reference.discriminator import AnyResDiscriminator, minibatch_deviation
from anyres_bench.reference.filters import Lowpass, normalized_kernel
from anyres_bench.reference.generator import AnyResGenerator, Latents
from anyres_bench.reference.inputs import PanoramaInput
from anyres_bench.reference.layers import Modulation, modulated_conv2d
from anyres_bench.reference.mapping import OfficialScaleMapping
from anyres_bench.reference.network import GeneratorNetwork
from anyres_bench.reference.options import RenderOptions
from anyres_bench.reference.panorama import spliced_image, turn_by
from anyres_bench.reference.patches import Tiling
from anyres_bench.training.losses import fade_blur, r1_penalty
from tests.golden import Case, Check

Outputs = Iterator[tuple[str, Any]]


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    """Every output that the file lists; one that is not computed fails."""
    with torch.no_grad():
        if case.meta["kind"] == "snapshot_pickle":
            yield "", list(_snapshot(case))
            return
        got = dict(_RUNNERS[case.meta["kind"]](case))
    yield "", [_check(case, name, stated, got) for name, stated in case.meta["outputs"].items()]


def _check(case: Case, name: str, stated: dict[str, Any], got: dict[str, Any]) -> Check:
    if name not in got:
        return Check(name, "not computed", "computed")
    return Check(name, got[name], case.arrays[f"out.{name}"], atol=stated["atol"])


def _inputs(case: Case, *names: str) -> list[Tensor]:
    return [torch.from_numpy(case.arrays[f"in.{name}"]) for name in names]


def _filled(network: nn.Module, listed: dict[str, Any]) -> Any:
    """Fill a network by name; its tensors must be exactly those that the file lists."""
    entries, fixed = listed["entries"], listed["structural_not_filled"]
    wanted = {name: list(shape) for name, shape, *_ in [*entries, *fixed]}
    state = network.state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == wanted
    for name, shape, mean, std in entries:
        draws = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        value = np.asarray(mean + std * draws.standard_normal(shape))
        state[name] = torch.from_numpy(value).float()
    network.load_state_dict(state)
    return network.eval()


def _generator_network(case: Case) -> GeneratorNetwork:
    config = GeneratorConfig.from_official(case.meta["config"]["generator"])
    network: GeneratorNetwork = _filled(GeneratorNetwork(config), case.meta["weights"]["G"])
    return network


def _generator(case: Case) -> Outputs:
    config, network = case.meta["config"], _generator_network(case)
    for name, value in network.named_buffers():
        yield f"buffer.{name}", value
    [z] = _inputs(case, "z")
    c = _inputs(case, "c")[0] if "in.c" in case.arrays else None
    w = network.mapping(z, c)
    ws = w[:, None].expand(-1, network.config.n_ws, -1)
    psi, cutoff = config["psi"], config["cutoff"]
    yield "ws", w
    yield "ws_trunc_all", network.mapping.truncate(ws, psi)
    yield "ws_trunc_cut", network.mapping.truncate(ws, psi, cutoff)
    with _Probes(network.synthesis) as probes:
        yield "img_identity", network(z, c)
    yield from probes.outputs("probe.identity")
    yield "img_trunc", network(z, c, psi=psi, cutoff=cutoff)
    if "in.transforms" in case.arrays:
        [transforms] = _inputs(case, "transforms")
        w = w if len(w) >= len(transforms) else w[:1].expand(len(transforms), -1)
        yield from _patches(network, w[: len(transforms)], transforms)


def _patches(network: GeneratorNetwork, w: Tensor, transforms: Tensor) -> Outputs:
    yield "input_features_patches", network.synthesis.input(w, transforms)[:, :3]
    scale_w = network.embed_scale(transforms, None, len(w))
    with _Probes(network.synthesis) as probes:
        yield "img_patches", network.synthesis(w, transforms, scale_w)
    yield from probes.outputs("probe.patch0")
    if isinstance(network.scale_mapping, OfficialScaleMapping):
        yield "mapped_scale", scale_w
        yield "scale_normalized", network.scale_mapping.normalize(1 / transforms[:, :1, 0])
        yield "scale_normalized_identity", network.scale_mapping.normalize(torch.ones(1, 1))
        yield "mapped_scale_identity", network.embed_scale(None, None, 1)


class _Probes:
    """Statistics of the outputs of all children while a network runs."""

    def __init__(self, network: nn.Module) -> None:
        self.seen: dict[str, Tensor] = {}
        self._hooks = [
            module.register_forward_hook(functools.partial(self._see, name))
            for name, module in network.named_children()
        ]

    def _see(self, name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.seen[name] = output

    def __enter__(self) -> _Probes:
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def outputs(self, prefix: str) -> Outputs:
        for name, x in self.seen.items():
            statistics = [x.mean(), x.std(correction=0), x.abs().max()]
            yield f"{prefix}.{name}.mean_std_absmax", torch.stack(statistics)
            if x.ndim == 4:
                yield f"{prefix}.{name}.midrow", x[0, :2, x.shape[2] // 2]


def _discriminator(case: Case) -> Outputs:
    settings = case.meta["config"]
    config = DiscriminatorConfig.from_official(settings["discriminator"])
    network: AnyResDiscriminator = _filled(AnyResDiscriminator(config), case.meta["weights"]["D"])
    for name, value in network.named_buffers():
        yield f"buffer.{name}", value
    [image] = _inputs(case, "img")
    c = _inputs(case, "c")[0] if "in.c" in case.arrays else None
    with _Probes(network) as probes:
        yield "logits", network(image, c)
    yield from probes.outputs("probe")
    yield "mbstd_channel", minibatch_deviation(probes.seen["b8"], config.mbstd_group_size)
    n = config.mbstd_group_size
    yield "logits_first_group_only", network(image[:n], None if c is None else c[:n])
    with torch.enable_grad():
        image = image.requires_grad_(True)
        logits = network(image, c)
        yield "input_grad_first", torch.autograd.grad(logits.sum(), image, retain_graph=True)[0][:1]
        penalty = r1_penalty(logits, image)
    yield "r1_penalty", penalty
    yield "loss_r1_gamma", penalty * (settings["r1_gamma"] / 2)


def _assemble(case: Case) -> Outputs:
    config, network = case.meta["config"], _generator_network(case)
    [z] = _inputs(case, "z")
    options = RenderOptions(config["psi"], config["cutoff"], assembly="official")
    generator = AnyResGenerator(network, options=options)
    ws = network.mapping(z)[:, None].expand(-1, network.config.n_ws, -1)
    ws = network.mapping.truncate(ws, options.psi, options.cutoff)
    region = Region.whole(Size.square(config["full_size"]))
    full = generator.sample(Latents(ws), [region] * len(z))
    yield "full", full
    yield from _windows("", generator.tiling, region)
    yield "full_uint8_metric", to_uint8(full, "truncate")
    yield "full_uint8_renormalize", ((full * 0.5 + 0.5) * 255).clamp(0, 255).byte()


def _windows(prefix: str, tiling: Tiling, region: Region) -> Outputs:
    windows = [piece.window for piece in tiling.pieces(region)]
    boxes = [[w.box.top, w.box.bottom, w.box.left, w.box.right] for w in windows]
    name = "bboxes" if prefix else "bboxes_y0y1x0x1"
    yield f"{prefix}{name}", np.array(boxes)
    yield f"{prefix}transforms", torch.stack([w.affine() for w in windows])


def _patch_geometry(case: Case) -> Outputs:
    config = case.meta["config"]
    table = [
        Region(Size.square(size), y, x, Size.square(patch)) for size, y, x, patch in config["table"]
    ]
    transforms = torch.stack([region.affine() for region in table])
    yield "transforms", transforms
    yield "scale_from_transform", 1 / transforms[:, 0, 0]
    for i, (size, patch) in enumerate(config["assembly"]):
        region = Region.whole(Size.square(size))
        yield from _windows(f"assembly{i}.", Tiling(patch, "official"), region)
    image = case.arrays["in.image"]
    for i, sample in enumerate(config["samples"]):
        yield from _sampled(f"sample{i}.", image, sample)
    for i, (size, x, y, patch) in enumerate(config["crops"]):
        region = Region(Size.square(size), y, x, Size.square(patch))
        yield f"crop{i}", _shown(image, region)


class _Draws:
    """Python's global generator, seeded as the case says; remembers its uniform numbers."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.uniforms: list[float] = []

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def uniform(self) -> float:
        self.uniforms.append(self._random.random())
        return self.uniforms[-1]


def _sampled(prefix: str, image: np.ndarray, sample: dict[str, Any]) -> Outputs:
    patch, largest = sample["patch"], sample["max_scale"] or 1.0
    size, draws = Size(*image.shape[:2]), _Draws(sample["seed"])
    rule = Patch(patch, sample["min_scale"], largest)
    square, view = rule.draw(size, flip=False, centre=True, rng=draws)
    shown = view_pixels(image, ImageView(0, False, square, view))
    region = view.region
    yield f"{prefix}crop", shown
    yield f"{prefix}transform", region.affine()
    facts = [region.canvas.width, region.left, region.top, square.width]
    yield f"{prefix}new_size_x_y_orig", np.array(facts)
    smallest = max(patch / square.width, sample["min_scale"] or 0)
    low, high = patch / largest, patch / smallest
    scale = patch / (low + (high - low) * draws.uniforms[0])
    yield f"{prefix}scales", np.array([smallest, smallest, scale])


def _shown(image: np.ndarray, region: Region) -> np.ndarray:
    square = Box.whole(Size(*image.shape[:2]))
    return view_pixels(image, ImageView(0, False, square, View(region)))


def _filters(case: Case) -> Outputs:
    config = case.meta["config"]
    for i, (n_taps, cutoff, width, rate, radial) in enumerate(config["args"]):
        taps = Lowpass(n_taps, cutoff, width, rate, radial).design()
        yield f"filter{i}", torch.zeros(0) if taps is None else taps
    for i, taps in enumerate(config["setup_filter"]):
        yield f"setup_filter{i}", normalized_kernel(taps)
    for i, matrix in enumerate(config["affine_bandlimit"]):
        taps = plane_filter(torch.tensor(matrix))
        yield f"affine_bandlimit{i}_centre", taps[len(taps) // 2]
        yield f"affine_bandlimit{i}_stride4", taps[::4, ::4]
        yield f"affine_bandlimit{i}_shape_sum", np.array([*taps.shape, float(taps.sum())])


def _ops(case: Case) -> Outputs:
    config = case.meta["config"]
    x, f1, f2, b, w, s, gain = _inputs(case, "x", "f1", "f2", "b", "w", "s", "gain")
    pad, pad2 = Padding(*config["pad"]), Padding(*config["pad2"])
    yield "upfirdn_sep", upfirdn2d(x, f1, up=2, gain=4, padding=pad)
    yield "upfirdn_2d_asym_down", upfirdn2d(x, f2, down=2, padding=pad2)
    yield "upfirdn_2d_flip", upfirdn2d(x, f2, padding=Padding(2, 2, 2, 2), flip=True)
    yield "filter2d", filter2d(x, f1)
    yield "upsample2d", upsample2d(x, f2)
    yield "downsample2d", downsample2d(x, f2)
    ones, clamp = x.new_ones(x.shape[:2]), config["clamp"]
    sep = FilteredLRelu(2, 2, Padding(*config["pad_fl"]), clamp=clamp)
    yield "flrelu_sep", filtered_lrelu(x, ones, b, (f1, f1), sep)
    radial = FilteredLRelu(4, 2, Padding(*config["pad_fl2"]))
    yield "flrelu_radial_down", filtered_lrelu(x, ones, b, (f1, f2), radial)
    identity = FilteredLRelu(gain=1, slope=1, clamp=clamp)
    yield "flrelu_identity", filtered_lrelu(x, ones, b, (None, None), identity)
    for name, weight, demodulate in (("demod", w, True), ("nodemod", w[:, :, :1, :1], False)):
        modulation = Modulation.of(weight, s, gain, demodulate)
        y, scale = modulated_conv2d(x, modulation, padding=weight.shape[-1] - 1)
        yield f"modconv_{name}", y * scale[:, :, None, None]


def _panorama(case: Case) -> Outputs:
    config, network = case.meta["config"], _generator_network(case)
    synthesis = network.synthesis
    assert isinstance(synthesis.input, PanoramaInput)
    z, transforms = _inputs(case, "z", "transforms")
    w = network.mapping(z)
    a_turn = synthesis.input.columns_a_turn
    n_columns = 2 * a_turn + 2 * network.config.margin
    y = synthesis.input.grid()[1][:, 0]
    yield "grid_x", synthesis.input.turn(torch.arange(n_columns))
    yield "grid_y", y
    yield "make_grid_shape", np.array([1, len(y), n_columns, 2])
    starts = [turn_by(column, synthesis) for column in config["crop_starts"]]
    for i, start in enumerate(starts):
        yield f"input_features{i}", synthesis.input(w, start.float())[:, :4]
    for i, transform in enumerate(transforms.double()):
        matrix = (starts[0] @ transform).float()
        yield f"input_features_transform{i}", synthesis.input(w, matrix)[:, :4]
    yield "img_crop0", synthesis(w, starts[0].float())
    yield "pano", _frames(network, w[:1], config["pano_start"])
    column, cut = config["splice_draws"]
    yield "train_spliced_img", spliced_image(synthesis, w, column, cut)
    ranges = [[0, a_turn - 1, column], [0, network.config.resolution, cut]]
    yield "train_draws_lo_hi_value", np.array(ranges)


def _frames(network: GeneratorNetwork, w: Tensor, column: int) -> Tensor:
    """A full turn, frame by frame, from a column of the input's grid on."""
    assert network.config.panorama_fov is not None
    w = network.mapping.truncate(w[:, None], 0.5)[:, 0]
    matrix = turn_by(column, network.synthesis)
    frames = []
    for _ in range(360 // network.config.panorama_fov):
        frames.append(network.synthesis(w, matrix.float())[0])
        matrix[0, 2] += 1
    return torch.cat(frames, dim=2)


def _teacher_affine(case: Case) -> Outputs:
    image, transforms = _inputs(case, "img", "transforms")
    for name, matrices in (("inverse", transforms), ("forward", transforms.inverse())):
        moved, mask = affine_resample(image, matrices)
        yield f"{name}.crop", moved
        yield f"{name}.mask", mask


def _blur(case: Case) -> Outputs:
    [image] = _inputs(case, "img")
    for i, sigma in enumerate(case.meta["config"]["sigmas"]):
        yield f"blurred{i}", fade_blur(image, sigma)


def _metrics(case: Case) -> Outputs:
    config, network = case.meta["config"], _generator_network(case)
    real, fake = (case.arrays[f"in.feat_{side}"].astype(np.float64) for side in ("real", "gen"))
    yield "fid", frechet_distance(real, fake, ddof=0)
    yield "mean_gen", fake.mean(axis=0)
    yield "cov_gen", np.cov(fake, rowvar=False, ddof=0)
    batches, transforms = _inputs(case, "z_batches", "transforms")
    generator = AnyResGenerator(network, options=RenderOptions(assembly="official"))
    z = Latents(network.mapping(batches.flatten(0, 1)))
    region = Region.whole(Size.square(config["target_resolution"]))
    full = generator.sample(z, [region] * len(z))
    yield "features_full", _stub_features(full)
    base = generator.sample(z, [Region.whole(generator.native)] * len(z))
    yield "features_up", _stub_features(_enlarged(base, generator.tiling, region))
    w = z.ws[: len(transforms)]
    patches = network.synthesis(w, transforms, network.embed_scale(transforms, None, len(w)))
    yield "features_patch", _stub_features(patches)


def _enlarged(base: Tensor, tiling: Tiling, region: Region) -> Tensor:
    """The base image, resampled window by window to the size of a region."""
    out = base.new_empty(*base.shape[:2], *region.size)
    for piece in tiling.pieces(region):
        s, t = piece.source, piece.target
        matrices = piece.window.affine().float().inverse().expand(len(base), 3, 3)
        window, _ = affine_resample(base, matrices)
        out[:, :, t.top : t.bottom, t.left : t.right] = window[
            :, :, s.top : s.bottom, s.left : s.right
        ]
    return out


def _stub_features(images: Tensor) -> Tensor:
    """The stand-in detector of the case, on what the official code quantises."""
    x = to_uint8(images, "truncate").float() / 255
    first, second = F.adaptive_avg_pool2d(x, 3), F.adaptive_avg_pool2d(x * x, 2)
    return torch.cat([first.flatten(1), second.flatten(1)], dim=1)


def _snapshot(case: Case) -> Iterable[Check]:
    """Everything that the file says about the pickle beside it, which must not be run."""
    snapshot = read_official_pickle(case.path.with_suffix(".pkl"))
    expected, listed = case.meta["expected"], case.meta["weights"]
    yield Check("keys", list(snapshot.keys), expected["keys"])
    yield _equal("training_set_kwargs", snapshot.training_set_kwargs, expected)
    for key in listed:
        official = snapshot.network(key)
        yield Check(f"{key}.class_name", official.class_name, expected["class_names"][key])
        yield Check(f"{key}.version", official.version, expected["persistence_version"])
        config, network = official.init_kwargs, None
        if f"{key}_init_kwargs" in expected:
            yield _equal(f"{key}_init_kwargs", config, expected)
        if official.class_name == "Generator":
            network = GeneratorNetwork(GeneratorConfig.from_official(config))
        else:
            network = AnyResDiscriminator(DiscriminatorConfig.from_official(config))
        wanted = _filled(network, listed[key]).state_dict()
        yield Check(f"{key} tensors", sorted(official.state), sorted(wanted))
        for name, value in wanted.items():
            yield Check(f"{key}.{name}", official.state[name], value, atol=1e-6)
    averaged = snapshot.network("G_ema")
    generator = GeneratorNetwork(GeneratorConfig.from_official(averaged.init_kwargs))
    load_strict(generator, averaged.state, case.stem)
    image = case.arrays["out.img_G_ema"]
    atol = 1e-4 * float(np.abs(image).max())  # the rule of the other files
    yield Check("img_G_ema", generator(*_inputs(case, "z")), image, atol=atol)


def _equal(name: str, got: Any, expected: dict[str, Any]) -> Check:
    """Plain data, compared as sorted JSON."""
    return Check(name, json.dumps(got, sort_keys=True), json.dumps(expected[name], sort_keys=True))


_RUNNERS: dict[str, Callable[[Case], Outputs]] = {
    "generator": _generator,
    "discriminator": _discriminator,
    "assemble": _assemble,
    "patch_geometry": _patch_geometry,
    "filters": _filters,
    "ops": _ops,
    "pano": _panorama,
    "teacher_affine": _teacher_affine,
    "blur": _blur,
    "metrics": _metrics,
}
