"""Checkpoints that want to run code, lie, or fill the memory.

All of them are read by one process with little memory to spare, which reports how each ended. What
they would run is a canary that writes a file.
"""

from __future__ import annotations

import gc
import io
import json
import multiprocessing
import os
import pickle
import random
import resource
import struct
import tarfile
import time
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.storages import LEGACY_MAGIC
from anyres_bench.core.unpickle import SafeUnpickler
from anyres_bench.models.official import read_official_pickle
from anyres_bench.models.torchfile import read_torch_file
from tests.models.official_pickles import (
    RECONSTRUCT,
    Call,
    Global,
    Network,
    assemble,
    dumps,
    named,
    snapshot,
    text,
    tiny_network,
)

SPARE_BYTES = 300 << 20
SECONDS = 4.0
LONG = ("opcode_flood", "one_stream_many_times", "source_again")
"""Files that spend a whole budget of steps, a second or more each."""
CANARY = "touch CANARY"
TINY = Path(__file__).parents[1] / "golden" / "anyres_snapshot_tiny.pkl"
RUN_CANARY = text(CANARY) + pickle.TUPLE1 + pickle.REDUCE
TENSOR = (Global("torch._utils", "_rebuild_tensor_v2"), OrderedDict())


def read_each(folder: Path, answer: Connection) -> None:
    """Read every file with little memory to spare; tell how each ended."""
    torch.set_num_threads(1)  # a fork has none of the threads that its parent's pool counts on
    os.chdir(folder.parent)  # where a canary would write
    gc.freeze()
    read_official_pickle(TINY)  # everything is imported before the limit is set
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    outcomes = {}
    for path in sorted(folder.iterdir()):
        read = read_torch_file if path.suffix == ".pt" else read_official_pickle
        start = time.process_time()  # others may keep the machine busy
        try:
            read(path)
            kind, message = "read", ""
        except CheckpointError as error:
            kind, message = type(error).__name__, str(error)
        outcomes[path.name] = (kind, message, time.process_time() - start)
    answer.send(outcomes)


def network_pickle(**changes: object) -> bytes:
    """A snapshot whose one network was changed."""
    return dumps(snapshot({"G_ema": tiny_network(**changes)}))


def storage_id(numel: int) -> bytes:
    """The opcodes of one declared storage of floats."""
    count = pickle.LONG1 + b"\x08" + struct.pack("<q", numel)
    parts = (text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), count)
    return pickle.MARK + b"".join(parts) + b"Nt" + pickle.BINPERSID


def stream(
    numel: int,
    stored: int | None = None,
    data: bytes = bytes(16),
    value: bytes = b"",
    key: str = "0",
) -> bytes:
    """torch's older format around `numel` floats, of which `stored` are said to be there."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = LEGACY_MAGIC + dumps(1001, 2) + dumps(system, 2)
    body = assemble(value or storage_id(numel), protocol=2) + dumps([key], 2)
    return head + body + struct.pack("<q", numel if stored is None else stored) + data


def nested(content: bytes) -> bytes:
    """A pickle of one stream that torch's `_load_from_bytes` would read."""
    whole = pickle.BINBYTES + struct.pack("<I", len(content)) + content
    return assemble(named("torch.storage", "_load_from_bytes"), whole, b"q\x00\x85R")


def tensor(size: tuple, stride: tuple, offset: int = 0, content: bytes = b"") -> Call:
    """A declared view of four stored floats."""
    storage = Call(Global("torch.storage", "_load_from_bytes"), (content or stream(4),))
    rebuild, hooks = TENSOR
    return Call(rebuild, (storage, offset, size, stride, False, hooks))


def with_tensor(declared: Call) -> bytes:
    """A snapshot with one more buffer."""
    return network_pickle(extra={"_buffers": OrderedDict(w=declared)})


def laughs(levels: int) -> list:
    """A list that doubles at every level: tiny in a pickle, endless when walked."""
    value: list = [1]
    for _ in range(levels):
        value = [value, value]
    return value


