"""`metrics_networks`: Inception's taps and LPIPS, with weights filled by name."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import resize
from anyres_bench.features.inception import SIDE, TAPS, prepared, scale_input
from anyres_bench.features.inception_network import SPATIAL, load_network
from anyres_bench.features.lpips import LPIPS
from tests.golden import Case, Check

Network = Callable[[torch.Tensor], dict[str, torch.Tensor]]

RTOL = 1e-4
# Values far below the largest of their array carry its rounding noise: about 2e-7 of it here.
NOISE = 1e-6
# Prefix of the arrays -> the resize rule that the package behind them uses.
PATHS = {
    "inception/tf_": "legacy_tensorflow",
    "inception/clean_": "clean",
    "inception/pytorch_fid_": "legacy_pytorch",
    "inception/cleanfid_legacy_pytorch_": "legacy_pytorch",
}


def run(case: Case) -> Iterable[tuple[str, Iterable[Check]]]:
    """One sub-case for each resize rule and each LPIPS backbone."""
    network = prepared(load_network(filled(case, case.meta["inception_entries"])), "logits")
    for prefix, mode in PATHS.items():
        yield prefix.strip("_"), _inception(case, network, prefix, mode)
    yield "inception/sfid", _spatial(case)
    for net, expected in case.meta["lpips"].items():
        yield f"lpips/{net}", _lpips(case, net, expected)


def filled(case: Case, entries: list[list[Any]]) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, shape, mean, std, kind in entries:
        key = zlib.crc32((case.meta.get("salt", "") + name).encode())
        value = mean + std * np.random.Generator(np.random.PCG64(key)).standard_normal(shape)
        if kind not in ("normal", "abs", "running_var"):
            raise ValueError(f"{name}: unknown kind of fill {kind!r}")
        value = value if kind == "normal" else np.abs(value) + 0.5 * (kind == "running_var")
        tensors[name] = torch.from_numpy(np.asarray(value, dtype=np.float32))
    return tensors


def _inception(case: Case, network: Network, prefix: str, mode: str) -> Iterator[Check]:
    pixels = torch.from_numpy(case.arrays["inception/images_uint8_NHWC"]).permute(0, 3, 1, 2)
    resized = resize(pixels.contiguous(), Size.square(SIDE), mode)
    taps = network(scale_input(resized, mode))
    for name, want in case.arrays.items():
        tap = name.removeprefix(prefix)
        if tap in TAPS:
            yield Check(name, taps[tap], want, atol=NOISE * float(np.abs(want).max()), rtol=RTOL)


def _spatial(case: Case) -> Iterator[Check]:
    """The tap of ADM's sFID; other projects read other layers under the same name."""
    [name] = [name for name in case.arrays if name.startswith("inception/sfid_")]
    network = prepared(load_network(filled(case, case.meta["inception_entries"])), SPATIAL)
    pixels = torch.from_numpy(case.arrays["inception/images_uint8_NHWC"]).permute(0, 3, 1, 2)
    resized = resize(pixels.contiguous(), Size.square(SIDE), "legacy_pytorch")  # as recorded
    got, want = network(scale_input(resized, "legacy_tensorflow"))[SPATIAL], case.arrays[name]
    atol = (
        4 * NOISE * float(np.abs(want).max())
    )  # single places, where the others are means of many
    yield Check(name, got, want, atol=atol, rtol=RTOL)


def _lpips(case: Case, net: str, expected: dict[str, Any]) -> Iterator[Check]:
    distance = LPIPS(net, filled(case, expected["entries"]))
    a, b = (torch.from_numpy(case.arrays[f"lpips/{side}"]) for side in "ab")
    yield Check("value", distance(a, b)[0], expected["value"], rtol=RTOL)
    yield Check("per_layer", distance.per_layer(a, b)[0], expected["per_layer"], rtol=RTOL)
    yield Check("same_image", distance(a, a)[0], expected["same_image"], atol=1e-12)
    spatial, want = distance.spatial(a, b)[0], case.arrays[f"lpips/{net}_spatial"]
    step = spatial.shape[0] // want.shape[0]
    yield Check("spatial", spatial[::step, ::step], want, rtol=RTOL)
    halves = [(side + 1) / 2 * 2 - 1 for side in (a, b)]
    yield Check("from_01", distance(*halves)[0], expected["normalize_true_on_01"], rtol=RTOL)
