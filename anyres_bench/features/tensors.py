"""Named tensors of foreign weight files; nothing in a file is ever executed.

Two kinds are read. A state dict of `torch.save` goes through torch's own `weights_only` reader. A
TorchScript archive is a program with its tensors beside it, and torch refuses to read it without
running it; here its `data.pkl` is read with inert stand-ins for every class, and the code in the
archive is never looked at.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError, WeightsError

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
# What the standard library and torch raise on bytes that are not what they should be.
_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a `.pth` state dict or a TorchScript `.pt`, on the CPU.

    Raises:
        WeightsError: there is no such file.
        CheckpointError: it is damaged or holds something else than named tensors.
        UnsafeCheckpointError: reading it would execute something.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise WeightsError(f"cannot read weights: {path}: {error.strerror}") from error
    try:
        if start == _ZIP and (root := _torchscript_root(path)) is not None:
            return dict(_TorchScript(path, root).tensors())
        if start == _ZIP or start[:1] == _PICKLE:
            return _read_state_dict(path)
    except _DAMAGE as error:
        raise CheckpointError(f"{path} is damaged: {error}; get it again") from error
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from error
    raise CheckpointError(f"{path} is neither a .pth state dict nor a TorchScript .pt file")


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower():
            raise
        raise UnsafeCheckpointError(
            "it holds more than tensors, and reading that would execute it; expected a plain state "
            "dict: save one with torch.save(model.state_dict(), ...)"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError("it is not a state dict, that is a dict of named tensors")
    return {str(name): value for name, value in state.items()}


def _torchscript_root(path: Path) -> str | None:
    """Folder inside a TorchScript archive; None where the zip is a plain `torch.save` file."""
    with zipfile.ZipFile(path) as archive:
        roots = [name.removesuffix("/data.pkl") for name in archive.namelist()]
        for root in dict.fromkeys(name.partition("/")[0] for name in roots):
            if f"{root}/constants.pkl" in archive.namelist():
                return root
    return None


class _Inert:
    """Stands for an instance of a class of the archive; it holds attributes and does nothing."""


class _TorchScript(pickle.Unpickler):
    """Reads `data.pkl` of a TorchScript archive.

    The pickle can reach nothing but what `find_class` makes for it, new at every call, so there is
    nothing in the process that it could call or change. Sizes are bounded by the file, because
    what is read of it is not compressed.
    """

    def __init__(self, path: Path, root: str) -> None:
        self._root = root
        self._archive = zipfile.ZipFile(path)
        super().__init__(io.BytesIO(self._read("data.pkl")))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Dotted attribute name and tensor of everything in the module tree."""
        with self._archive:
            todo, seen = [("", self.load())], set[int]()
            while todo:
                name, value = todo.pop()
                if isinstance(value, Tensor):
                    yield name, value
                elif isinstance(value, _Inert) and id(value) not in seen:
                    seen.add(id(value))  # a hostile tree may contain itself
                    prefix = f"{name}." if name else ""
                    todo += [(prefix + key, child) for key, child in vars(value).items()]

    def _read(self, name: str) -> bytes:
        entry = self._archive.getinfo(f"{self._root}/{name}")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"{name} is compressed, which torch never does to tensors")
        return self._archive.read(entry)

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__."):
            return type("Inert", (_Inert,), {})
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: storage.as_strided(
                size, stride, offset
            )
        if module == "torch" and name in _DTYPES:
            return name
        if module == "torch.jit._pickle":  # typed lists
            return lambda values, *_: values
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        raise UnsafeCheckpointError(
            f"a TorchScript file that asks for {module}.{name}; only tensors are read from such "
            "files, and nothing of it was executed"
        )

    def persistent_load(self, pid: Any) -> Tensor:
        kind, storage, key, _, numel = pid
        if kind != "storage" or storage not in _DTYPES:
            raise CheckpointError(f"a tensor of unknown storage type {storage!r}")
        dtype = _DTYPES[storage]
        data = self._read(f"data/{key}")
        if len(data) != numel * dtype.itemsize:
            raise CheckpointError(
                f"storage {key} has {len(data)} bytes and declares {numel} values"
            )
        return (
            torch.frombuffer(bytearray(data), dtype=dtype) if numel else torch.empty(0, dtype=dtype)
        )
