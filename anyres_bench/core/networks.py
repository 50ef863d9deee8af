"""The networks that an object holds, and the digest of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

DIGITS = 12  # of a digest in an id
_DEPTH = 4  # attributes of attributes that are looked through for networks


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
    return sha.hexdigest()[:DIGITS]
