"""What a record says of images, model and machine beside its numbers."""

from __future__ import annotations

import functools
import itertools
import math
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import features

from anyres_bench import __version__
from anyres_bench.core.networks import networks
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.data.records import Manifest
from anyres_bench.models.generator import Generator, ImageGenerator
from anyres_bench.results import DatasetRecord, ImagesRecord, SizeHistogram

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """Versions of everything that a number may depend on."""
    packages = {name: _version(name) for name in _PACKAGES}
    return {"anyres-bench": __version__, "python": platform.python_version(), **packages}


@functools.cache
def _version(package: str) -> str:
    return version(package)


def codec_versions() -> dict[str, str]:
    """Versions of what decodes JPEG files, whose last bits libraries do not share."""
    turbo = features.version_feature("libjpeg_turbo")
    return {"libjpeg": turbo or str(features.version_codec("jpg"))}


def dataset_record(dataset: Dataset, reference: Dataset, protocol: EvalProtocol) -> DatasetRecord:
    """Which images there are, and how many of them a protocol can use."""
    return DatasetRecord(
        id=dataset.id,
        digest=dataset.digest,
        recipe_id=dataset.recipe_id,
        reference_digest=reference.digest,
        n_images=len(dataset.manifest),
        n_reference=len(reference.manifest),
        n_survivors=len(protocol.survivors(reference.manifest)),
        sizes=size_histogram(dataset.manifest),
    )


def images_record(
    generator: Generator, reference: Dataset, protocol: EvalProtocol
) -> ImagesRecord | None:
    """Which images stand for a model, and how many the reference holds too; None for others."""
    if not isinstance(generator, ImageGenerator):
        return None
    images = generator.images
    known = {image.sha256 for image in reference.manifest}
    return ImagesRecord(
        n_images=len(images.manifest),
        n_survivors=len(protocol.fake_survivors(images.manifest)),
        n_in_reference=sum(image.sha256 in known for image in images.manifest),
        rejects=dict(images.recipe.get("rejects", {})),
    )


def n_copies(generator: Generator) -> int:
    """How many of the images that stand for a model have the bytes of another one of them."""
    images = generator.images.manifest if isinstance(generator, ImageGenerator) else ()
    return len(images) - len({image.sha256 for image in images})


def size_histogram(images: Manifest) -> SizeHistogram:
    """Images by shorter side: edges in px, half an octave apart, and the counts between them."""
    sides = np.array([image.size.shorter for image in images])
    low = math.floor(2 * math.log2(sides.min()))
    high = math.floor(2 * math.log2(sides.max())) + 1
    edges = [round(2 ** (k / 2)) for k in range(low, high + 1)]
    counts, _ = np.histogram(sides, [*edges[:-1], max(edges[-1], sides.max() + 1)])
    return SizeHistogram(tuple(edges), tuple(counts.tolist()))


def devices_of(thing: Any) -> str:
    """Where the networks of a generator or an extractor are, as torch names it; else "cpu"."""
    devices = {
        str(tensor.device)
        for network in networks(thing)
        for tensor in itertools.chain(network.parameters(), network.buffers())
    }
    return " ".join(sorted(devices)) or "cpu"
