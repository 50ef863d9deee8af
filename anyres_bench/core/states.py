"""Where in a file the state of a network is: trainings save it under many names.

`torch.save` is given a dict with the state under a key of the project's own, and wrappers such as
`DistributedDataParallel` and `torch.compile` put a name of theirs before those of the tensors.
"""

from __future__ import annotations

import math
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
        CheckpointError: there is no such state, an average whose names are not known, several
            averages or networks, or a tensor that is not of finite, real numbers; says what there
            is.
    """
    state = next(_states(content, keys), None)
    if state is not None:
        for start in (*(f"{key}." for key in keys), prefix):
            state = _under(state, start) or state
        _check_numbers(state)
        return state
    places = " or ".join(keys) or "its own keys"
    raise CheckpointError(
        f"it holds no network under {places}; it holds {holds(content)}. Expected are tensors by "
        "name: torch.save(model.state_dict(), FILE)"
    )


def kind(tensor: Tensor) -> str:
    """What a tensor's numbers are, in a word: floats of any width are one kind.

    A network's numbers must not be loaded from those of another kind: integers in the place of
    floats are quantised, and the real part of complex numbers is not what was trained.
    """
    return "floats" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def misfits(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], *, any_shape: bool = False
) -> list[str]:
    """The tensors that are of another shape or kind than those of the same name that are wanted.

    Args:
        wanted: of the network.
        state: of the file.
        any_shape: only kinds are compared, where shapes are fitted later.
    """

    def shown(tensor: Tensor) -> str:
        return kind(tensor) if any_shape else f"{tuple(tensor.shape)} {kind(tensor)}"

    return [
        f"{name}: {shown(state[name])} in the file, {shown(tensor)} in the network"
        for name, tensor in wanted.items()
        if name in state and shown(state[name]) != shown(tensor)
    ]


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
        for state in _states(content.get(key), keys, depth + 1):
            _check_alone(content, key, state)
            yield state


def _check_alone(content: Mapping[Any, Any], key: str, state: Mapping[str, Tensor]) -> None:
    """Refuse a second state of the same names: no rule says which of them is meant."""
    rivals = [other for other in content if other != key and _is_rival(content[other], state)]
    if rivals:
        raise CheckpointError(
            f"it holds several networks of the same names, under {quote(key)} and "
            f"{', '.join(map(quote, rivals[:8]))}; save the one that is meant: "
            "torch.save(model.state_dict(), FILE)"
        )


def _is_rival(value: Any, state: Mapping[str, Tensor]) -> bool:
    """Whether there are other numbers under the same names."""
    try:
        other = _state(value)
    except CheckpointError:
        return False
    return other.keys() == state.keys() and not all(
        _is_same(tensor, other[name]) for name, tensor in state.items()
    )


def _is_same(a: Tensor, b: Tensor) -> bool:
    import torch

    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(*(x.reshape(-1).view(torch.uint8) for x in (a, b)))


def _check_numbers(state: Mapping[str, Tensor]) -> None:
    """Refuse what no trained network has; -inf is in masks of attention."""
    for name, tensor in state.items():
        if tensor.is_complex():
            raise CheckpointError(
                f"{quote(name)} is of complex numbers; networks here have real ones: save what is "
                "meant, such as torch.view_as_real(tensor)"
            )
        numbers = tensor.float() if tensor.is_floating_point() and tensor.itemsize == 1 else tensor
        if tensor.is_floating_point() and not bool((numbers < math.inf).all()):
            raise CheckpointError(
                f"{quote(name)} holds NaN or infinity, as a training that diverged leaves them; "
                "take a checkpoint from before"
            )


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
