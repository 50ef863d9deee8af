"""Runner of `mspe_*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from anyres_bench.baselines.mspe import network as mspe
from anyres_bench.baselines.mspe.encodings import CSG, SPE, resize
from anyres_bench.core.geometry import Size
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load, outputs

UP_CONFIG = {"scale_factor": 2, "mode": "bilinear", "align_corners": True}


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    options = dict(case.meta["constructor"])
    if "grids" in case.meta["params"]:
        yield "", grids(case)
    elif "Discriminator" in options.pop("class", "Generator"):
        yield "", discriminator(case, load(case, mspe.MSPEDiscriminator(**options)))
    else:
        yield "", generator(case, load(case, mspe.MSPENetwork(config(options))))


def encoding(options: dict[str, Any] | None) -> SPE | CSG | None:
    if options is None:
        return None
    options = dict(options)
    kinds = {"SPE": SPE, "CSG": CSG}
    return kinds[options.pop("type")](**options)


def config(options: dict[str, Any]) -> mspe.Config:
    """The official constructor's arguments as ours."""
    options = {name: value for name, value in options.items() if value is not None}
    head = encoding(options.pop("head_pos_encoding", None))
    up_config = options.pop("up_config", None) or UP_CONFIG
    if options.get("deconv2conv") and up_config != UP_CONFIG:
        raise ValueError("only bilinear interpolation with aligned corners is built")
    size = options.pop("head_pos_size", None)
    made = mspe.Config(**options, encoding=head)
    expected = [6, 6] if made.no_pad else [4, 4]
    if head is not None and size not in (None, expected):
        raise ValueError(f"a head of {size} does not give out_size; expected {expected}")
    return made


def grids(case: Case) -> Iterator[Check]:
    got = {}
    for i, spec in enumerate(case.meta["params"]["grids"]):
        grid = encoding({"type": spec["type"], **spec.get("ctor", {})}).grid(
            Size(spec["h"], spec["w"])
        )
        got[f"grid_{i}"] = resize(grid, Size(*spec["interp"])) if "interp" in spec else grid
    yield from compare(case, got)


def discriminator(case: Case, network: torch.nn.Module) -> Iterator[Check]:
    given = inputs(case)
    images = {name: given["img" + name.removeprefix("logit_")] for name in outputs(case)}
    yield from compare(case, {name: network(image) for name, image in images.items()})


def generator(case: Case, network: mspe.MSPENetwork) -> Iterator[Check]:
    given, params = inputs(case), case.meta["params"]
    w = network.style_mapping(given["z"])

    def render(scale: int | list[int], styles: torch.Tensor) -> torch.Tensor:
        size = Size(*scale) if isinstance(scale, list) else Size.square(scale)
        prefix = f"{params['prefix']}/s{tag(scale)}/noise_"
        noise = [given[f"{prefix}{i}"] for i in range(len(network.noise_sizes()))]
        return network(styles, noise, size)

    first = params["chosen_scales"][0]
    got = {f"img_s{tag(s)}": render(s, network.styles(w)) for s in params["chosen_scales"]}
    if params["buffered"]:
        got["img_buffered_noise_s0"] = network(network.styles(w), network.buffered_noise())
    if params["truncation"] is not None:
        truncated = torch.lerp(given["mean_latent"], w, params["truncation"])
        got["img_trunc"] = render(first, network.styles(truncated))
    if params["inject"] is not None:
        second = network.style_mapping(given["z2"])
        got["img_mix"] = render(first, network.styles(w, second, switch=params["inject"]))
    yield from compare(case, got | {"w": w})


def tag(scale: int | list[int]) -> str:
    return "x".join(map(str, scale)) if isinstance(scale, list) else str(scale)
