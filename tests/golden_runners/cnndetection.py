"""Runner of `cnndetection_*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import resize
from anyres_bench.features import cnndetection
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load, outputs


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    if "ops" in case.meta["params"]:
        yield "", augmentation(case)
    else:
        yield "", detector(case, load(case, cnndetection.ResNet50()))


def augmentation(case: Case) -> Iterator[Check]:
    left = set(outputs(case))
    for i, made in enumerate(case.meta["params"]["ops"]):
        name, image = f"{i}_{made['op']}", case.arrays[f"in_{made['img']}"]
        if made["op"] == "blur":
            got = cnndetection.blur(image, made["sigma"])
        elif made["op"] == "resize":
            size = cnndetection.shorter_side(Size(*image.shape[:2]), made["size"])
            pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
            resized = resize(pixels, size, cnndetection.RESIZES[0])
            got = resized[0].permute(1, 2, 0).round().numpy()
        else:
            raise ValueError(f"no operation {made['op']!r}")
        left.remove(name)
        yield Check(name, got.astype(int), case.arrays[f"out_{name}"].astype(int), atol=1)
    if left:
        raise ValueError(f"no value was computed for {sorted(left)}")


def detector(case: Case, network: cnndetection.ResNet50) -> Iterator[Check]:
    given, params, got = inputs(case), case.meta["params"], {}
    for name in params["float_inputs"]:
        got[f"logit_{name.rpartition('/')[2]}"] = network(given[name])
    for tag, made in params["image_runs"].items():
        pixels = case.arrays[f"in_{made['img']}"]
        prepared = cnndetection.prepare(pixels, cnndetection.Preparation(crop=made["crop"]))
        got[f"pre_{tag}"], got[f"logit_{tag}"] = prepared, network(prepared)
    logits = {name: value for name, value in got.items() if name.startswith("logit_")}
    for name, value in logits.items():
        got["prob_" + name.removeprefix("logit_")] = torch.sigmoid(value)
    yield from compare(case, got)
