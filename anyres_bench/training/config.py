"""Configuration: frozen dataclasses, read from files and `key=value`, checked before anything runs.

Schedules are in thousands of images seen (kimg), so the batch size does not change their meaning.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.plain import unique_keys
from anyres_bench.core.registry import nearest

C = TypeVar("C")
_LARGEST = 1 << 63  # beyond, no seed and no size is a number to work with


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The loop, whatever is trained.

    Attributes:
        total_kimg: length of the run, thousands of images.
        batch: images a step, over all processes.
        micro_batch: images a forward pass; gradients of a step's passes add up.
        kimg_per_tick: thousands of images from one printed line to the next.
        checkpoint_ticks: ticks from one checkpoint to the next.
        sample_ticks: ticks from one grid of samples to the next; 0 for none.
        evaluate_ticks: ticks from one evaluation to the next; 0 for none.
        charts: whether curves.png and log.csv are made of the log, which takes a run of a few steps
            most of its time.
        keep: checkpoints that are kept, the newest ones.
        seed: of everything that is drawn.
        n_workers: processes that read images ahead; at 0 a thread of the training process does.
        precision: of forward passes; weights and optimisers stay float32.
        compile: run the averaged network through torch.compile; takes minutes at first.
        ema_kimg: half-life of the averaged weights, thousands of images.
        ema_rampup: the half-life is at most this share of the images seen; 0 for no limit.
    """

    total_kimg: float = 25_000.0
    batch: int = 32
    micro_batch: int = 8
    kimg_per_tick: float = 4.0
    checkpoint_ticks: int = 10
    sample_ticks: int = 10
    evaluate_ticks: int = 50
    charts: bool = True
    keep: int = 3
    seed: int = 0
    n_workers: int = 3
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False
    ema_kimg: float = 10.0
    ema_rampup: float = 0.05

    def __post_init__(self) -> None:
        at_least(self, total_kimg=0, batch=1, micro_batch=1, keep=1, n_workers=0)
        at_least(self, checkpoint_ticks=1, sample_ticks=0, evaluate_ticks=0, ema_rampup=0)
        above(self, kimg_per_tick=0, ema_kimg=0)
        if self.batch % self.micro_batch:
            raise ConfigError(
                f"loop.batch is {self.batch}, which is no multiple of loop.micro_batch "
                f"{self.micro_batch}; change one of them"
            )

    def steps(self, kimg: Iterable[float], penalty_interval: int | None = None) -> list[int]:
        """An optimiser's steps after so many thousand images, a lazy penalty's own among them.

        >>> LoopConfig(batch=8).steps([1, 2], penalty_interval=5)
        [150, 300]
        """
        steps = [round(each * 1000 / self.batch) for each in kimg]
        return [n + (math.ceil(n / penalty_interval) if penalty_interval else 0) for n in steps]


def at_least(config: Any, **limits: float) -> None:
    """Check that fields, and each of the numbers of those that are lists, are not below a limit.

    Raises:
        ConfigError: one is.
    """
    for name, limit in limits.items():
        value = getattr(config, name)
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None and not each >= limit:
                raise ConfigError(f"{name} is {value}; expected {limit} or more")


def above(config: Any, **limits: float) -> None:
    """Check that fields are above a limit.

    Raises:
        ConfigError: one is not.
    """
    for name, limit in limits.items():
        value = getattr(config, name)
        if value is not None and not value > limit:
            raise ConfigError(f"{name} is {value}; expected more than {limit}")


def read_settings(path: Path) -> dict[str, Any]:
    """The values of a TOML or JSON file.

    Raises:
        ConfigError: no such file, another ending, or not what the ending says.
    """
    path = Path(path)
    readers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".json": lambda text: json.loads(text, object_pairs_hook=unique_keys),
    }
    if path.suffix not in readers:
        raise ConfigError(f"{path} is neither a .toml nor a .json file")
    try:
        values = readers[path.suffix](path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds a {type(values).__name__}, expected a table of values")
    return values


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read `key=value` and `table.key=value`; a value is JSON, or else a plain string.

    Raises:
        ConfigError: there is no "=".

    >>> parse_assignments(["loop.batch=16", "stage=patch"])
    {'loop': {'batch': 16}, 'stage': 'patch'}
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {assignment!r} is not key=value")
        value = _parse_value(text.strip())
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        values = merge(values, value)
    return values


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # no JSON, or a number of thousands of digits
        return text


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables laid over each other; later ones win, lists and plain values as a whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def build(kind: type[C], values: Mapping[str, Any], where: str = "") -> C:
    """Make a configuration dataclass from plain values.

    Raises:
        ConfigError: an unknown or missing key, or a value of the wrong type or that is no finite
            number; the message names the key by its full path and suggests the nearest.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where.rstrip('.')} is {values!r:.80}; expected a table")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise ConfigError(f"unknown setting {where}{key}; {nearest(key, fields)}")
    missing = [name for name, field in fields.items() if name not in values and _required(field)]
    if missing:
        raise ConfigError(f"setting {where}{missing[0]} is missing; it has no default")
    arguments = {key: _typed(hints[key], values[key], where + key) for key in values}
    return kind(**arguments)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed(hint: Any, value: Any, key: str) -> Any:
    """`value` as the type that the field declares."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        [hint] = [argument for argument in arguments if argument is not type(None)]
        return _typed(hint, value, key)
    if origin is Literal:
        if value not in arguments:
            expected = nearest(str(value), [str(argument) for argument in arguments])
            raise ConfigError(f"{key} is {value!r}; {expected}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{key} is {value!r}; expected a list")
        return tuple(_typed(arguments[0], item, f"{key}[{i}]") for i, item in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return build(hint, value, f"{key}.")  # type: ignore[arg-type]
    whole = type(value) is int
    if whole and abs(value) >= _LARGEST:
        raise ConfigError(f"{key} is {value!r:.30}; expected a number of at most 64 bits")
    if hint is float and whole:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{key} is {value!r}; expected {hint.__name__}")
    if hint is float and not math.isfinite(value):
        raise ConfigError(f"{key} is {value}; expected a finite number")
    return value


def to_plain(config: Any) -> dict[str, Any]:
    """A configuration as nested plain values, ready for JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain
