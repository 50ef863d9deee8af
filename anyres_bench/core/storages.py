"""Storages of torch and the views of them that pickles declare, checked before they are tensors.

A pickle names storages, which are numbers of one type in a row, and tensors as views of them. It
can declare more than there is. Here a view becomes a tensor when it lies inside numbers that the
file holds, and all tensors together may not be larger than the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from anyres_bench.core.budget import MAX_FILE_BYTES, Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.core.pickled_numpy import numpy_names
from anyres_bench.core.unpickle import Arguments, Name, NameTable, SafeUnpickler, expect, quote

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
LEGACY_HEAD = re.compile(rb"\x80[\x02-\x05](\x95.{8})?" + re.escape(LEGACY_MAGIC[2:]), re.DOTALL)
"""The magic number as a pickle of any protocol; torch writes 2, unless it is told otherwise."""
REBUILD = ("torch._utils", "_rebuild_tensor_v2")
REBUILD_FIRST = ("torch._utils", "_rebuild_tensor")  # of torch 0.1 to 0.3
_LEGACY_PROTOCOL = 1001
MAX_DIMENSIONS = 8
# storage type -> (dtype of torch, bytes of a number)
_DTYPES = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}


@dataclass(eq=False)
class Storage:
    """Numbers of one type in a row; `data` gives a view of the file, once it is known."""

    dtype: str
    itemsize: int
    numel: int
    data: Callable[[], memoryview] | None = None
    tensors: dict[Any, Tensor] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Size of all numbers."""
        return self.numel * self.itemsize


@dataclass(frozen=True)
class StorageLayout:
    """A view of a storage: offset, sizes and strides in numbers, known to lie inside it.

    A stored number can be shown again and again, as `expand` does. Where `negative`, all numbers
    have the other sign: torch keeps it beside those that are the imaginary part of a conjugate.
    """

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    negative: bool = False

    @property
    def numel(self) -> int:
        """How many numbers the view shows."""
        n = 1
        for side in self.size:
            n *= side
        return n


def read_layout(arguments: Arguments) -> StorageLayout:
    """The checked view that the arguments of torch's `_rebuild_tensor_v2` describe.

    Raises:
        CheckpointError: a part has the wrong type, the view reaches outside its storage, or its
            numbers are stored as others than they are meant.
    """
    if len(arguments) not in (6, 7):
        raise CheckpointError(f"a tensor is declared by {len(arguments)} values, expected 6 or 7")
    storage, offset = expect(arguments[0], Storage), expect(arguments[1], int)
    size, stride = (
        tuple(expect(number, int) for number in expect(part, tuple)) for part in arguments[2:4]
    )
    negative = _is_negative(arguments[6:], storage.dtype)
    layout = StorageLayout(storage, offset, size, stride, negative)
    check_size(size)
    fits = len(size) == len(stride) and min((offset, *size, *stride)) >= 0
    if fits and layout.numel:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        fits = last < storage.numel
    if not fits:
        raise CheckpointError(
            f"a tensor of size {size}, stride {stride[:9]} at offset {offset} does not lie in "
            f"its {storage.numel} stored numbers; the checkpoint is damaged or hostile"
        )
    return layout


def check_size(size: tuple[int, ...]) -> None:
    """Refuse the size of a tensor that no network has, of no numbers included.

    Raises:
        CheckpointError: it has too many dimensions, or a side is longer than any file.
    """
    if len(size) > MAX_DIMENSIONS or max((0, *size)) > MAX_FILE_BYTES:
        raise CheckpointError(
            f"a tensor of {len(size)} dimensions, {size[: MAX_DIMENSIONS + 1]}; at most "
            f"{MAX_DIMENSIONS} of up to {MAX_FILE_BYTES} are read"
        )


def _is_negative(metadata: Arguments, dtype: str) -> bool:
    """Whether a tensor's metadata, where it has any, say that its sign is the other one."""
    marks = expect(metadata[0], dict) if metadata and metadata[0] is not None else {}
    known = {"neg"} if "float" in dtype else set()
    if other := [key for key, value in marks.items() if value is not False and key not in known]:
        raise CheckpointError(
            f"a tensor with the mark {quote(other[0])}, by which its numbers are not those "
            "that are stored; resolve it before it is saved: tensor.resolve_conj().resolve_neg()"
        )
    return marks.get("neg", False) is not False


def to_tensor(layout: StorageLayout, budget: Budget) -> Tensor:
    """A contiguous CPU tensor with memory of its own; the same one for the same view.

    Raises:
        CheckpointError: all tensors together need more than the file's size, and what expanded
            ones repeat more than a fixed amount.
    """
    import torch

    storage = layout.storage
    if storage.data is None or sys.byteorder != "little":
        raise CheckpointError("a tensor without numbers, or a big-endian machine")
    key = (layout.offset, layout.size, layout.stride, layout.negative)
    if key not in storage.tensors:
        repeated = max(0, layout.numel - storage.numel)
        budget.spend("repeated_bytes", repeated * storage.itemsize)
        budget.spend("tensor_bytes", (layout.numel - repeated) * storage.itemsize)
        dtype: torch.dtype = getattr(torch, storage.dtype)
        if not layout.numel:
            storage.tensors[key] = torch.empty(layout.size, dtype=dtype)
        else:
            flat = torch.frombuffer(storage.data(), dtype=dtype)
            view = flat.as_strided(layout.size, layout.stride, layout.offset)
            copy = view.clone(memory_format=torch.contiguous_format)
            storage.tensors[key] = -copy if layout.negative else copy
    return storage.tensors[key]


