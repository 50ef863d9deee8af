"""The networks that an object holds, and the digest of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

DIGITS = 12  # of a digest in an id
_DEPTH = 4  # attributes of attributes that are looked through for networks


def networks(value: Any, depth: int = _DEPTH) -> Iterator[nn.Module]:
    """The networks that an object, or what it is made of, holds; each once."""
    yield from {id(found): found for found in _networks(value, depth)}.values()


def _networks(value: Any, depth: int) -> Iterator[nn.Module]:
    from torch import nn

    if isinstance(value, nn.Module):
        yield value
    elif depth and isinstance(value, list | tuple | dict):
        for item in _items(value):
            yield from _networks(item, depth - 1)
    elif depth and not isinstance(value, type):
        for part in [*getattr(value, "__dict__", {}).values(), *_closed_over(value)]:
            yield from _networks(part, depth - 1)


def _items(value: Any) -> Iterable[Any]:
    """What a list, tuple or dict holds."""
    return value.values() if isinstance(value, dict) else value


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


def arrays(value: Any, depth: int = _DEPTH) -> Iterator[Tensor | NDArray[Any]]:
    """Tensors and arrays that an object, or what it is made of, holds beside its networks' states.

    Such as a mean latent. What has a name with an underscore, as caches have, is left out.
    """
    yield from {id(found): found for found in _arrays(value, depth)}.values()


def _arrays(value: Any, depth: int) -> Iterator[Tensor | NDArray[Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided and not value.is_meta:
            yield value
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            yield value
    elif isinstance(value, torch.nn.Module):
        for part in value.modules():
            yield from _arrays_of(vars(part), 1)
    elif depth and isinstance(value, list | tuple | dict):
        for item in _items(value):
            yield from _arrays(item, depth - 1)
    elif depth and not isinstance(value, type):
        yield from _arrays_of(getattr(value, "__dict__", {}), depth)
        for held in _closed_over(value):
            yield from _arrays(held, depth - 1)


def _arrays_of(attributes: Mapping[str, Any], depth: int) -> Iterator[Tensor | NDArray[Any]]:
    for name, part in list(attributes.items()):
        if not name.startswith("_"):
            yield from _arrays(part, depth - 1)


def state_digest(found: Sequence[nn.Module], beside: Sequence[Tensor | NDArray[Any]] = ()) -> str:
    """Digest of names, shapes, types and values of all parameters and buffers, and of arrays."""
    sha = hashlib.sha256()
    for network in found:
        for name, tensor in sorted(network.state_dict().items()):
            _add(sha, name, tensor)
    for array in beside:
        _add(sha, "", array)
    return sha.hexdigest()[:DIGITS]


def _add(sha: Any, name: str, array: Tensor | NDArray[Any]) -> None:
    import torch

    if isinstance(array, torch.Tensor):
        array = array.detach().cpu().resolve_conj().resolve_neg().contiguous()
        levels = array.flatten().view(torch.uint8).numpy()
    else:
        levels = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    sha.update(f"{name}\0{tuple(array.shape)}\0{array.dtype}\0".encode())
    sha.update(levels.data)
