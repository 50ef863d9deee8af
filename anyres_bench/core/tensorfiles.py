"""Files of named tensors, read as data: `torch.save` of today and before, TorchScript, safetensors.

torch's own reader is not used: it would see another archive than the one that was checked, and it
trusts sizes. A pickle declares storages and views of them; here a view becomes a tensor when it
lies inside numbers that the file holds, and all tensors together may not be larger than the file. A
TorchScript archive is a program with its tensors beside it; its code is never looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from anyres_bench.core.budget import MAX_FILE_BYTES, MAX_TABLE_BYTES, Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.core.filekinds import HEAD_BYTES, describe
from anyres_bench.core.plain import unique_keys
from anyres_bench.core.storages import (
    LEGACY_HEAD,
    REBUILD,
    REBUILD_FIRST,
    Storage,
    check_size,
    file_names,
    first_text,
    read_layout,
    read_legacy_stream,
    read_storage_id,
    tensor_names,
)
from anyres_bench.core.unpickle import Arguments, SafeUnpickler, expect, quote
from anyres_bench.core.zips import MAGIC as ZIP_MAGIC
from anyres_bench.core.zips import ZipArchive

if TYPE_CHECKING:
    from torch import Tensor

_MAX_DEPTH = 32
_PACKED = {"F4", "F6_E2M3", "F6_E3M2"}
Kind = Literal["torch", "torchscript", "safetensors"]
D = TypeVar("D")


@dataclass(frozen=True)
class TensorFile:
    """What a file holds.

    Attributes:
        name: without folders.
        sha256: of the bytes that were read.
        kind: of the file.
        content: what was saved: tensors on the CPU, with memory of their own, in dicts and lists.
            Of a TorchScript file all tensors by their dotted names.
    """

    name: str
    sha256: str
    kind: Kind
    content: Any


def read_tensor_file(path: Path) -> TensorFile:
    """Read a file of tensors; nothing in it is executed or imported.

    Raises:
        UnsafeCheckpointError: it needs a global that is not harmless.
        CheckpointError: it is not there, damaged, too large, of another kind, or lies about sizes.
    """
    path = Path(path)
    with map_file(path) as data:
        budget = Budget(tensor_bytes=len(data))
        kind, content = _read(path, data, budget)
        return TensorFile(path.name, hashlib.sha256(data).hexdigest(), kind, content)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        CheckpointError: it is not there, damaged, too large or of another kind.
    """
    with map_file(path) as data:
        head = bytes(data[:HEAD_BYTES])
        if not is_safetensors(head):
            raise CheckpointError(f"this file is {describe(head)}; expected .safetensors")
        return _read_safetensors(path, data)


def _read(path: Path, data: memoryview, budget: Budget) -> tuple[Kind, Any]:
    head = bytes(data[:HEAD_BYTES])
    if path.suffix == ".distcp":
        raise CheckpointError(
            "a part of a checkpoint that torch.distributed (FSDP) saved as a folder; put it into "
            "one file: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE"
        )
    if head.startswith(ZIP_MAGIC):
        return _read_zip(ZipArchive(data, budget), budget)
    if LEGACY_HEAD.match(head):
        return "torch", _read_legacy_file(data, budget)
    if is_safetensors(head):
        return "safetensors", _read_safetensors(path, data)
    if head[257:262] == b"ustar":
        raise UnsafeCheckpointError(
            "a tar file, as torch 0.1 wrote them, which cannot be read safely; if it is an "
            "archive of files, unpack it first (tar -xf)"
        )
    if head[:1] == b"\x80":
        raise CheckpointError(
            "a pickle that is no file of torch.save; snapshots (.pkl) of AnyRes-GAN, StyleGAN3 and "
            "StyleGAN2-ADA are loaded by their path: evaluate FILE.pkl, convert FILE.pkl OUT"
        )
    raise CheckpointError(
        f"this file is {describe(head)}. Expected are tensors: .pt or .pth of torch.save, a "
        "TorchScript file, or .safetensors"
    )


