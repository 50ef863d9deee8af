"""Runner of `rrdbnet_*`, `srvgg*` and `realesrgan_*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from anyres_bench.baselines.realesrgan import network as realesrgan
from anyres_bench.baselines.realesrgan.published import Official, enhance, run_official
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load, outputs

CLASSES = ("RRDBNet", "SRVGGNetCompact", "UNetDiscriminatorSN")


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    options = dict(case.meta["constructor"])
    kind = options.pop("class")
    if kind not in CLASSES:
        raise ValueError(f"no class {kind}")
    network = load(case, getattr(realesrgan, kind)(**options))
    yield "", tool(case, network) if "float_runs" in case.meta["params"] else plain(case, network)


def plain(case: Case, network: torch.nn.Module) -> Iterator[Check]:
    given = inputs(case)
    images = {
        name: given[name] if len(given) > 1 else next(iter(given.values()))
        for name in outputs(case)
    }
    yield from compare(case, {name: network(image) for name, image in images.items()})


def options(made: dict[str, Any], network: realesrgan.Network) -> Official:
    if made["scale"] != network.scale:
        raise ValueError(f"a run of scale {made['scale']} with a network of {network.scale}")
    return Official(made["tile"], made.get("tile_pad", 10), made.get("pre_pad", 10))


def tool(case: Case, network: realesrgan.Network) -> Iterator[Check]:
    params, tolerance = case.meta["params"], case.meta["tolerance"]
    expected = {name: case.arrays[f"out_{name}"] for name in outputs(case)}
    for tag, made in params["float_runs"].items():
        got = run_official(network, inputs(case)["image"], options(made, network))
        want = expected.pop(f"float_{tag}")
        yield Check(tag, got, want, atol=tolerance["atol"], rtol=tolerance["rtol"])
    for tag, made in params["uint8_runs"].items():
        image = case.arrays[f"in_{made['img']}"]
        got = enhance(network, image, options(made, network), made.get("outscale"))
        if made.get("alpha_upsampler", "realesrgan") != "realesrgan":
            raise ValueError("alpha is enlarged by the network only")
        modes = {1: "L", 3: "RGB", 4: "RGBA"}
        channels = 1 if got.ndim == 2 else got.shape[2]
        levels = 2 if made.get("outscale") else 1
        yield Check(tag, got.astype(np.int32), expected.pop(f"u8_{tag}").astype(np.int32), levels)
        yield Check(f"{tag} mode", modes[channels], made["img_mode_returned"])
        yield Check(f"{tag} dtype", str(got.dtype), made["dtype_returned"])
    if expected:
        raise ValueError(f"no value was computed for {sorted(expected)}")
