"""Writes snapshots with the structure of the official code, none of which is needed for it.

`write_snapshot` is what the tests load; `assemble` writes single opcodes for hostile files.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

RECONSTRUCT = ("torch_utils.persistence", "_reconstruct_persistent_obj")
HOOKS = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")


@dataclass(frozen=True)
class Global:
    """A global by name, which need not exist here."""

    module: str
    name: str

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("only ever named")


@dataclass(frozen=True, eq=False)
class Call:
    """What unpickling would call: REDUCE of `function` on `arguments`, then BUILD of `state`."""

    function: Any
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, eq=False)
class EasyDict:
    """Pickled as the official dict with attributes: NEWOBJ, then items."""

    items: Mapping[str, Any]


class Writer(pickle._Pickler):  # type: ignore[name-defined]
    """A pickler that can name globals which are not there."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if id(obj) in self.memo:
            self.write(self.get(self.memo[id(obj)][0]))
        elif isinstance(obj, Global):
            self._save_name(obj)
        elif isinstance(obj, Call):
            self.save_reduce(obj.function, obj.arguments, obj.state, obj=obj)
        elif isinstance(obj, EasyDict):
            self._save_name(Global("dnnlib.util", "EasyDict"))
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
            self.memoize(obj)
            self._batch_setitems(obj.items.items())
        else:
            super().save(obj, save_persistent_id)

    def _save_name(self, name: Global) -> None:
        if self.proto >= 4:
            self.save(name.module)
            self.save(name.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(f"c{name.module}\n{name.name}\n".encode())


def dumps(value: Any, protocol: int = 4) -> bytes:
    """`value` as a pickle."""
    file = io.BytesIO()
    Writer(file, protocol).dump(value)
    return file.getvalue()


@dataclass(frozen=True)
class Network:
    """A network to be written: tensors by dotted name, and how the official class was made."""

    state: Mapping[str, Tensor]
    init_kwargs: Mapping[str, Any]
    class_name: str = "Generator"
    buffers: Iterable[str] = ()
    module_src: str = "raise RuntimeError('the embedded source was executed')\n"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, module: nn.Module, init_kwargs: Mapping[str, Any], **changes: Any) -> Network:
        """A network of ours, under the official names."""
        buffers = [name for name, _ in module.named_buffers()]
        return cls(module.state_dict(), init_kwargs, buffers=buffers, **changes)


def snapshot(networks: Mapping[str, Network | None], **entries: Any) -> dict[str, Any]:
    """The top level of an official snapshot, ready for `dumps`."""
    records = {key: net and _record(net, "", net.class_name) for key, net in networks.items()}
    training_set = EasyDict({"class_name": "training.dataset.ImageFolderDataset", "xflip": True})
    return {**records, "augment_pipe": None, "training_set_kwargs": training_set, **entries}


def write_snapshot(
    path: Path, networks: Mapping[str, Network | None], protocol: int = 4, **entries: Any
) -> Path:
    """Write a snapshot; StyleGAN2-ADA's have protocol 3, the later ones 4."""
    path.write_bytes(dumps(snapshot(networks, **entries), protocol))
    return path


def tiny_network(**changes: Any) -> Network:
    """A network of three tensors, with every kind of value that official records hold."""
    state = {
        "mapping.fc0.weight": torch.arange(6.0).reshape(2, 3),
        "mapping.fc0.bias": torch.ones(2).half(),
        "w_avg": torch.full((3,), 0.5),
    }
    extra = {"gain": np.float64(0.25), "size": np.array([4, 4]), "is_torgb": np.bool_(True)}
    defaults = {
        "state": state,
        "init_kwargs": {"z_dim": 3, "mapping_kwargs": EasyDict({"num_layers": 1})},
        "buffers": ["w_avg"],
        "extra": extra,
    }
    return Network(**{**defaults, **changes})


def _record(net: Network, prefix: str, class_name: str) -> Call:
    inside = [name.removeprefix(prefix) for name in net.state if name.startswith(prefix)]
    own = [name for name in inside if "." not in name]
    children = list(dict.fromkeys(name.partition(".")[0] for name in inside if "." in name))
    state: dict[str, Any] = {"training": False, "_parameters": OrderedDict()}
    state["_buffers"] = OrderedDict()
    for name in own:
        tensor, is_buffer = net.state[prefix + name], prefix + name in set(net.buffers)
        value = tensor if is_buffer else nn.Parameter(tensor, requires_grad=False)
        state["_buffers" if is_buffer else "_parameters"][name] = value
    state |= {"_non_persistent_buffers_set": set()} | {name: OrderedDict() for name in HOOKS}
    state["_modules"] = OrderedDict(
        (name, _record(net, f"{prefix}{name}.", "Layer")) for name in children
    )
    state |= {"_init_args": (), "_init_kwargs": EasyDict({} if prefix else net.init_kwargs)}
    state |= net.extra
    meta = {"type": "class", "version": 6, "module_src": net.module_src}
    return Call(Global(*RECONSTRUCT), ({**meta, "class_name": class_name, "state": state},))


def text(value: str) -> bytes:
    """BINUNICODE."""
    return pickle.BINUNICODE + struct.pack("<I", len(value.encode())) + value.encode()


def named(module: str, name: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def assemble(*parts: bytes, protocol: int = 4) -> bytes:
    """A pickle of raw opcodes."""
    return pickle.PROTO + bytes([protocol]) + b"".join(parts) + pickle.STOP
