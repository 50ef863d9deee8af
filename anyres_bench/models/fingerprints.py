"""What tells two models of one name apart: their weights, or what they draw.

A model that only code knows may be trained again behind the same name. The digest of all weights
that it holds joins its id; where it holds none that can be found, that of a few pictures does,
rounded to 8 bits. Pictures may differ between kinds of machines, weights do not: they go first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.generator import Generator

if TYPE_CHECKING:
    from torch import nn

_DIGITS = 12
_SEEDS = (0, 2**31 + 1)
_DEPTH = 4  # attributes of attributes that are looked through for networks


def fingerprint(generator: Generator) -> str:
    """`weights@` and a digest of the networks that a generator holds, or `canary@` and one of two
    of its pictures at its native size, unknown where it cannot draw them."""
    found = list(networks(generator))
    if found:
        return f"weights@{state_digest(found)}"
    try:
        return f"canary@{canary_digest(generator)}"
    except Exception:  # noqa: BLE001 - a model that cannot draw says so when it is asked to
        return "canary@unknown"


def has_fingerprint(generator_id: str) -> bool:
    """Whether an id holds a fingerprint."""
    return any(f"{kind}@" in generator_id for kind in ("weights", "canary"))


def networks(value: Any, depth: int = _DEPTH) -> Iterator[nn.Module]:
    """The networks that an object, or what it is made of, holds; each once."""
    yield from {id(found): found for found in _networks(value, depth)}.values()


def _networks(value: Any, depth: int) -> Iterator[nn.Module]:
    from torch import nn

    if isinstance(value, nn.Module):
        yield value
    elif depth and isinstance(value, list | tuple):
        for item in value:
            yield from _networks(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from _networks(item, depth - 1)
    elif depth and not isinstance(value, type):
        for part in [*getattr(value, "__dict__", {}).values(), *_closed_over(value)]:
            yield from _networks(part, depth - 1)


def _closed_over(value: Any) -> list[Any]:
    """What a function holds besides its arguments, and the object of a bound method."""
    cells = getattr(value, "__closure__", None) or ()
    held = []
    for cell in cells:
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    bound = getattr(value, "__self__", None)
    return held if bound is None else [*held, bound]


def state_digest(found: list[nn.Module]) -> str:
    """Digest of names, shapes, types and values of all parameters and buffers."""
    import torch

    sha = hashlib.sha256()
    for network in found:
        for name, tensor in sorted(network.state_dict().items()):
            array = tensor.detach().cpu().contiguous()
            sha.update(f"{name}\0{tuple(array.shape)}\0{array.dtype}\0".encode())
            sha.update(array.flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()[:_DIGITS]


def canary_digest(generator: Generator) -> str:
    """Digest of two pictures at the generator's native size, rounded to 8 bits."""
    from anyres_bench.data.pixels import to_uint8

    size = Size(*generator.native)
    images = [generator.sample(generator.latents([s]), [Region.whole(size)]) for s in _SEEDS]
    sha = hashlib.sha256()
    for image in images:
        sha.update(to_uint8(image.detach().cpu()).numpy().tobytes())
    return sha.hexdigest()[:_DIGITS]
