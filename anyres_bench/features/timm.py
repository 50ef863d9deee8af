"""`timm:NAME`: any image network of timm, such as DINOv2's, by its pooled features.

    timm:vit_large_patch14_dinov2.lvd142m                  its published weights
    timm:vit_large_patch14_dinov2.lvd142m@hub:REVISION     those of a commit of the hub
    timm:vit_large_patch14_dinov2@file:weights.safetensors weights of one's own, read as data
    ...+224                                                at another input side
    ...+squash                                             the whole image, not the middle of it

The published weights are fetched and read by timm. What the network is shown is what timm says that
it was trained on: resize, crop, mean and deviation stand in the id, and so does the digest of its
weights, wherever they came from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from anyres_bench.core.errors import CheckpointError, UnknownNameError, UsageError, WeightsError
from anyres_bench.core.registry import nearest
from anyres_bench.core.states import misfits
from anyres_bench.features.extractor import ExtractorSpec
from anyres_bench.features.pretrained import (
    Preprocessing,
    PretrainedExtractor,
    PretrainedSpec,
    library,
    refuse_offline,
    shorter_side,
    square_side,
)
from anyres_bench.features.tensors import read_weights


def build(spec: ExtractorSpec) -> PretrainedExtractor:
    """The extractor of `timm:NAME...`.

    Raises:
        UsageError: the extra is not installed, or the spec has another form.
        UnknownNameError: timm has no such network.
        WeightsError, CheckpointError: the weights cannot be had, or are another network's.
    """
    asked = PretrainedSpec.of(spec)
    timm = library("timm", "timm")
    sides = [option for option in asked.options if option.isdecimal() and 0 < int(option) < 10_000]
    squash = "squash" in asked.take("squash", *sides[:1])
    network = _network(timm, asked, int(sides[0]) if sides else None)
    config = timm.data.resolve_model_data_config(network)
    side = int(sides[0]) if sides else square_side(asked.name, config["input_size"])
    if sides:
        _check_side(network, asked.name, side)
    squash = squash or (config["crop_mode"] == "squash" and config["crop_pct"] == 1)
    if not squash and config["crop_mode"] != "center":
        raise UsageError(f"{asked.name} wants a {config['crop_mode']} crop; use +squash")
    shown = Preprocessing(
        side=side,
        shorter=None if squash else shorter_side(side, config["crop_pct"]),
        interpolation=config["interpolation"],
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
    )
    dim = int(getattr(network, "head_hidden_size", None) or network.num_features)
    return PretrainedExtractor(
        f"timm:{asked.name}", network, network, shown, dim, device=asked.device
    )


@torch.inference_mode()
def _check_side(network: nn.Module, name: str, side: int) -> None:
    """Hold that a network takes the side that was asked for, before anything is rendered.

    Raises:
        UsageError: it does not, such as one of patches of 16 px that is to see 97.
    """
    try:
        network.eval()(torch.zeros(1, 3, side, side))
    except (AssertionError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"{name} takes no images of {side} px: {said}; name another") from error


def _network(timm: Any, asked: PretrainedSpec, side: int | None) -> Any:
    """The network without its classifier, its weights loaded."""
    name = asked.name
    if not timm.is_model(name):
        raise UnknownNameError(f"timm has no network {name!r}; {nearest(name, timm.list_models())}")
    options: dict[str, Any] = {"num_classes": 0}
    published = timm.get_pretrained_cfg(name)
    if side and (published is None or published.fixed_input_size):  # others take any side
        options["img_size"] = side
    tensors: dict[str, Any] = {}
    if asked.file is not None:
        tensors = read_weights(asked.file).tensors
        options["pretrained_cfg_overlay"] = {"state_dict": dict(tensors)}
    else:
        refuse_offline(name)
        if asked.revision is not None:
            hub = published.hf_hub_id
            options["pretrained_cfg_overlay"] = {"hf_hub_id": f"{hub}@{asked.revision}"}
    try:
        network = timm.create_model(name, pretrained=True, **options)
    except (RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        if asked.file is not None:
            raise CheckpointError(f"{asked.file} does not fit timm's {name}: {said}") from error
        raise WeightsError(
            f"the weights of {name} cannot be had: {said}; get the file and name it: "
            f"timm:{name}@file:PATH"
        ) from error
    # timm itself leaves weights that are not there as they were drawn, and takes any numbers.
    wanted = network.state_dict()
    wrong = [f"it lacks {key}" for key in wanted if tensors and key not in tensors]
    wrong += misfits(wanted, tensors, any_shape=True)
    if wrong:
        raise CheckpointError(f"{asked.file} does not fit timm's {name}: {wrong[0]}")
    return network
