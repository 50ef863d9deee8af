"""Pointwise steps as one GPU kernel, which torch.compile makes when it is first needed.

The filters themselves are matrix products, which the GPU's libraries do at full speed; what
stands between them is memory traffic, which this halves. Nothing is compiled at installation.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

_log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


def fused(
    plain: Callable[P, T], *, device: str = "cuda", backend: str = "inductor"
) -> Callable[P, T]:
    """`plain`, compiled where its first argument lies on a GPU; as it is elsewhere.

    Where compilation fails (no Triton, a new GPU), one line is logged and `plain` runs instead.
    """
    compiled: Callable[P, T] | None = None
    works = True

    @functools.wraps(plain)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal compiled, works
        first = args[0]
        assert isinstance(first, torch.Tensor)
        if first.device.type != device or not works:
            return plain(*args, **kwargs)
        compiled = compiled or torch.compile(plain, dynamic=True, backend=backend)
        try:
            return compiled(*args, **kwargs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError) as error:
            works = False
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            _log.warning("%s runs uncompiled on this GPU: %s", plain.__name__, reason)
            return plain(*args, **kwargs)

    return run
