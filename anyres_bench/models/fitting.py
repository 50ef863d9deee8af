"""From the tensors of a file to a network: refused unless every one has its place.

What a file says of a network's sizes is not believed: a network that asks for much more than the
tensors of the file is not made.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from anyres_bench.core.errors import CheckpointError, ConfigError
from anyres_bench.core.registry import shown
from anyres_bench.core.states import misfits

# No network of today comes near these; without a bound, a config could ask for days of work.
_MAX_NUMBER = 1 << 17
_MAX_RESOLUTION = 1 << 13
_MAX_MARGIN = 64
_MAX_EXPONENT = 64
# part of a key -> the largest value, besides counts, which are bounded by the number of tensors
_LIMITS = {"resolution": _MAX_RESOLUTION, "out_size": _MAX_RESOLUTION, "side": _MAX_RESOLUTION}
_LIMITS |= {"margin": _MAX_MARGIN, "pad": _MAX_MARGIN, "scales": _MAX_EXPONENT}
_LIMITS |= {"fp16": _MAX_EXPONENT, "kernel": _MAX_EXPONENT, "rel": _MAX_EXPONENT}
_MOST_TIMES, _FREE_NUMBERS = 4, 1 << 22  # of what the tensors hold, and besides
_COUNTS = ("layers", "mlp", "blocks", "n_ups")
_MAX_COMPARED = 100
_MAX_SHOWN = 10

N = TypeVar("N", bound=nn.Module)


class _Metered(TorchFunctionMode):
    """Counts the numbers that are allocated while a network is made, before they are.

    torch's `meta` device would do as well, and takes two seconds to import what it needs.
    """

    def __init__(self, limit: int, source: str) -> None:
        super().__init__()
        self._left, self._source = limit, source

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _MAKERS:
            self._left -= _numel(args, kwargs or {})
            if self._left < 0:
                raise CheckpointError(
                    f"{self._source}: a network of its config is much larger than its tensors"
                )
        return func(*args, **(kwargs or {}))


_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye}
_MAKERS |= {torch.arange, torch.linspace, torch.randint}


def _numel(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """At most so many numbers are made of sizes given as `(3, 4)`, `((3, 4),)` or `size=(3, 4)`."""
    sizes = kwargs.get("size", args[0] if args and not isinstance(args[0], int | float) else args)
    sizes = sizes if isinstance(sizes, list | tuple) else (sizes,)
    return math.prod(abs(int(side)) for side in sizes if isinstance(side, int | float))


def fitted(make: Callable[[], N], state: Mapping[str, Tensor], source: str) -> N:
    """The network that `make` gives, with the tensors of `state`.

    Args:
        make: builds the network, untrained.
        state: tensors by state-dict name.
        source: where the tensors are from, for the message.

    Raises:
        CheckpointError: no network can be made, or the tensors do not fit it.
    """
    limit = _MOST_TIMES * sum(tensor.numel() for tensor in state.values()) + _FREE_NUMBERS
    try:
        with _Metered(limit, source):
            network = make()
    except _REFUSED as error:
        raise CheckpointError(f"{source}: no network can be made of it: {error}") from error
    load_strict(network, state, source)
    return network


_REFUSED = (
    ConfigError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    MemoryError,
)
"""What building a network raises when sizes make no sense, or are too large for this machine."""


def check_config(config: Mapping[str, Any], n_tensors: int, source: str) -> None:
    """Bound what building and using a network of a config costs, before any of its shapes is known.

    Args:
        config: numbers, and lists and mappings of them.
        n_tensors: in the file; no network has more layers than that.
        source: where it is from, for the message.

    Raises:
        CheckpointError: a number is larger than in any network of today, or is none.
    """
    for key, value in config.items():
        if isinstance(value, Mapping):
            check_config(value, n_tensors, source)
        elif isinstance(value, list | tuple):
            if len(value) > n_tensors:
                raise CheckpointError(f"{source}: {len(value)} values for {key} in its config")
            check_config({key: dict(enumerate(value))} if _nested(value) else {}, n_tensors, source)
            for item in value:
                _check_number(str(key), item, n_tensors, source)
        else:
            _check_number(str(key), value, n_tensors, source)


def _nested(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Mapping | list | tuple) for value in values)


def _check_number(key: str, value: Any, n_tensors: int, source: str) -> None:
    limit = next((limit for part, limit in _LIMITS.items() if part in key), _MAX_NUMBER)
    limit = n_tensors if any(part in key for part in _COUNTS) else limit
    if isinstance(value, int | float) and not abs(value) <= limit:
        raise CheckpointError(
            f"{source}: {key} is {value!r:.40} in its config; at most {limit} is possible with "
            f"{n_tensors} tensors"
        )


def check_fits(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that are not exactly those of `module`, which may be without memory (meta).

    Args:
        module: any network.
        state: tensors by state-dict name.
        source: where the tensors are from, for the message.

    Raises:
        CheckpointError: lists missing, unexpected and misshapen names, the likeliest pairs first.
    """
    wanted = module.state_dict()
    missing, unexpected = set(wanted) - set(state), set(state) - set(wanted)
    misshapen = misfits(wanted, state)
    if missing or unexpected or misshapen:
        parts = [
            *_listed("missing", len(missing), _nearest_first(missing, unexpected)),
            *_listed("unexpected", len(unexpected), _nearest_first(unexpected, missing)),
            *_listed("of another shape or kind", len(misshapen), misshapen),
        ]
        title = f"{source} does not fit {type(module).__name__}"
        raise CheckpointError("\n".join([title, *parts]))


def load_strict(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy `state` into `module`, which must have exactly these names, shapes and kinds.

    Raises:
        CheckpointError: see `check_fits`.
    """
    check_fits(module, state, source)
    module.load_state_dict(dict(state), strict=True)


def _nearest_first(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """`names` with the likeliest of `others` beside each, the closest pairs first."""
    # Names of a file may be of any length, and comparing takes the time of both multiplied.
    own, compared = (list(map(shown, sorted(part)[:_MAX_COMPARED])) for part in (names, others))
    rows: list[tuple[float, str]] = []
    for name in own:
        scored = [(difflib.SequenceMatcher(None, name, other).ratio(), other) for other in compared]
        score, nearest = max(scored, default=(0.0, ""))
        rows.append((-score, f"{name} (nearest: {nearest})" if score > 0.5 else name))
    return [text for _, text in sorted(rows)]


def _listed(title: str, n: int, rows: list[str]) -> list[str]:
    if not n:
        return []
    more = [f"    ... and {n - _MAX_SHOWN} more"] if n > _MAX_SHOWN else []
    return [f"  {n} {title}:", *(f"    {row}" for row in rows[:_MAX_SHOWN]), *more]
