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
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.filekinds import HEAD_BYTES, describe
from anyres_bench.core.files import sha256_text
from anyres_bench.core.pickled_numpy import Array, numpy_names
from anyres_bench.core.registry import nearest
from anyres_bench.core.storages import (
    LEGACY_HEAD,
    Storage,
    empty_dict,
    read_legacy_stream,
    tensor_names,
)
from anyres_bench.core.tensorfiles import is_safetensors, map_file
from anyres_bench.core.unpickle import Arguments, NameTable, SafeUnpickler, expect, quote
from anyres_bench.core.zips import MAGIC as ZIP_MAGIC

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
    with map_file(path) as data:
        head = bytes(data[:HEAD_BYTES])
        if data[0] != pickle.PROTO[0] or _is_tensors(head):
            raise CheckpointError(f"not a pickle of networks: this file is {_describe(head)}")
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
        value = value.plain() if isinstance(value, Array) else value
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


def _names(budget: Budget) -> NameTable:
    sources: dict[str, str] = {}  # a source may be named again and again, and is hashed once

    def storage(arguments: Arguments) -> Storage:
        [stream] = arguments
        return expect(read_legacy_stream(expect(stream, memoryview), {}, budget), Storage)

    def read_set(arguments: Arguments) -> set[str]:
        [items] = arguments
        budget.spend("steps", len(expect(items, list)))
        return {expect(item, str) for item in items}

    def record(arguments: Arguments) -> _Record:
        [meta] = arguments
        if expect(meta, dict).get("type") != "class":
            raise CheckpointError(f"a persistence record of type {quote(meta.get('type'))}")
        source = expect(meta.get("module_src"), str)
        if source not in sources:
            sources[source] = sha256_text(source)
        return _Record(
            class_name=_check_name(meta.get("class_name")),
            version=expect(meta.get("version"), int),
            module_sha256=sources[source],
            state=expect(meta.get("state"), dict),
        )

    return {
        **tensor_names(budget),
        **numpy_names(budget),
        ("builtins", "set"): read_set,  # pickle protocol 3 has no opcode for sets
        ("dnnlib.util", "EasyDict"): empty_dict,
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): record,
        ("torch.storage", "_load_from_bytes"): storage,
    }


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


def _is_tensors(head: bytes) -> bool:
    """Whether tensors alone follow; the first byte of such files may be that of a pickle."""
    return bool(LEGACY_HEAD.match(head)) or is_safetensors(head)


def _describe(head: bytes) -> str:
    if head.startswith(ZIP_MAGIC) or _is_tensors(head):
        what = "a zip" if head.startswith(ZIP_MAGIC) else "tensors without an architecture"
        return (
            f"{what}, as torch.save (.pt, .pth) or safetensors writes; such files are loaded by "
            "the baseline that they belong to"
        )
    return describe(head)