def tensor_names(budget: Budget) -> NameTable:
    """The globals by which torch's pickles name storages, tensors and parameters."""
    storage_types = {("torch", name): _refuse_call for name in _DTYPES}
    return {
        **storage_types,
        ("collections", "OrderedDict"): empty_dict,
        REBUILD: lambda arguments: to_tensor(read_layout(arguments), budget),
        REBUILD_FIRST: lambda arguments: to_tensor(read_layout((*arguments, False, None)), budget),
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    }


def file_names(budget: Budget) -> NameTable:
    """Those, and what people save beside the tensors: numbers of numpy, sizes, options."""

    def ordered_dict(arguments: Arguments) -> dict[Any, Any]:
        # Python 2 saved the items as the one argument, a list of pairs.
        items = expect(arguments[0], list) if arguments else []
        budget.spend("steps", len(items))
        return {expect(key, str): value for key, value in (expect(pair, list) for pair in items)}

    return {
        **tensor_names(budget),
        **numpy_names(budget),
        **{("torch", dtype): _refuse_call for dtype, _ in _DTYPES.values()},
        ("collections", "OrderedDict"): ordered_dict,
        ("torch", "Size"): lambda arguments: arguments,
        ("torch", "device"): first_text,
        ("collections", "Counter"): empty_dict_of,
        ("collections", "defaultdict"): lambda arguments: {},  # items follow by opcode
        **{("builtins", name): _refuse_call for name in ("dict", "list", "int", "float")},
        ("argparse", "Namespace"): empty_dict,
    }


def empty_dict(arguments: Arguments) -> dict[Any, Any]:
    """An empty dict for an `OrderedDict` or `EasyDict`; items follow by opcode."""
    if arguments:
        raise CheckpointError("a dict that is not made empty; official checkpoints have none")
    return {}


def empty_dict_of(arguments: Arguments) -> dict[Any, Any]:
    """The dict that a `Counter` is made of."""
    return expect(arguments[0], dict) if arguments else {}


def first_text(arguments: Arguments) -> str:
    return expect(arguments[0], str)


def rebuild_parameter(arguments: Arguments) -> Any:
    """The tensor inside a parameter."""
    if len(arguments) != 3:
        raise CheckpointError(f"a parameter of {len(arguments)} parts, expected 3")
    return arguments[0]


def _refuse_call(arguments: Arguments) -> Any:
    raise UnsafeCheckpointError("the pickle calls a storage type or a type, which is only named")


def read_storage_id(saved_id: Any) -> tuple[str, Storage]:
    """Key and storage of a persistent id: ("storage", type, key, location, numel[, view])."""
    kind, storage_type, key, _location, numel = (*expect(saved_id, tuple), None)[:5]
    if kind != "storage" or (len(saved_id) > 5 and saved_id[5] is not None):
        raise CheckpointError("a persistent id is not that of a plain tensor storage")
    dtype, itemsize = _DTYPES[expect(storage_type, Name).attribute]
    if expect(numel, int) < 0:
        raise CheckpointError(f"a storage of {numel} numbers")
    return expect(key, str), Storage(dtype, itemsize, numel)


# The older stream: five pickles, then the numbers. It also sits inside snapshots, once a tensor.


def read_legacy_stream(
    data: memoryview, names: NameTable, budget: Budget, storages: dict[str, Storage] | None = None
) -> Any:
    """The value in a stream of torch's older format.

    Args:
        data: the stream.
        names: the globals that may occur besides storage types.
        budget: what the file may still ask for.
        storages: gains what is declared, by key, with its numbers.

    Raises:
        CheckpointError: the stream is damaged, or declares other numbers than it holds.
        UnsafeCheckpointError: it needs a global that is neither in `names` nor a storage type.
    """
    known: dict[str, Storage] = {} if storages is None else storages
    used = set()

    def declare(saved_id: Any) -> Storage:
        key, declared = read_storage_id(saved_id)
        used.add(key)
        storage = known.setdefault(key, declared)
        if (storage.dtype, storage.numel) != (declared.dtype, declared.numel):
            raise CheckpointError(f"storage {quote(key)} is declared in two ways")
        return storage

    types = {("torch", name): _refuse_call for name in _DTYPES}
    reader = SafeUnpickler(data, {**types, **names}, budget, persistent=declare)
    head = LEGACY_HEAD.match(bytes(data[:32]))
    if head is None:
        raise CheckpointError("a stream that should hold tensors does not begin like torch's")
    reader.take(head.end())
    if reader.load() != _LEGACY_PROTOCOL:
        raise CheckpointError(f"torch's older format of protocol {_LEGACY_PROTOCOL} was expected")
    if expect(reader.load(), dict).get("little_endian") is not True:
        raise CheckpointError(
            "its numbers are stored in big-endian order; expected little-endian, as torch saves "
            "them on all common machines: load it where it was made and save it as .safetensors"
        )
    value = reader.load()
    keys = [expect(key, str) for key in expect(reader.load(), list)]
    if sorted(keys) != sorted(used):
        raise CheckpointError(
            f"{len(used)} declared storages and {len(keys)} stored ones are not the same; the "
            "checkpoint is damaged or hostile"
        )
    for key in keys:
        _fill(known[key], reader)
    if reader.position != len(data):
        raise CheckpointError(f"{len(data) - reader.position} bytes follow the last tensor")
    return value


def _fill(storage: Storage, reader: SafeUnpickler) -> None:
    stored = reader.number("<q")
    if stored != storage.numel:
        raise CheckpointError(
            f"a storage of {storage.numel} numbers is declared, and {stored} are stored; the "
            "checkpoint is damaged or hostile"
        )
    numbers = reader.take(storage.n_bytes)
    storage.data = lambda: numbers
