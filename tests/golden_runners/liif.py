"""Runner of `liif_*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from anyres_bench.baselines.liif.network import LIIF
from anyres_bench.core.geometry import Box, Region, Size
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    yield "", checks(case, load(case, LIIF.from_spec(case.meta["constructor"])))


def checks(case: Case, network: LIIF) -> Iterator[Check]:
    given, params = inputs(case), case.meta["params"]
    image = given["image"]
    whole = Box.whole(Size(*image.shape[2:]))
    features = network.encode(image, whole.size, whole)
    got = {"feat": network.encoder(image)}
    for tag, size, _ in params["queries"]:
        got[f"rgb_{tag}"] = network.render(features, Region.whole(Size(*size)))
    for tag, size in params["make_coord"]:
        got[f"coord_{tag}"] = Region.whole(Size(*size)).coords().reshape(-1, 2)
    if "free_coord" in given:
        got["free_rgb"] = network.query(features, given["free_coord"], given["free_cell"])
    yield from compare(case, {name: torch.as_tensor(value) for name, value in got.items()})