def circular_modules() -> bytes:
    """A module that holds itself, twice."""
    state = pickle.EMPTY_DICT + text("_modules") + b"}q\x00s"
    facts = {"type": "class", "class_name": "Generator", "module_src": ""}
    meta = b"".join(text(key) + text(value) + b"s" for key, value in facts.items())
    meta = b"}" + meta + text("version") + b"K\x06s" + text("state") + state + b"s"
    record = named(*RECONSTRUCT) + meta + b"\x85Rq\x01"
    again = b"h\x00" + text("a") + b"h\x01s" + text("b") + b"h\x01s"
    return assemble(b"}", text("G_ema"), record, b"s", text("modules"), again, b"s")


def laughing_modules() -> bytes:
    """Modules that hold the one below twice."""
    state: dict = {}
    meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator"}
    for _ in range(28):
        record = Call(Global(*RECONSTRUCT), ({**meta, "state": state},))
        state = {"_modules": {"a": record, "b": record}}
    return dumps({"G_ema": record})


def hash_bomb() -> bytes:
    key = pickle.EMPTY_TUPLE + (b"q\x00" + b"h\x00" + pickle.TUPLE2) * 60
    return assemble(pickle.EMPTY_DICT, key, pickle.NONE, pickle.SETITEM)


def zipped(change: str) -> bytes:
    """A .pt file with something wrong."""
    good, bad = io.BytesIO(), io.BytesIO()
    torch.save({"w": torch.zeros(4)}, good)
    source = zipfile.ZipFile(good)
    kind = zipfile.ZIP_DEFLATED if change == "compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(bad, "w", kind) as target:
        for name in source.namelist():
            data = source.read(name)
            if change == "compressed" and name.endswith("data/0"):
                data = bytes(64 << 20)
            if change == "lying" and name.endswith("data.pkl"):
                data = data.replace(b"K\x04t", b"J\xff\xff\xff\x7ft")
            if change == "code" and name.endswith("data.pkl"):
                data = assemble(named("os", "system"), RUN_CANARY, protocol=2)
            if change == "outside" and name.endswith("data.pkl"):
                data = data.replace(b"QK\x00K\x04\x85", b"QK\x00J\xff\xff\xff\x7f\x85")
            target.writestr(name, data)
        if change == "pressed":
            target.writestr("archive/more", bytes(1000), zipfile.ZIP_DEFLATED)
            target.writestr("archive/stored", bytes(10_000))
        if change == "script":
            target.writestr(source.namelist()[0].split("/")[0] + "/constants.pkl", b"")
        if change == "twice":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.writestr(source.namelist()[-1], b"")
    return bad.getvalue()


def huge_directory() -> bytes:
    """A zip whose table of contents says that it has 4 GiB."""
    data = bytearray(zipped("none"))
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = b"\xff\xff\xff\xf0"
    return bytes(data)


