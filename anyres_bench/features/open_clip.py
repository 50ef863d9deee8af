"""`open-clip:NAME`: image towers of OpenCLIP, by the embedding that is compared with text.

    open-clip:ViT-L-14-336-quickgelu@hub:openai    published weights, by OpenCLIP's tag of them
    open-clip:ViT-B-32@file:weights.safetensors    weights of one's own, read as data
    ...+normalised                                 vectors of length one, as CMMD takes them
    ...+squash                                     the whole image, not the middle of it

What the network is shown is what OpenCLIP says that it was trained on; it stands in the id, and so
does the digest of its weights: of those that embed images alone, where a file has no others.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

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
    square_side,
)
from anyres_bench.features.tensors import read_weights


def build(spec: ExtractorSpec) -> PretrainedExtractor:
    """The extractor of `open-clip:NAME...`.

    Raises:
        UsageError: the extra is not installed, the spec has another form, or no weights are named.
        UnknownNameError: OpenCLIP has no such network, or no such weights of it.
        WeightsError, CheckpointError: the weights cannot be had, or are another network's.
    """
    asked = PretrainedSpec.of(spec)
    options = asked.take("squash", "normalised")
    open_clip = library("open_clip", "OpenCLIP")
    network, held = _network(open_clip, asked)
    config = library("open_clip.model", "OpenCLIP").get_model_preprocess_cfg(network)
    side = square_side(asked.name, config["size"])
    if config.get("resize_mode", "shortest") not in ("shortest", "squash"):
        raise UsageError(f"{asked.name} wants its images padded; use +squash")
    squash = "squash" in options or config.get("resize_mode") == "squash"
    shown = Preprocessing(
        side=side,
        shorter=None if squash else side,
        interpolation=config.get("interpolation", "bicubic"),
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
    )
    return PretrainedExtractor(
        f"open-clip:{asked.name}",
        held,
        network.encode_image,
        shown,
        int(open_clip.get_model_config(asked.name)["embed_dim"]),
        normalised="normalised" in options,
        device=asked.device,
    )


def _network(open_clip: Any, asked: PretrainedSpec) -> tuple[Any, nn.Module]:
    """The network, and the part of it whose weights are the ones that were asked for."""
    name = asked.name
    known = open_clip.list_models()
    if name not in known:
        raise UnknownNameError(f"OpenCLIP has no network {name!r}; {nearest(name, known)}")
    if asked.file is not None:
        with _untold():
            drawn = open_clip.create_model(name)
        return _with_file(drawn, asked)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if asked.revision not in tags:
        raise UnknownNameError(
            f"open-clip:{name} needs weights: @file:PATH, or @hub: and one of "
            f"{', '.join(tags) or 'none, for there are none'}"
        )
    refuse_offline(name)
    try:
        network = open_clip.create_model(name, pretrained=asked.revision)
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"the weights {asked.revision} of {name} cannot be had: {said}; get the file and name "
            f"it: open-clip:{name}@file:PATH"
        ) from error
    return network, network


@contextlib.contextmanager
def _untold() -> Iterator[None]:
    """Leaves out what OpenCLIP warns of: weights drawn at random, which those of a file replace."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _with_file(network: Any, asked: PretrainedSpec) -> tuple[Any, nn.Module]:
    """The network with the weights of a file; only what does not embed images may be missing."""
    assert asked.file is not None
    found = read_weights(asked.file).tensors
    if other := misfits(network.state_dict(), found):
        raise CheckpointError(f"{asked.file} does not fit OpenCLIP's {asked.name}: {other[0]}")
    try:
        missing, strange = network.load_state_dict(found, strict=False)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{asked.file} does not fit {asked.name}: {said}") from error
    lacking = [key for key in missing if key.startswith("visual.")]
    if lacking or strange:
        which = f"lacks {lacking[0]}" if lacking else f"has {strange[0]}, which is not there"
        raise CheckpointError(f"{asked.file} does not fit OpenCLIP's {asked.name}: it {which}")
    # What the file lacks was drawn at random, and would make each run another extractor.
    return network, network.visual if missing else network
