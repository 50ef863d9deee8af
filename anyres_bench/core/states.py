"""Where in a file the state of a network is: trainings save it under many names.

`torch.save` is given a dict with the state under a key of the project's own, and wrappers such as
`DistributedDataParallel` and `torch.compile` put a name of theirs before those of the tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.unpickle import quote

if TYPE_CHECKING:
    from torch import Tensor

_USUAL_KEYS = (
    "ema",
    "params_ema",
    "state_dict",
    "model_state_dict",
    "params",
    "model",
    "net",
    "network",
    "generator",
    "module",
    "shadow",
    "weights",
)
# Words of the keys of averaged weights, and of those that are no average of a generator.
_AVERAGES = {"ema", "averaged", "average", "avg", "swa"}
_OTHERS = {"d", "disc", "discriminator", "critic", "optim", "optimizer", "sched", "scheduler"}
# Names that wrappers add: of distributed training, compiling, sharding and recomputing.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_COUNTER = "n_averaged"  # of `torch.optim.swa_utils.AveragedModel`
_MAX_DEPTH = 3
_PLAIN = (type(None), bool, int, float, str)


def find_state(content: Any, *keys: str, prefix: str = "") -> dict[str, Tensor]:
    """The state dict in what a file holds, by the names that the network gives its tensors.

    Averaged weights come before others, those of `keys` first; then the first of `keys` that holds
    tensors, then the content itself, then the usual keys. What is no tensor beside the tensors (a
    step, a date) and the names of wrappers are left out.

    Args:
        content: what was saved.
        keys: where the state may be, the preferred one first.
        prefix: keep only names that start so, without it, where there are any.

    Raises:
        CheckpointError: there is no such state, an average whose names are not known, or several
            averages; says what there is.
    """
    state = next(_states(content, keys), None)
    if state is not None:
        for start in (*(f"{key}." for key in keys), prefix):
            state = _under(state, start) or state
        return state
    places = " or ".join(keys) or "its own keys"
    raise CheckpointError(f"it holds no network under {places}; it holds {holds(content)}")


def holds(content: Any) -> str:
    """What was saved, in words."""
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    shown = [key if str(key).isprintable() else quote(key) for key in list(content)[:8]]
    empty = [key for key, value in content.items() if isinstance(value, Mapping) and not value]
    return (
        ", ".join(f"{key:.80}" for key in map(str, shown))
        + (f" ({len(empty)} of them empty)" if empty else "")
        or "nothing"
    )


def _states(content: Any, keys: tuple[str, ...], depth: int = 0) -> Iterator[dict[str, Tensor]]:
    if not isinstance(content, Mapping) or depth > _MAX_DEPTH:
        return
    yield from _averaged(content, keys, depth)
    for value in (*(content[key] for key in keys if key in content), content):
        if state := _state(value):
            yield state
    for key in _USUAL_KEYS:
        yield from _states(content.get(key), keys, depth + 1)


def _averaged(
    content: Mapping[Any, Any], keys: tuple[str, ...], depth: int
) -> Iterator[dict[str, Tensor]]:
    """The average beside other weights; without it, those would be measured in its place."""
    averages = [key for key in content if _is_average(key) and _has_tensors(content[key])]
    preferred = [key for key in keys if key in averages]
    if len(averages) > 1 and not preferred:
        shown = ", ".join(quote(key) for key in averages)
        raise CheckpointError(f"it holds several averages, {shown}; save the one that is meant")
    for key in preferred or averages:
        states = [_state(content[key]), *_states(content[key], keys, depth + 1)]
        found = next(filter(None, states), None)
        if found is None:
            raise CheckpointError(
                f"it holds an average under {quote(key)}, whose tensors have no names of a network "
                f"({holds(content[key])}); save it as a state dict, or leave it out where the "
                "other weights are meant"
            )
        yield found


def _is_average(key: Any) -> bool:
    """Whether a key such as `model_ema`, `emaStateDict` or `G_EMA` names averaged weights."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+", key) if isinstance(key, str) else []
    lower = {word.lower() for word in words}
    return bool(lower & _AVERAGES) and not lower & _OTHERS


def _has_tensors(value: Any, depth: int = 0) -> bool:
    """Whether there is a tensor in lists and dicts."""
    import torch

    if depth > _MAX_DEPTH or not isinstance(value, Mapping | list | tuple):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return any(isinstance(x, torch.Tensor) or _has_tensors(x, depth + 1) for x in items)


def _state(value: Any) -> dict[str, Tensor]:
    """Tensors by their own names; empty where the value is no state dict."""
    import torch

    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(item, (torch.Tensor, *_PLAIN))
        for name, item in value.items()
    ):
        return {}
    state: dict[str, Tensor] = {}
    for name, item in value.items():
        own = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if not isinstance(item, torch.Tensor) or own == _COUNTER:
            continue
        if own in state:
            raise CheckpointError(f"it holds two tensors named {quote(own)}")
        state[own] = item
    return state


def _under(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name[len(start) :]: item for name, item in state.items() if name.startswith(start)}
