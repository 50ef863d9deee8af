"""Network snapshots of AnyRes-GAN, StyleGAN3 and StyleGAN2-ADA, read without running them.

Such a `.pkl` holds, for every module, a persistence record: class name, constructor arguments,
state, and the Python source of the class, which the official loader executes. Here a record
becomes plain data and the source is dropped after its digest was taken.

Source: the layout is described in the reference's `torch_utils/persistence.py` documentation;
only its data format is used.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.registry import nearest
from anyres_bench.models.torchfile import (
    Storage,
    empty_dict,
    map_file,
    read_layout,
    read_legacy_stream,
    rebuild_parameter,
    to_tensor,
)
from anyres_bench.models.unpickle import Arguments, Budget, NameTable, SafeUnpickler, expect, quote

_MAX_DEPTH = 32
_MAX_VALUES = 10_000
_MAX_NAME_CHARS = 200
_PLAIN = (type(None), bool, int, float, str)


@dataclass(frozen=True)
class OfficialNetwork:
    """One network of a snapshot.

    Attributes:
        class_name: as in the official code, "Generator" or "Discriminator".
        version: of the persistence format, 6 in all known files.
        init_args, init_kwargs: what the class was made with: JSON values.
        state: parameters and buffers by their state-dict names, on the CPU.
        module_sha256: digest of the embedded source, which tells variants of the code apart.
    """

    class_name: str
    version: int
    init_args: tuple[Any, ...]
    init_kwargs: dict[str, Any]
    state: dict[str, Tensor]
    module_sha256: str


@dataclass(frozen=True)
class OfficialSnapshot:
    """A snapshot as plain data.

    Attributes:
        name: the file's name without folders.
        sha256: digest of the file.
        keys: everything that the snapshot holds, in its order.
        networks: "G", "D", "G_ema" and the like.
        training_set_kwargs: how the official code opened its training set; None if not recorded.
    """

    name: str
    sha256: str
    keys: tuple[str, ...]
    networks: Mapping[str, OfficialNetwork]
    training_set_kwargs: dict[str, Any] | None

    def network(self, which: str) -> OfficialNetwork:
        """The network of that name.

        Raises:
            CheckpointError: the snapshot has none.
        """
        if which not in self.networks:
            raise CheckpointError(
                f"{self.name} has no network {which!r}; {nearest(which, self.networks)}"
            )
        return self.networks[which]


def read_official_pickle(path: Path) -> OfficialSnapshot:
    """Read a snapshot; nothing in it is executed or imported.

    Raises:
        UnsafeCheckpointError: it needs more than data; the message names what it asked for.
        CheckpointError: it is damaged, cut short, too large, or not such a snapshot.
    """
    path = Path(path)
    with map_file(path) as (_, data):
        budget = Budget(tensor_bytes=len(data))
        top = SafeUnpickler(data, _names(budget), budget).load()
        if not isinstance(top, dict) or not any(isinstance(v, _Record) for v in top.values()):
            raise CheckpointError("a pickle without networks; expected a dict with G_ema, G or D")
        options = top.get("training_set_kwargs")
        return OfficialSnapshot(
            name=path.name,
            sha256=hashlib.sha256(data).hexdigest(),
            keys=tuple(_check_name(key) for key in top),
            networks={
                key: _network(record, Budget(tensor_bytes=len(data)))
                for key, record in top.items()
                if isinstance(record, _Record)
            },
            training_set_kwargs=None if options is None else expect(to_plain(options), dict),
        )


def to_plain(value: Any) -> Any:
    """`value` as JSON has it: None, bool, int, float, str, list and dict with text keys.

    Raises:
        CheckpointError: it holds anything else, or too much.
    """
    left = _MAX_VALUES

    def convert(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > _MAX_DEPTH:
            raise CheckpointError(
                f"constructor arguments of more than {_MAX_VALUES} values or {_MAX_DEPTH} levels"
            )
        value = value.plain() if isinstance(value, _Array) else value
        if isinstance(value, Mapping):
            return {_check_name(key): convert(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [convert(item, depth + 1) for item in value]
        if not isinstance(value, _PLAIN) or (isinstance(value, float) and not math.isfinite(value)):
            raise CheckpointError(f"{quote(value)} where a plain, finite value was expected")
        return value

    return convert(value, 0)


# The inert stand-ins of the globals that occur.


@dataclass(frozen=True, eq=False)
class _Record:
    class_name: str
    version: int
    module_sha256: str
    state: dict[str, Any]


@dataclass(eq=False)
class _Dtype:
    """A numpy dtype: kind and width, such as "f8"; the byte order comes by BUILD."""

    code: str

    def build(self, state: Any) -> None:
        order = expect(state, tuple)[1] if len(state) > 1 else None
        if order not in ("<", "|"):
            raise CheckpointError("numbers of numpy that are not little-endian")

    def read(self, data: Any) -> np.ndarray:
        if self.code not in ("b1", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"):
            raise CheckpointError(f"numpy dtype {quote(self.code)}; only plain numbers are read")
        return np.frombuffer(expect(data, memoryview), dtype=f"<{self.code}")


@dataclass(eq=False)
class _Array:
    """A numpy array; shape, dtype and numbers come by BUILD."""

    value: np.ndarray | None = None

    def build(self, state: Any) -> None:
        _version, shape, dtype, fortran, data = expect(state, tuple)
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> None:
        numbers = expect(dtype, _Dtype).read(data)
        sides = [expect(side, int) for side in expect(shape, tuple)]
        if len(sides) > 4 or math.prod(sides) != numbers.size:
            raise CheckpointError(f"a numpy array of shape {sides[:5]} and {numbers.size} numbers")
        self.value = numbers.reshape(sides, order=order)

    def plain(self) -> Any:
        if self.value is None or self.value.size > _MAX_VALUES:
            raise CheckpointError("a numpy array without numbers, or too large for an option")
        return self.value.tolist()


def _names(budget: Budget) -> NameTable:
    def tensor(arguments: Arguments) -> Tensor:
        return to_tensor(read_layout(arguments), budget)

    def storage(arguments: Arguments) -> Storage:
        [stream] = arguments
        return expect(read_legacy_stream(expect(stream, memoryview), {}, budget), Storage)

    names: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): empty_dict,
        ("builtins", "set"): _read_set,  # pickle protocol 3 has no opcode for sets
        ("dnnlib.util", "EasyDict"): empty_dict,
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _read_record,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
        ("torch.storage", "_load_from_bytes"): storage,
        ("numpy", "ndarray"): lambda arguments: _Array(),
        ("numpy", "dtype"): lambda arguments: _Dtype(expect(arguments[0], str)),
    }
    for numpy in ("numpy.core", "numpy._core"):
        names[f"{numpy}.multiarray", "_reconstruct"] = lambda arguments: _Array()
        names[f"{numpy}.multiarray", "scalar"] = _read_scalar
        names[f"{numpy}.numeric", "_frombuffer"] = _read_array  # pickle protocol 5
    return names


def _read_set(arguments: Arguments) -> set[str]:
    [items] = arguments
    return {expect(item, str) for item in expect(items, list)}


def _read_scalar(arguments: Arguments) -> Any:
    dtype, data = arguments
    [number] = expect(dtype, _Dtype).read(data)
    return number.item()


def _read_array(arguments: Arguments) -> _Array:
    data, dtype, shape, order = arguments
    array = _Array()
    array.fill(data, dtype, shape, "F" if order == "F" else "C")
    return array


def _read_record(arguments: Arguments) -> _Record:
    [meta] = arguments
    if expect(meta, dict).get("type") != "class":
        raise CheckpointError(f"a persistence record of type {quote(meta.get('type'))}")
    return _Record(
        class_name=_check_name(meta.get("class_name")),
        version=expect(meta.get("version"), int),
        module_sha256=sha256_text(expect(meta.get("module_src"), str)),
        state=expect(meta.get("state"), dict),
    )


# From records to networks.


def _network(record: _Record, budget: Budget) -> OfficialNetwork:
    state: dict[str, Tensor] = {}
    _flatten(record, "", state, budget)
    return OfficialNetwork(
        class_name=record.class_name,
        version=record.version,
        init_args=tuple(to_plain(record.state.get("_init_args", ()))),
        init_kwargs=expect(to_plain(record.state.get("_init_kwargs", {})), dict),
        state=state,
        module_sha256=record.module_sha256,
    )


def _flatten(record: _Record, prefix: str, state: dict[str, Tensor], budget: Budget) -> None:
    """Add the tensors of `record` and the modules in it to `state`, by their dotted names."""
    budget.spend("steps", 1 + len(prefix))  # modules that share or hold themselves end here
    transient = record.state.get("_non_persistent_buffers_set", set())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in expect(record.state.get(kind, {}), dict).items():
            if tensor is not None and name not in transient:
                budget.spend("tensor_bytes", expect(tensor, Tensor).nbytes)
                state[prefix + _check_part(name)] = tensor
    if prefix.count(".") >= _MAX_DEPTH:
        raise CheckpointError(f"modules nested deeper than {_MAX_DEPTH} levels")
    for name, module in expect(record.state.get("_modules", {}), dict).items():
        if module is not None:
            _flatten(expect(module, _Record), f"{prefix}{_check_part(name)}.", state, budget)


def _check_part(name: Any) -> str:
    if "." in expect(name, str):
        raise CheckpointError(f"{quote(name)} is not the name of a module or tensor: it has a dot")
    return _check_name(name)


def _check_name(name: Any) -> str:
    if not expect(name, str).isprintable() or not 0 < len(name) <= _MAX_NAME_CHARS:
        raise CheckpointError(f"{quote(name)} is not the name of anything in a checkpoint")
    return str(name)
