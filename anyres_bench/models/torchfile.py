"""Files and streams of `torch.save`: what they declare is checked before anything is allocated.

Two containers exist: the zip of today, and the older stream of five pickles followed by raw
numbers, which also sits inside official snapshots once per tensor. In both, a pickle declares
storages and views of them; a file can declare more than it holds.
"""

from __future__ import annotations

import contextlib
import mmap
import pickle
import struct
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.models.unpickle import Arguments, Budget, Name, NameTable, SafeUnpickler, expect

MAX_FILE_BYTES = 8 << 30
_MAX_DIRECTORY_BYTES = 16 << 20
_MAX_DIMENSIONS = 8
LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_LEGACY_PROTOCOL = 1001
_BAD_ZIP = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    StopIteration,
    ValueError,
)
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass(eq=False)
class Storage:
    """Numbers of one type in a row; `data` is a view of the file, once it is known."""

    dtype: torch.dtype
    numel: int
    data: memoryview | None = None

    @property
    def n_bytes(self) -> int:
        """Size of all numbers."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True)
class Layout:
    """A view of a storage: offset, sizes and strides in numbers, known to lie inside it."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        """How many numbers the view shows."""
        n = 1
        for side in self.size:
            n *= side
        return n


def read_layout(arguments: Arguments) -> Layout:
    """The checked view that the arguments of torch's `_rebuild_tensor_v2` describe.

    Raises:
        CheckpointError: a part has the wrong type, or the view reaches outside its storage or
            shows more numbers than there are.
    """
    if len(arguments) not in (6, 7):
        raise CheckpointError(f"a tensor is declared by {len(arguments)} values, expected 6 or 7")
    storage, offset = expect(arguments[0], Storage), expect(arguments[1], int)
    size, stride = (
        tuple(expect(number, int) for number in expect(part, tuple)) for part in arguments[2:4]
    )
    layout = Layout(storage, offset, size, stride)
    fits = len(size) == len(stride) <= _MAX_DIMENSIONS and min((offset, *size, *stride)) >= 0
    if fits and layout.numel:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        fits = last < storage.numel and layout.numel <= storage.numel
    if not fits:
        raise CheckpointError(
            f"a tensor of size {size[:9]}, stride {stride[:9]} at offset {offset} does not lie in "
            f"its {storage.numel} stored numbers; the checkpoint is damaged or hostile"
        )
    return layout


def to_tensor(layout: Layout, budget: Budget) -> torch.Tensor:
    """A contiguous CPU tensor with memory of its own.

    Raises:
        CheckpointError: all tensors together need more than the file's size.
    """
    storage = layout.storage
    if storage.data is None or sys.byteorder != "little":
        raise CheckpointError("a tensor without numbers, or a big-endian machine")
    budget.spend("tensor_bytes", layout.numel * storage.dtype.itemsize)
    if not layout.numel:
        return torch.empty(layout.size, dtype=storage.dtype)
    flat = torch.frombuffer(storage.data, dtype=storage.dtype)
    view = flat.as_strided(layout.size, layout.stride, layout.offset)
    return view.clone(memory_format=torch.contiguous_format)


def read_legacy_stream(data: memoryview, names: NameTable, budget: Budget) -> Any:
    """The value in a stream of torch's older format, its storages filled in.

    Raises:
        CheckpointError: the stream is damaged, or declares other numbers than it holds.
        UnsafeCheckpointError: it needs a global that is neither in `names` nor a storage type.
    """
    storages: dict[str, Storage] = {}

    def declare(saved_id: Any) -> Storage:
        key, storage = _read_storage_id(saved_id)
        return storages.setdefault(key, storage)

    reader = SafeUnpickler(data, {**_storage_names(), **names}, budget, persistent=declare)
    if bytes(reader.take(len(LEGACY_MAGIC))) != LEGACY_MAGIC:
        raise CheckpointError("a stream that should hold tensors does not begin like torch's")
    if reader.load() != _LEGACY_PROTOCOL:
        raise CheckpointError(f"torch's older format of protocol {_LEGACY_PROTOCOL} was expected")
    if expect(reader.load(), dict).get("little_endian") is not True:
        raise CheckpointError("big-endian checkpoints are not supported; save it again with torch")
    value = reader.load()
    keys = [expect(key, str) for key in expect(reader.load(), list)]
    if sorted(keys) != sorted(storages):
        raise CheckpointError(
            f"{len(storages)} declared storages and {len(keys)} stored ones are not the same; the "
            "checkpoint is damaged or hostile"
        )
    for key in keys:
        _fill(storages[key], reader)
    if reader.position != len(data):
        raise CheckpointError(f"{len(data) - reader.position} bytes follow the last tensor")
    return value


def read_torch_file(path: Path) -> Any:
    """The tensors and plain values of a `.pt` or `.pth` file, on the CPU.

    First everything that the file declares is held against what it has, by our own reader; then
    torch reads it with `weights_only=True`.

    Raises:
        UnsafeCheckpointError: it needs a global that is not harmless.
        CheckpointError: it is damaged, compressed, too large, or lies about sizes.
    """
    with map_file(path) as (file, data):
        budget = Budget(tensor_bytes=len(data))
        if bytes(data[:4]) == b"PK\x03\x04":
            _check_zip(file, data, budget)
        elif tarfile.is_tarfile(file):
            # torch before 2.6 runs code from tar files even with weights_only (CVE-2025-32434).
            raise UnsafeCheckpointError("a tar file of torch 0.1, which cannot be read safely")
        else:
            read_legacy_stream(data, _file_names(), budget)
        file.seek(0)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
            raise CheckpointError(f"torch cannot read this checkpoint: {error}") from error


@contextlib.contextmanager
def map_file(path: Path) -> Iterator[tuple[IO[bytes], memoryview]]:
    """A checkpoint file, open and as a view of its bytes.

    Raises:
        CheckpointError: it is not there, empty or too large; an error of the block gains the path.
    """
    try:
        with open(path, "rb") as file:
            n = file.seek(0, 2)
            if not 0 < n <= MAX_FILE_BYTES:
                raise CheckpointError(f"{n} bytes; expected 1 to {MAX_FILE_BYTES}")
            file.seek(0)
            # A private mapping: torch wants buffers that could be written. The last view frees it.
            yield file, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from error


def _read_storage_id(saved_id: Any) -> tuple[str, Storage]:
    """Key and storage of a persistent id: ("storage", type, key, location, numel[, view])."""
    kind, storage_type, key, _location, numel = (*expect(saved_id, tuple), None)[:5]
    if kind != "storage" or (len(saved_id) > 5 and saved_id[5] is not None):
        raise CheckpointError("a persistent id is not that of a plain tensor storage")
    dtype = _DTYPES[expect(storage_type, Name).attribute]
    if expect(numel, int) < 0:
        raise CheckpointError(f"a storage of {numel} numbers")
    return expect(key, str), Storage(dtype, numel)


def _fill(storage: Storage, reader: SafeUnpickler) -> None:
    stored = reader.number("<q")
    if stored != storage.numel:
        raise CheckpointError(
            f"a storage of {storage.numel} numbers is declared, and {stored} are stored; the "
            "checkpoint is damaged or hostile"
        )
    storage.data = reader.take(storage.n_bytes)


def _storage_names() -> NameTable:
    return {("torch", name): _refuse_call for name in _DTYPES}


def _refuse_call(arguments: Arguments) -> Any:
    raise UnsafeCheckpointError("the pickle calls a storage type, which is only ever named")


def _file_names() -> NameTable:
    """Globals of state dicts saved by torch; tensors are checked and not built."""
    return {
        ("collections", "OrderedDict"): empty_dict,
        ("torch._utils", "_rebuild_tensor_v2"): read_layout,
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
        ("torch", "Size"): lambda arguments: arguments,
    }


def empty_dict(arguments: Arguments) -> dict[Any, Any]:
    """An empty dict for an `OrderedDict` or `EasyDict`; items follow by opcode."""
    if arguments:
        raise CheckpointError("a dict that is not made empty; official checkpoints have none")
    return {}


def rebuild_parameter(arguments: Arguments) -> Any:
    """The tensor inside a parameter."""
    if len(arguments) != 3:
        raise CheckpointError(f"a parameter of {len(arguments)} parts, expected 3")
    return arguments[0]


def _check_zip(file: IO[bytes], data: memoryview, budget: Budget) -> None:
    if _directory_bytes(data) > _MAX_DIRECTORY_BYTES:
        raise CheckpointError("the table of contents of this .pt file is larger than 16 MiB")
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = _entry_sizes(archive, len(data))
            root = next(iter(sizes)).partition("/")[0]
            if f"{root}/constants.pkl" in sizes:
                raise UnsafeCheckpointError("a TorchScript program, not a file of tensors")
            program = memoryview(archive.read(f"{root}/data.pkl"))
    except _BAD_ZIP as error:
        raise CheckpointError(f"not a whole file of torch.save: {error}") from error

    def declare(saved_id: Any) -> Storage:
        key, storage = _read_storage_id(saved_id)
        stored = sizes.get(f"{root}/data/{key}")
        if stored != storage.n_bytes:
            raise CheckpointError(
                f"storage {key[:20]!r} is declared with {storage.n_bytes} bytes and has {stored}; "
                "the checkpoint is damaged or hostile"
            )
        return storage

    names = {**_storage_names(), **_file_names()}
    SafeUnpickler(program, names, budget, persistent=declare).load()


def _directory_bytes(data: memoryview) -> int:
    """Size of a zip's table of contents, from its end record or the zip64 one before it."""
    tail = bytes(data[-(1 << 17) :])
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 16 > len(tail):
        raise CheckpointError("a .pt file that is cut short: its table of contents is missing")
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\x06\x07":
        return int(struct.unpack_from("<Q", tail, end - 76 + 40)[0])
    return int(struct.unpack_from("<I", tail, end + 12)[0])


def _entry_sizes(archive: zipfile.ZipFile, n_bytes: int) -> dict[str, int]:
    entries = archive.infolist()
    sizes = {entry.filename: entry.file_size for entry in entries}
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        for entry in entries
    )
    if not stored or len(sizes) != len(entries) or sum(sizes.values()) > n_bytes:
        raise CheckpointError(
            "the entries of this .pt file are compressed, overlap or repeat a name, which torch "
            "never writes; it is refused unread"
        )
    return sizes
