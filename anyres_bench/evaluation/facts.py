"""What a record says of the images and the machine beside its numbers."""

from __future__ import annotations

import math
import platform
from importlib.metadata import version
from typing import Any

import numpy as np

from anyres_bench import __version__
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import Manifest
from anyres_bench.data.views import Protocol
from anyres_bench.models.generator import Generator, ImageGenerator, rendering_device

_PACKAGES = ("torch", "numpy", "scipy", "pillow")


def versions() -> dict[str, str]:
    """Versions of everything that a number may depend on."""
    packages = {name: version(name) for name in _PACKAGES}
    return {"anyres-bench": __version__, "python": platform.python_version(), **packages}


def dataset_facts(dataset: Dataset, reference: Dataset, protocol: Protocol) -> dict[str, Any]:
    """Which images there are, and how many of them a protocol can use."""
    return {
        "id": dataset.id,
        "digest": dataset.digest,
        "recipe_id": dataset.recipe_id,
        "reference_digest": reference.digest,
        "n_images": len(dataset.manifest),
        "n_reference": len(reference.manifest),
        "n_survivors": len(protocol.survivors(reference.manifest)),
        "sizes": size_histogram(dataset.manifest),
    }


def model_facts(generator: Generator, spec: str) -> dict[str, Any]:
    """What the model is, how it was asked for, and where it renders."""
    native = list(generator.native)
    return {
        "id": generator.id,
        "spec": spec,
        "native": native,
        "device": rendering_device(generator),
    }


def image_facts(generator: Generator, reference: Dataset, protocol: Protocol) -> dict[str, Any]:
    """Which images stand for a model, and how many the reference holds too; empty for others."""
    if not isinstance(generator, ImageGenerator):
        return {}
    images = generator.images
    known = {image.sha256 for image in reference.manifest}
    return {
        "n_images": len(images.manifest),
        "n_survivors": len(protocol.survivors(images.manifest)),
        "n_in_reference": sum(image.sha256 in known for image in images.manifest),
        "rejects": dict(images.recipe.get("rejects", {})),
    }


def size_histogram(images: Manifest) -> dict[str, list[int]]:
    """Images by shorter side: edges in px, half an octave apart, and the counts between them."""
    sides = np.array([image.size.shorter for image in images])
    low = math.floor(2 * math.log2(sides.min()))
    high = math.floor(2 * math.log2(sides.max())) + 1
    edges = [round(2 ** (k / 2)) for k in range(low, high + 1)]
    counts, _ = np.histogram(sides, [*edges[:-1], max(edges[-1], sides.max() + 1)])
    return {"edges": edges, "counts": counts.tolist()}