@contextlib.contextmanager
def map_file(path: Path) -> Iterator[memoryview]:
    """A file as a view of its bytes.

    Raises:
        CheckpointError: it is not there, no regular file, empty or too large, or it changed while
            it was read; an error of the block gains the path.
    """
    try:
        # A FIFO must not be waited for, nor a device be read.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise CheckpointError("this is no regular file; expected a checkpoint")
            if not 0 < before.st_size <= MAX_FILE_BYTES:
                raise CheckpointError(f"{before.st_size} bytes; expected 1 to {MAX_FILE_BYTES}")
            # A private mapping: torch wants buffers that could be written. The last view frees it.
            yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
            if _identity(os.stat(path)) != _identity(before):
                raise CheckpointError("the file was changed while it was read; try again")
    except IsADirectoryError as error:
        raise CheckpointError(
            f"{path}: this is a folder; expected a file: name the one in it"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        raise CheckpointError(
            f"{path}: there is not enough memory for its tensors; free some, or raise the limit "
            "(ulimit -v)"
        ) from error


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_legacy_file(data: memoryview, budget: Budget) -> Any:
    # The numbers lie behind the pickle of their views: one reading finds them, one uses them.
    storages: dict[str, Storage] = {}
    names = file_names(budget)
    checked = {
        REBUILD: read_layout,
        REBUILD_FIRST: lambda arguments: read_layout((*arguments, False, None)),
    }
    read_legacy_stream(data, {**names, **checked}, budget, storages)
    return read_legacy_stream(data, names, budget, storages)


# The zip of today, with or without a program.


def _read_zip(archive: ZipArchive, budget: Budget) -> tuple[Kind, Any]:
    root = next(iter(archive.entries), "").partition("/")[0]
    if f"{root}/data.pkl" not in archive.entries:
        raise CheckpointError(_not_of_torch(archive))
    order = f"{root}/byteorder"
    if order in archive.entries and (said := bytes(archive.read(order)[:80])) != b"little":
        raise CheckpointError(
            f"its numbers are stored in the order {said!a}; expected b'little', as torch saves "
            "them on all common machines: load it where it was made and save it as .safetensors"
        )
    storages: dict[Any, Storage] = {}

    def declare(saved_id: Any) -> Storage:
        key, storage = read_storage_id(saved_id)
        name = f"{root}/data/{key}"
        stored = archive.entries[name].size if name in archive.entries else None
        if stored != storage.n_bytes:
            raise CheckpointError(
                f"storage {key[:20]!r} is declared with {storage.n_bytes} bytes and has {stored}; "
                "the checkpoint is damaged or hostile"
            )
        storage.data = lambda: archive.read(name)
        return storages.setdefault((key, storage.dtype), storage)

    program = archive.read(f"{root}/data.pkl")
    if f"{root}/constants.pkl" in archive.entries:
        script_names = _ScriptNames({**tensor_names(budget), ("torch", "device"): first_text})
        tree = SafeUnpickler(program, script_names, budget, persistent=declare).load()
        tensors: dict[str, Tensor] = {}
        _collect(tree, "", tensors, budget)
        return "torchscript", tensors
    if not all(entry.is_plain for entry in archive.entries.values()):
        raise CheckpointError(
            "the entries of this file are compressed or encrypted, which torch never does to "
            "tensors; it is refused unread: get the file itself, or save it again with torch.save"
        )
    reader = SafeUnpickler(program, file_names(budget), budget, persistent=declare)
    return "torch", reader.load()


def _not_of_torch(archive: ZipArchive) -> str:
    names = list(archive.entries)
    shown = ", ".join(map(quote, names[:3])) or "nothing"
    if names and all(name.endswith(".npy") for name in names):
        return (
            f"an archive of numpy's arrays (.npz); it holds {shown}. Save tensors of these names: "
            "safetensors.numpy.save_file(dict(numpy.load(FILE)), NAME.safetensors)"
        )
    return (
        f"a zip archive that torch did not write; it holds {shown}. If the weights are in it, "
        "unpack it first"
    )


@dataclass(eq=False)
class _Object:
    """Stands for an instance of a class of a TorchScript archive; its state comes by BUILD."""

    state: dict[Any, Any] = field(default_factory=dict)

    def build(self, state: Any) -> None:
        self.state = expect(state, dict)


class _ScriptNames(dict[tuple[str, str], Callable[[Arguments], Any]]):
    """Names of a TorchScript archive: its own classes, of any name, and its typed lists."""

    def get(self, key: Any, default: Any = None) -> Any:
        if f"{key[0]}.".startswith("__torch__."):  # of `__main__` there is no more
            return lambda arguments: _Object()
        if key[0] == "torch.jit._pickle":
            return lambda arguments: arguments[0]
        return super().get(key, default)


def _collect(value: Any, prefix: str, tensors: dict[str, Tensor], budget: Budget) -> None:
    """Add the tensors of a module tree by their dotted names."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[prefix.removesuffix(".")] = value
    elif isinstance(value, _Object):
        if prefix.count(".") >= _MAX_DEPTH:
            raise CheckpointError(f"modules nested deeper than {_MAX_DEPTH} levels")
        for name, child in value.state.items():
            budget.spend("steps", 1 + len(prefix))
            _collect(child, f"{prefix}{expect(name, str)}.", tensors, budget)


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins so is one: the length of its header, and JSON."""
    return len(head) > 8 and head[8:9] == b"{" and head[:8] != bytes(8)


def _read_safetensors(path: Path, data: memoryview) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    [n] = struct.unpack_from("<Q", data)
    if n > MAX_TABLE_BYTES:
        raise CheckpointError(
            f"a safetensors file whose header has {n} bytes; at most {MAX_TABLE_BYTES} are read"
        )
    try:
        state = safetensors.torch.load_file(path)
        _check_header(bytes(data[8 : 8 + n]))
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"a damaged safetensors file: {str(error)[:300]}; get it again from its source"
        ) from error
    # Its tensors are views of the file, which may change.
    return {name: tensor.clone() for name, tensor in state.items()}


def _check_header(header: bytes) -> None:
    """What the library takes as it comes: a name twice, of which it uses the last, and sizes.

    Raises:
        CheckpointError: a tensor is none of a network.
        ValueError: it is no JSON, or readers could see different tensors in it.
    """
    table = expect(json.loads(header, object_pairs_hook=unique_keys), dict)
    for name, entry in table.items():
        if name == "__metadata__":
            continue
        said = expect(entry, dict)
        check_size(tuple(expect(side, int) for side in expect(said.get("shape"), list)))
        if said.get("dtype") in _PACKED:
            raise CheckpointError(
                f"{quote(name)} is of type {said['dtype']}, of less than a byte a number; save it "
                "as float16 or float32"
            )