def tar_file() -> bytes:
    """The tar that old versions of torch read by unpickling freely."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(program := assemble(named("os", "system"), RUN_CANARY, protocol=2))
            archive.addfile(entry, io.BytesIO(program))
    return file.getvalue()


def legacy_file(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def again(first: bytes, call: bytes) -> bytes:
    """A pickle that makes one argument and calls a function of it 200,000 times."""
    return assemble(b"(" + first + b"q\x00", (call + b"h\x00R") * 200_000, b"t")


def source_again() -> bytes:
    """One record whose source of 15 MiB is named again and again."""
    facts = {"type": "class", "class_name": "Generator", "module_src": "a" * (15 << 20)}
    meta = b"".join(text(key) + text(value) for key, value in facts.items())
    meta = b"}(" + meta + text("version") + b"K\x06" + text("state") + b"}u\x85"
    return again(meta, named(*RECONSTRUCT))


def set_again() -> bytes:
    """A set of 10,000 texts is made again and again."""
    items = b"](" + b"".join(text(str(i)) for i in range(10_000)) + b"e\x85"
    return again(items, named("builtins", "set"))


def encoded_again() -> bytes:
    """A text of 8 MiB is encoded again and again."""
    return again(text("a" * (8 << 20)) + text("latin1") + b"\x86", named("_codecs", "encode"))


GETATTR = named("builtins", "getattr") + named("collections", "OrderedDict") + text("__init__")
SHARED = tensor((1024,), (1,), content=stream(1024, data=bytes(4096)))


def view(offset: int) -> bytes:
    """Offset, size and stride of all but a thousand numbers of a million."""
    number = pickle.BININT + struct.pack("<i", offset)
    return number + pickle.BININT + struct.pack("<i", (1 << 20) - 1000) + b"\x85K\x01\x85"


# name -> (content, what the message must say); these want to run something
UNSAFE = {
    "os_system": (assemble(named("os", "system"), RUN_CANARY), "'system' of 'os'"),
    "posix_system": (assemble(named("posix", "system"), RUN_CANARY), "'system' of 'posix'"),
    "eval": (assemble(named("builtins", "eval"), RUN_CANARY), "'eval' of 'builtins'"),
    "exec": (assemble(named("builtins", "exec"), RUN_CANARY), "'exec' of 'builtins'"),
    "python2_eval": (
        assemble(named("__builtin__", "eval"), RUN_CANARY, protocol=2),
        "'eval' of '__builtin__'",
    ),
    "getattr_chain": (assemble(GETATTR, pickle.TUPLE2, pickle.REDUCE), "'getattr'"),
    "nested_reduce": (
        assemble(
            named("collections", "OrderedDict"),
            b")R",
            pickle.EMPTY_TUPLE,
            pickle.REDUCE,
            RUN_CANARY,
        ),
        "calls a dict",
    ),
    "real_torch_load": (assemble(named("torch.serialization", "load"), RUN_CANARY), "'load'"),
    "import_module": (assemble(named("importlib", "import_module"), RUN_CANARY), "'importlib'"),
    "popen": (
        assemble(named("subprocess", "Popen"), text(CANARY), pickle.TUPLE1, pickle.NEWOBJ),
        "'Popen' of 'subprocess'",
    ),
    "dotted_attribute": (
        assemble(text("collections"), text("OrderedDict.__init__"), pickle.STACK_GLOBAL),
        "'OrderedDict.__init__'",
    ),
    "split_elsewhere": (
        assemble(text("torch"), text("storage._load_from_bytes"), pickle.STACK_GLOBAL),
        "'storage._load_from_bytes' of 'torch'",
    ),
    "names_of_odd_types": (assemble(b"K\x01", b"]", pickle.STACK_GLOBAL), "a list of a int"),
    "terminal_codes": (assemble(named("\x1b[2J", "x" * 90)), r"'\x1b[2J'"),
    "inst": (assemble(pickle.MARK, text(CANARY), b"ios\nsystem\n"), "opcode INST"),
    "obj": (assemble(pickle.MARK, named("torch", "x"), b"o"), "'x' of 'torch'"),
    "obj_of_known": (
        assemble(pickle.MARK, named("collections", "OrderedDict"), b"o"),
        "opcode OBJ",
    ),
    "newobj_ex": (assemble(named("dnnlib.util", "EasyDict"), b")}\x92"), "opcode NEWOBJ_EX"),
    "ext1": (assemble(b"\x82\x01"), "opcode EXT1"),
    "ext2": (assemble(b"\x83\x01\x00"), "opcode EXT2"),
    "ext4": (assemble(b"\x84\x01\x00\x00\x00"), "opcode EXT4"),
    "persid": (assemble(b"P1\n"), "opcode PERSID"),
    "binpersid": (assemble(text("1"), pickle.BINPERSID), "persistent id"),
    "next_buffer": (assemble(b"\x97", protocol=5), "opcode NEXT_BUFFER"),
    "build_on_class": (
        assemble(
            named("collections", "OrderedDict"),
            pickle.NONE + b"}" + text("make") + named("dnnlib.util", "EasyDict") + b"s\x86b",
        ),
        "sets the state of a Name",
    ),
    "build_on_list": (assemble(b"]}", text("__setstate__"), b"Nsb"), "sets the state of a list"),
    "nested_code": (
        nested(stream(4, value=named("os", "system") + RUN_CANARY)),
        "'system' of 'os'",
    ),
    "nested_snapshot": (
        nested(stream(4, value=named(*RECONSTRUCT))),
        "'_reconstruct_persistent_obj'",
    ),
    "storage_type_called": (
        nested(stream(4, value=named("torch", "FloatStorage") + b"K\x09\x85R")),
        "calls a storage type",
    ),
    "tensorflow": (
        assemble(named("dnnlib.tflib.network", "Network"), b")\x81"),
        "TensorFlow",
    ),
    "zip_with_code.pt": (zipped("code"), "'system' of 'os'"),
    "torchscript.pt": (zipped("script"), "TorchScript"),
    "tar.pt": (tar_file(), "tar file"),
    "legacy_with_code.pt": (
        legacy_file({"w": Path("x")}),
        "'pathlib'",
    ),
}

# These lie, are damaged, or ask for more than they could honestly need.
BROKEN = {
    "empty": (b"", "0 bytes"),
    "text": (b"hello, this is no pickle\n", "not a pickle"),
    "protocol_0": (pickle.dumps({"G": 1}, 0), "not a pickle"),
    "protocol_1": (pickle.dumps({"G": 1}, 1), "not a pickle"),
    "protocol_6": (assemble(b"}", protocol=6), "protocol 6"),
    "protocol_255": (assemble(b"}", protocol=255), "protocol 255"),
    "not_a_snapshot": (dumps({"weights": [1, 2]}), "without networks"),
    "a_list": (dumps([1, 2]), "without networks"),
    "no_stop": (assemble(b"}")[:-1], "cut short"),
    "stack_underflow": (assemble(pickle.TUPLE3), "damaged"),
    "no_mark": (assemble(pickle.SETITEMS), "damaged"),
    "two_values": (assemble(b"NN"), "damaged"),
    "no_memo": (assemble(b"h\x07"), "damaged"),
    "memo_bomb": (assemble(b"}", b"r\xff\xff\xff\xff" * 1000), "without networks"),
    "long_1": (assemble(pickle.LONG1 + b"\xff" + b"\x01" * 255), "integer of 255 bytes"),
    "long_4": (assemble(pickle.LONG4 + struct.pack("<i", 1 << 20) + bytes(1 << 20)), "LONG4"),
    "decimal": (assemble(b"I" + b"9" * (1 << 20) + b"\n"), "opcode INT"),
    "bytes_of_4_eib": (assemble(pickle.BINBYTES8 + struct.pack("<Q", 1 << 62)), "announced"),
    "text_of_4_gib": (assemble(pickle.BINUNICODE + b"\xff\xff\xff\xff"), "text bytes"),
    "long_text": (assemble(text("\U0001f3d4" + "x" * (20 << 20))), "text bytes"),
    "bad_utf8": (assemble(pickle.SHORT_BINUNICODE + b"\x02\xff\xff"), "damaged"),
    "endless_name": (assemble(b"c" + b"a" * 100_000), "damaged"),
    "nested_lists": (assemble(b"]" * 100_000, b"a" * 99_999), "without networks"),
    "nested_tuples": (assemble(b")", b"\x85" * 100_000), "without networks"),
    "nested_marks": (assemble(b"(" * 100_000), "nested deeper"),
    "opcode_flood": (assemble(b"\x8f" * 3_000_000), "steps more"),
    "hash_bomb": (hash_bomb(), "a tuple where"),
    "laughing_kwargs": (network_pickle(init_kwargs={"a": laughs(20)}), "constructor arguments"),
    "wide_kwargs": (network_pickle(init_kwargs={"a": [1] * 20_000}), "constructor arguments"),
    "nested_kwargs": (
        network_pickle(init_kwargs={"a": json.loads("[" * 40 + "]" * 40)}),
        "constructor arguments",
    ),
    "big_endian_kwargs": (
        network_pickle(init_kwargs={"a": np.arange(3, dtype=">f4")}),
        "little-endian",
    ),
    "text_array": (network_pickle(init_kwargs={"a": np.array(["ab"])}), "numpy dtype 'U2'"),
    "object_array": (network_pickle(init_kwargs={"a": np.array([None])}), "numpy dtype 'O8'"),
    "array_of_another_shape": (
        network_pickle(init_kwargs={"a": np.zeros((3, 5))}).replace(b"K\x03K\x05", b"K\x03K\x06"),
        "shape [3, 6]",
    ),
    "deep_kwargs": (
        assemble(b"}", text("training_set_kwargs"), b"]" * 50_000 + b"a" * 49_999, b"s"),
        "without networks",
    ),
    "circular_modules": (circular_modules(), "modules nested deeper"),
    "laughing_modules": (laughing_modules(), "steps more"),
    "shared_tensor": (
        network_pickle(extra={"_buffers": {f"w{i}": SHARED for i in range(400)}}),
        "tensor bytes more",
    ),
    "one_stream_many_times": (
        nested(stream(1 << 20, data=bytes(4 << 20)))[:-1]
        + (named("torch.storage", "_load_from_bytes") + b"h\x00\x85R") * 20_000
        + pickle.STOP,
        "steps more",
    ),
    "one_storage_many_tensors": (
        nested(stream(1 << 20, data=bytes(4 << 20)))[:-1]
        + b"q\x01"
        + b"".join(
            named("torch._utils", "_rebuild_tensor_v2") + b"(h\x01" + view(offset) + b"\x89}tR"
            for offset in range(999)
        )
        + pickle.STOP,
        "tensor bytes more",
    ),
    "source_again": (source_again(), "steps more"),
    "set_again": (set_again(), "steps more"),
    "encoded_again": (encoded_again(), "text bytes more"),
    "numel_lies_upwards": (with_tensor(tensor((4,), (1,), content=stream(1 << 40))), "cut short"),
    "numel_disagrees": (
        with_tensor(tensor((4,), (1,), content=stream(1 << 40, stored=4))),
        "declared, and 4 are stored",
    ),
    "keys_differ": (
        with_tensor(tensor((4,), (1,), content=stream(4, key="1"))),
        "are not the same",
    ),
    "numel_negative": (with_tensor(tensor((4,), (1,), content=stream(-4))), "storage of -4"),
    "numel_overflows": (
        with_tensor(tensor((4,), (1,), content=stream(1 << 61, stored=1 << 61))),
        "cut short",
    ),
    "bytes_left_over": (
        with_tensor(tensor((4,), (1,), content=stream(4, data=bytes(20)))),
        "follow the last",
    ),
    "view_too_large": (with_tensor(tensor((5,), (1,))), "does not lie"),
    "view_repeated": (with_tensor(tensor((1 << 20, 1 << 20), (0, 0))), "repeated bytes more"),
    "view_strided_out": (with_tensor(tensor((2, 2), (3, 1))), "does not lie"),
    "view_negative": (with_tensor(tensor((2,), (-1,), 3)), "does not lie"),
    "view_offset": (with_tensor(tensor((1,), (1,), 1 << 60)), "does not lie"),
    "view_of_many_dimensions": (with_tensor(tensor((1,) * 99, (1,) * 99)), "99 dimensions"),
    "view_half_declared": (with_tensor(tensor((2, 2), (1,))), "does not lie"),
    "record_of_a_function": (
        network_pickle().replace(b"\x8c\x05class\x94", b"\x8c\x05thing\x94", 1),
        "of type 'thing'",
    ),
    "not_a_tensor": (network_pickle(extra={"_buffers": {"w": [1.0, 2.0]}}), "a list where"),
    "not_a_module": (network_pickle(extra={"_modules": {"m": {"w": 1}}}), "a dict where"),
    "dotted_name": (network_pickle(extra={"_buffers": {"a.b": torch.zeros(1)}}), "has a dot"),
    "unprintable_name": (network_pickle(extra={"_buffers": {"a\n": torch.zeros(1)}}), "not the"),
    "object_kwargs": (network_pickle(init_kwargs={"a": torch.zeros(2)}), "a Tensor where"),
    "not_a_number": (network_pickle(init_kwargs={"a": float("nan")}), "finite"),
    "compressed.pt": (zipped("compressed"), "compressed"),
    "pressed.pt": (zipped("pressed"), "compressed"),
    "twice.pt": (zipped("twice"), "repeat a name"),
    "lying.pt": (zipped("lying"), "is declared with"),
    "outside.pt": (zipped("outside"), "does not lie"),
    "cut.pt": (zipped("none")[:-30], ""),
    "huge_directory.pt": (huge_directory(), "table of contents"),
    "legacy_cut.pt": (legacy_file({"w": torch.zeros(100)})[:-9], "cut short"),
    "legacy_lying.pt": (
        legacy_file({"w": torch.zeros(4)}).replace(b"K\x04N", b"J\xff\xff\xff\x7fN"),
        "declared",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple]]:
    """How every hostile file ended that is soon read: name -> (kind, message, seconds)."""
    quick = [name for name in UNSAFE | BROKEN if name not in LONG]
    yield from read_all(tmp_path_factory.mktemp("hostile"), quick)


@pytest.fixture(scope="module")
def late_outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple]]:
    """How the others ended."""
    yield from read_all(tmp_path_factory.mktemp("hostile"), LONG)


def read_all(folder: Path, names: Sequence[str]) -> Iterator[dict[str, tuple]]:
    """How reading files in a process of its own ended; afterwards, that nothing was executed."""
    (folder / "files").mkdir()
    for name in names:
        (folder / "files" / name).write_bytes((UNSAFE | BROKEN)[name][0])
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=read_each, args=(folder / "files", theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(120), "it takes too long"
        yield ours.recv()
    finally:
        process.kill()
        process.join()
    assert not list(folder.rglob("CANARY*")), "something was executed"


@pytest.mark.parametrize("name", UNSAFE)
def test_what_would_run_is_refused_by_name(name: str, outcomes: dict[str, tuple]) -> None:
    kind, message, seconds = outcomes[name]
    assert kind == "UnsafeCheckpointError", message
    assert UNSAFE[name][1] in message
    assert message.isprintable()
    assert seconds < SECONDS


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in LONG])
def test_what_lies_or_is_damaged_ends_soon(name: str, outcomes: dict[str, tuple]) -> None:
    check_ended_soon(name, outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_what_spends_a_whole_budget_ends_soon(name: str, late_outcomes: dict[str, tuple]) -> None:
    check_ended_soon(name, late_outcomes)


def check_ended_soon(name: str, outcomes: dict[str, tuple]) -> None:
    """An error that says what is wrong with which file, in little time."""
    kind, message, seconds = outcomes[name]
    assert kind in ("CheckpointError", "UnsafeCheckpointError"), (kind, message)
    assert BROKEN[name][1] in message
    assert name in message
    assert seconds < SECONDS


def test_the_canary_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(UNSAFE["posix_system"][0])
    assert (tmp_path / "CANARY").exists()


def test_dropped_attributes_of_a_dict_change_nothing() -> None:
    program = assemble(b"}", b"}", text("items"), text("x"), b"sb")
    value = SafeUnpickler(memoryview(program), {}, Budget(0)).load()
    assert value == {}
    assert type(value) is dict


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """The same, cut or with a few other bytes."""
    data = bytearray(whole[: rng.choice([len(whole), rng.randrange(1, len(whole))])])
    for _ in range(rng.randrange(4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.mark.slow
def test_damaged_snapshots_end_in_no_other_error(tmp_path: Path) -> None:
    whole, rng = TINY.read_bytes(), random.Random(5)
    path, refused = tmp_path / "damaged.pkl", 0
    for _ in range(30):
        path.write_bytes(damaged(whole, rng))
        try:
            read_official_pickle(path)
        except CheckpointError:
            refused += 1
    assert refused > 15


@pytest.mark.filterwarnings("ignore")
def test_damaged_torch_files_end_in_no_other_error(tmp_path: Path) -> None:
    value = {"sd": torch.nn.Linear(2, 3).state_dict(), "epoch": 3, "half": [0.5, None]}
    wholes, rng = (zipped("none"), legacy_file(value)), random.Random(6)
    path, refused = tmp_path / "damaged.pt", 0
    for _ in range(100):
        path.write_bytes(damaged(rng.choice(wholes), rng))
        try:
            read_torch_file(path)
        except CheckpointError:
            refused += 1
    assert refused > 50


def test_embedded_source_is_not_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    source = f"open({str(canary)!r}, 'w').write('ran')\n"
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(network_pickle(module_src=source))
    network = read_official_pickle(path).network("G_ema")
    assert not canary.exists()
    assert "canary" not in repr(network)
    exec(source)
    assert canary.exists()


def test_network_helper_matches_a_real_module(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    path = tmp_path / "module.pkl"
    path.write_bytes(dumps(snapshot({"G": Network.of(module, {"c_dim": 0})})))
    state = read_official_pickle(path).network("G").state
    assert {name: value.tolist() for name, value in state.items()} == {
        name: value.tolist() for name, value in module.state_dict().items()
    }
