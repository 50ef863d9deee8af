"""Runner of `degradation_*`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from anyres_bench.baselines.realesrgan import degradation
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs

JPEG_SHARE = 0.005  # a coefficient at a rounding boundary may fall on the other side


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    yield "", kernels(case) if "kernels" in case.meta["params"] else operations(case)


def kernels(case: Case) -> Iterator[Check]:
    got = {spec["tag"]: kernel(spec) for spec in case.meta["params"]["kernels"]}
    yield from compare(case, got)


def kernel(spec: dict[str, Any]) -> np.ndarray:
    options = dict(spec["args"])
    side = options.pop("kernel_size")
    if spec["fn"] == "circular_lowpass_kernel":
        return degradation.sinc_kernel(side, options["cutoff"], options["pad_to"])
    if spec["fn"] == "random_mixed_kernels":
        return mixed(spec, options, side)
    makers = {
        "bivariate_Gaussian": degradation.gaussian_kernel,
        "bivariate_generalized_Gaussian": degradation.generalized_kernel,
        "bivariate_plateau": degradation.plateau_kernel,
    }
    exponent = (options.pop("beta"),) if "beta" in options else ()
    return makers[spec["fn"]](side, degradation.Shape(**options), *exponent)


def mixed(spec: dict[str, Any], options: dict[str, Any], side: int) -> np.ndarray:
    if options["noise_range"] is not None:
        raise ValueError("kernels with noise are not built")
    ranges = degradation.KernelRanges(
        kinds=tuple(zip(options["kernel_list"], options["kernel_prob"], strict=True)),
        sigma_x=options["sigma_x_range"],
        sigma_y=options["sigma_y_range"],
        rotation=options["rotation_range"],
        beta_generalized=options["betag_range"],
        beta_plateau=options["betap_range"],
    )
    names, chances = zip(*ranges.kinds, strict=True)
    kind = random.Random(spec["py_seed"]).choices(names, chances)[0]
    uniform = np.random.RandomState(spec["np_seed"]).uniform
    return degradation.mixed_kernel(kind, side, ranges, uniform)


def operations(case: Case) -> Iterator[Check]:
    given = inputs(case)
    image, kernel, quality = given["image"], given["kernel"], case.meta["params"]["jpeg_quality"]
    got = {
        "filter2d_shared": degradation.filter2d(image, kernel[:1]),
        "filter2d_each": degradation.filter2d(image, kernel),
        "usm_kernel": degradation.usm_kernel()[None],
        "usm": degradation.sharpen(image),
        "usm_w1_t5": degradation.sharpen(image, weight=1.0, threshold=5.0),
        "jpeg": degradation.jpeg(image, torch.tensor(quality)),
        "jpeg_scalar": degradation.jpeg(image, quality[0]),
        "jpeg_diff": degradation.jpeg(image, torch.tensor(quality), degradation.soft_round),
    }
    share = {name: JPEG_SHARE for name in got if name.startswith("jpeg")}
    yield from compare(case, got, share)
