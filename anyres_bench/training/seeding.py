"""Networks and noise made from seeds alone, never from torch's shared random state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from anyres_bench.core.distributed import device
from anyres_bench.core.seeds import Stream

N = TypeVar("N", bound=nn.Module)


def seeded(seed: int, make: Callable[[], N]) -> N:
    """What `make` gives with torch's random state at `seed`; the state is put back behind it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def torch_generator(rng: Stream) -> torch.Generator:
    """A torch generator on the CPU that continues a stream: for the large fields of training."""
    return torch.Generator().manual_seed(int(rng.words(1)[0]) >> 1)


def normals(rng: Stream, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Standard normals of several shapes, float32, on this process's device."""
    source = torch_generator(rng)
    return [torch.randn(shape, generator=source).to(device()) for shape in shapes]
