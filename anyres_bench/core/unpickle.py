"""A pickle reader that can only build plain data.

A pickle is a program. Python's own `Unpickler` runs it, and restricting `find_class` still leaves
it calling whatever lies on its stack and setting attributes on it, functions and classes included.
So foreign pickles are read by a small machine of our own. It knows the opcodes that torch and the
official training code write; it makes None, bool, int, float, str, tuple, list, dict, set and views
of bytes; and the only functions it calls are those of the table it is given, looked up by the exact
(module, name) met in the file. A global is never imported, an object never called, an attribute
never set. Opcodes, text, integers and nesting are bounded before anything is made of them.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError

Arguments = tuple[Any, ...]
NameTable = Mapping[tuple[str, str], Callable[[Arguments], Any]]
"""(module, name) -> the local function that makes plain data of the arguments in the file."""

PROTOCOLS = range(2, 6)
_MAX_INT_BYTES = 8
_MAX_NAME_BYTES = 200
_MAX_NESTING = 1000

T = TypeVar("T")


@runtime_checkable
class Buildable(Protocol):
    """Data whose state comes in a second step (the opcode BUILD)."""

    def build(self, state: Any) -> None:
        """Take the state, checked."""


@dataclass(frozen=True, eq=False)
class Name:
    """A global met in a pickle: how it is called there, and what makes data in its place."""

    module: str
    attribute: str
    make: Callable[[Arguments], Any]


def expect(value: Any, kind: type[T]) -> T:
    """`value`, if it is of the expected kind.

    Raises:
        CheckpointError: it is not.
    """
    if not isinstance(value, kind):
        raise CheckpointError(
            f"the checkpoint holds a {type(value).__name__} where official ones hold a "
            f"{kind.__name__}; it is damaged or was not written by the official code"
        )
    return value


def quote(value: object) -> str:
    """Foreign text for a message, short and printable; of other values the type alone."""
    return ascii(value[:80]) if isinstance(value, str) else f"a {type(value).__name__}"


class SafeUnpickler:
    """Reads one pickle after another from a buffer.

    Args:
        data: the bytes of the file; byte strings come out as views of it, never as copies.
        names: the globals that may occur.
        budget: what the file may still ask for.
        persistent: makes data of a persistent id; without it such ids are refused.

    Attributes:
        position: the first byte that was not read yet.
    """

    def __init__(
        self,
        data: memoryview,
        names: NameTable,
        budget: Budget,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.position = 0
        self._data = data
        self._names = names
        self._budget = budget
        self._persistent = persistent
        self._stacks: list[list[Any]] = []  # the last is the one in use; MARK opens another
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The next pickle.

        Raises:
            UnsafeCheckpointError: it needs a global, an opcode or a call that is not allowed.
            CheckpointError: it is damaged, too large, or of an unknown protocol.
        """
        start, self._stacks, self._memo = self.position, [[]], {}
        try:
            self._check_protocol()
            while (code := self.take(1)[0]) != pickle.STOP[0]:
                self._budget.spend("steps", 1)
                self._act(code)
            [[value]] = self._stacks
        except (IndexError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"the pickle at byte {start} is damaged near byte {self.position} "
                f"({type(error).__name__}); get the checkpoint again from its source"
            ) from error
        return value

    def take(self, n: int) -> memoryview:
        """The next `n` bytes, as a view.

        Raises:
            CheckpointError: there are fewer.
        """
        end = self.position + n
        if end > len(self._data):
            raise CheckpointError(
                f"the checkpoint is cut short, or lies about a length: {n} bytes announced at "
                f"byte {self.position} of {len(self._data)}; get it again from its source"
            )
        view = self._data[self.position : end]
        self.position = end
        return view

    def number(self, layout: str) -> Any:
        """The next number, by its `struct` layout."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def _check_protocol(self) -> None:
        first, version = self.take(2)
        if first != pickle.PROTO[0] or version not in PROTOCOLS:
            got = f"protocol {version}" if first == pickle.PROTO[0] else f"first byte {first:#04x}"
            raise CheckpointError(
                f"not a pickle of protocol {PROTOCOLS[0]} to {PROTOCOLS[-1]}, but {got}"
            )

    def _act(self, code: int) -> None:
        action = _ACTIONS.get(code)
        if action is None:
            name = next((op.name for op in pickletools.opcodes if ord(op.code) == code), hex(code))
            raise UnsafeCheckpointError(
                f"pickle opcode {name} at byte {self.position - 1}: "
                "no official checkpoint needs it, so the file is refused; nothing of it was run"
            )
        action(self)

    # The stack, the memo and the operands: what the table of opcodes below is written in.

    def _push(self, value: Any) -> None:
        self._stacks[-1].append(value)

    def _pop(self) -> Any:
        return self._stacks[-1].pop()

    def _top(self, kind: type[T]) -> T:
        return expect(self._stacks[-1][-1], kind)

    def _mark(self) -> None:
        if len(self._stacks) > _MAX_NESTING:
            raise CheckpointError(f"the pickle is nested deeper than {_MAX_NESTING} levels")
        self._stacks.append([])

    def _pop_to_mark(self) -> list[Any]:
        items = self._stacks.pop()
        if not self._stacks:
            raise IndexError("no mark")
        return items

    def _pop_last(self, n: int) -> list[Any]:
        return [self._pop() for _ in range(n)][::-1]

    def _memoize(self, index: int) -> None:
        self._memo[index] = self._top(object)

    def _integer(self) -> int:
        n = self.number("<B")
        if n > _MAX_INT_BYTES:
            raise CheckpointError(
                f"an integer of {n} bytes at byte {self.position}; a checkpoint has none of more "
                f"than {_MAX_INT_BYTES}"
            )
        return int.from_bytes(self.take(n), "little", signed=True)

    def _text(self, layout: str) -> str:
        n = self.number(layout)
        self._budget.spend("text_bytes", n)
        return str(self.take(n), "utf-8")

    def _line(self) -> str:
        window = bytes(self._data[self.position : self.position + _MAX_NAME_BYTES])
        return str(self.take(window.index(b"\n") + 1)[:-1], "utf-8")

    # Containers.

    def _extend(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a tuple of shared tuples can take for ever; no honest key is a tuple.
            target[key if isinstance(key, int) else expect(key, str)] = value

    def _add_items(self, items: list[Any]) -> None:
        self._top(set).update(expect(item, str) for item in items)

    # Globals and calls: by the table, or not at all.

    def _find(self, module: Any, attribute: Any) -> None:
        make = None
        if isinstance(module, str) and isinstance(attribute, str):
            make = self._names.get((module, attribute))
        if make is None:
            raise UnsafeCheckpointError(
                f"the checkpoint asks for {quote(attribute)} of {quote(module)}, which is not on "
                f"the short list of harmless globals; nothing of it was executed"
                f"{_hint(module, attribute)}"
            )
        self._push(Name(module, attribute, make))

    def _call(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name):
            raise UnsafeCheckpointError(
                f"the pickle calls {quote(function)} before byte {self.position}; refused"
            )
        self._push(function.make(expect(arguments, tuple)))

    def _build(self) -> None:
        state, target = self._pop(), self._top(object)
        if isinstance(target, Buildable):
            target.build(state)
        elif not isinstance(target, dict):
            # What a dict carries besides its items (`_metadata` of a state dict) is dropped.
            raise UnsafeCheckpointError(
                f"the pickle sets the state of {quote(target)} before byte {self.position}; refused"
            )

    def _resolve(self) -> None:
        if self._persistent is None:
            raise UnsafeCheckpointError(
                f"a persistent id before byte {self.position}; official snapshots have none"
            )
        self._push(self._persistent(self._pop()))


def _hint(module: object, attribute: object) -> str:
    if isinstance(module, str) and module.startswith("dnnlib.tflib"):
        return "; this one is from the TensorFlow days of StyleGAN, which are not supported"
    if isinstance(module, str) and module.startswith("torch.distributed"):
        return "; this one is of a tensor in parts on several devices: save the gathered state dict"
    if isinstance(attribute, str) and attribute in _OTHER_TENSORS:
        what, cure = _OTHER_TENSORS[attribute]
        return f"; this one is of {what}: save dense numbers of its own, {cure}"
    return (
        ". No official checkpoint of a family that is read here needs it: where you have the code "
        "it was made with, save the tensors alone: torch.save(model.state_dict(), ...)"
    )


_COMPLEX = ("complex numbers, which no network here has", "torch.view_as_real(tensor)")
_SUBCLASS = ("a tensor with attributes or a class of its own", "tensor.detach().clone()")
_OTHER_TENSORS = {
    "_rebuild_sparse_tensor": ("a sparse tensor", "tensor.to_dense()"),
    "_rebuild_nested_tensor": ("a nested tensor", "tensor.unbind()"),
    "_rebuild_qtensor": ("a quantised tensor", "tensor.dequantize()"),
    "_rebuild_tensor_v3": ("8-bit floats or unsigned integers", "tensor.float()"),
    "_rebuild_meta_tensor_no_storage": (
        "a tensor without numbers (device meta)",
        "once its weights are loaded",
    ),
    "_rebuild_from_type_v2": _SUBCLASS,
    "_rebuild_parameter_with_state": _SUBCLASS,
    "_rebuild_wrapper_subclass": _SUBCLASS,
    "ComplexFloatStorage": _COMPLEX,
    "ComplexDoubleStorage": _COMPLEX,
}
"""Attributes of torch by which it names tensors that are not read -> what they are, the cure."""


_ACTIONS: dict[int, Callable[[SafeUnpickler], object]] = {
    code[0]: action
    for code, action in {
        pickle.FRAME: lambda m: m.number("<Q"),
        pickle.NONE: lambda m: m._push(None),
        pickle.NEWTRUE: lambda m: m._push(True),
        pickle.NEWFALSE: lambda m: m._push(False),
        pickle.BININT: lambda m: m._push(m.number("<i")),
        pickle.BININT1: lambda m: m._push(m.number("<B")),
        pickle.BININT2: lambda m: m._push(m.number("<H")),
        pickle.LONG1: lambda m: m._push(m._integer()),
        pickle.BINFLOAT: lambda m: m._push(m.number(">d")),
        pickle.SHORT_BINUNICODE: lambda m: m._push(m._text("<B")),
        pickle.BINUNICODE: lambda m: m._push(m._text("<I")),
        pickle.BINUNICODE8: lambda m: m._push(m._text("<Q")),
        pickle.SHORT_BINSTRING: lambda m: m._push(m._text("<B")),  # of Python 2
        pickle.BINSTRING: lambda m: m._push(m._text("<I")),
        pickle.SHORT_BINBYTES: lambda m: m._push(m.take(m.number("<B"))),
        pickle.BINBYTES: lambda m: m._push(m.take(m.number("<I"))),
        pickle.BINBYTES8: lambda m: m._push(m.take(m.number("<Q"))),
        pickle.BYTEARRAY8: lambda m: m._push(m.take(m.number("<Q"))),
        pickle.MARK: lambda m: m._mark(),
        pickle.EMPTY_TUPLE: lambda m: m._push(()),
        pickle.TUPLE: lambda m: m._push(tuple(m._pop_to_mark())),
        pickle.TUPLE1: lambda m: m._push(tuple(m._pop_last(1))),
        pickle.TUPLE2: lambda m: m._push(tuple(m._pop_last(2))),
        pickle.TUPLE3: lambda m: m._push(tuple(m._pop_last(3))),
        pickle.EMPTY_LIST: lambda m: m._push([]),
        pickle.APPEND: lambda m: m._extend([m._pop()]),
        pickle.APPENDS: lambda m: m._extend(m._pop_to_mark()),
        pickle.EMPTY_DICT: lambda m: m._push({}),
        pickle.SETITEM: lambda m: m._set_items(m._pop_last(2)),
        pickle.SETITEMS: lambda m: m._set_items(m._pop_to_mark()),
        pickle.EMPTY_SET: lambda m: m._push(set()),
        pickle.ADDITEMS: lambda m: m._add_items(m._pop_to_mark()),
        pickle.MEMOIZE: lambda m: m._memoize(len(m._memo)),
        pickle.BINPUT: lambda m: m._memoize(m.number("<B")),
        pickle.LONG_BINPUT: lambda m: m._memoize(m.number("<I")),
        pickle.BINGET: lambda m: m._push(m._memo[m.number("<B")]),
        pickle.LONG_BINGET: lambda m: m._push(m._memo[m.number("<I")]),
        pickle.GLOBAL: lambda m: m._find(m._line(), m._line()),
        pickle.STACK_GLOBAL: lambda m: m._find(*m._pop_last(2)),
        pickle.REDUCE: lambda m: m._call(),
        pickle.NEWOBJ: lambda m: m._call(),
        pickle.BUILD: lambda m: m._build(),
        pickle.BINPERSID: lambda m: m._resolve(),
    }.items()
}
