"""Files of tensors that lie, in every way that was found: each ends at once, in our error."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from anyres_bench.core.budget import Budget
from anyres_bench.core.errors import CheckpointError, UnsafeCheckpointError
from anyres_bench.core.storages import LEGACY_MAGIC
from anyres_bench.core.tensorfiles import read_safetensors, read_tensor_file

MODEL = b"c__torch__.M\nM\n)\x81"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def storage(numel: int, key: str = "0") -> bytes:
    names = text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    return b"(" + names + number(numel) + b"tQ"


def tensor(numel: int, size: bytes, stride: bytes) -> bytes:
    return REBUILD + b"(" + storage(numel) + number(0) + size + stride + b"\x89NtR"


def vector(numel: int, size: int, stride: int = 1) -> bytes:
    return tensor(numel, number(size) + b"\x85", number(stride) + b"\x85")


def state(*items: bytes) -> bytes:
    return b"}(" + b"".join(items) + b"ub."


def archive(program: bytes, script: bool = True, data: bytes = bytes(16), **more: bytes) -> bytes:
    """A sound zip around a pickle of protocol 2 and one storage of four floats."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", b"\x80\x02" + program)
        zipped.writestr("a/data/0", data)
        if script:
            zipped.writestr("a/constants.pkl", b"\x80\x02).")
        for name, content in more.items():
            zipped.writestr(f"a/{name}", content)
    return file.getvalue()


def chain(levels: int) -> bytes:
    """Objects within objects."""
    return MODEL + (b"}(" + text("next") + MODEL) * levels + b"}" + b"bub" * levels + b"b."


LIES = {
    "memo_index": MODEL + b"r\xff\xff\xff\x0f" + b"}b.",
    "state_of_a_tensor": MODEL + state(text("w") + vector(4, 4) + b"N\x85b"),
    "item_of_a_tensor": MODEL + state(text("w") + vector(4, 4) + number(0) + number(1) + b"s"),
    "stride_0": MODEL
    + state(text("w") + tensor(4, number(1 << 20) * 2 + b"\x86", number(0) * 2 + b"\x86")),
    "no_storage": MODEL + state(text("w") + REBUILD + b"(}" + number(0) + b"))\x89NtR"),
    "storage_of_another_size": MODEL + state(text("w") + vector(1 << 40, 4)),
    "numpy_length": b"\x8e" + struct.pack("<Q", 1 << 62) + b".",
    "a_storage_type_as_a_call": b"ctorch\nFloatStorage\n" + number(1 << 40) + b"\x85R.",
    "deep_chain": chain(1000),
    "a_class_of_ours": b"canyres_bench.core.files\natomic_write\n" + text("x") + b"\x85R.",
    "a_global_of_the_system": b"cposix\nsystem\n" + text("true") + b"\x85R.",
    "negative": MODEL + state(text("w") + vector(-4, 4)),
    "nothing": b".",
}


@pytest.mark.parametrize("script", [True, False], ids=["torchscript", "torch"])
@pytest.mark.parametrize("name", LIES)
def test_a_pickle_that_lies_ends_at_once(name: str, script: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(archive(LIES[name], script))
    start = time.thread_time()
    with contextlib.suppress(CheckpointError):
        content = read_tensor_file(path).content
        assert not content, content  # objects without behaviour, and no tensor
    assert time.thread_time() - start < 2


def test_one_storage_named_again_and_again_is_read_once(tmp_path: Path) -> None:
    n = 1 << 18
    items = [text(f"t{i}") + vector(n, n) for i in range(300)]
    path = tmp_path / "x.pt"
    path.write_bytes(archive(MODEL + state(*items), data=bytes(4 * n)))
    tensors = read_tensor_file(path).content
    assert len(tensors) == 300
    assert len({tensor.data_ptr() for tensor in tensors.values()}) == 1
    views = [text(f"t{i}") + vector(n, n - i) for i in range(300)]
    path.write_bytes(archive(MODEL + state(*views), data=bytes(4 * n)))
    with pytest.raises(CheckpointError, match="tensor bytes more"):
        read_tensor_file(path)


def sound() -> bytes:
    file = io.BytesIO()
    torch.save({"w": torch.arange(4.0)}, file)
    return file.getvalue()


def two_tables() -> bytes:
    """One archive with two tables of contents, each of which some reader takes."""
    first, second = archive(state(text("w")), script=False), sound()
    end = len(second) - 22
    size, place = struct.unpack_from("<II", second, end + 12)
    return first + second[: end + 12] + struct.pack("<II", size, place) + second[end + 20 :]


def changed(at: int, content: bytes, whole: bytes | None = None) -> bytes:
    data = bytearray(sound() if whole is None else whole)
    at = at % len(data)
    data[at : at + len(content)] = content
    return bytes(data)


ZIPS: dict[str, Callable[[], bytes]] = {
    "something_before": lambda: b"PK\x03\x04" + sound(),
    "something_behind": lambda: sound() + b"x",
    "a_comment": lambda: changed(-2, b"\x01\x00") + b"x",
    "two_tables": two_tables,
    "two_archives": lambda: sound() + archive(b"}.", script=False),
    "ends_that_disagree": lambda: changed(-6, struct.pack("<I", 30)),
    "more_entries_than_there_are": lambda: changed(-12, b"\xff\x00\xff\x00"),
    "a_name_of_its_own": lambda: sound().replace(b"archive/data/0", b"archive/data/1", 1),
    "cut": lambda: sound()[:-40],
    "empty": lambda: b"PK\x03\x04" + bytes(100),
    "compressed": lambda: compressed(),
}


def compressed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a/data.pkl", b"\x80\x02" + b"}" * 1000 + b".")
    return file.getvalue()


@pytest.mark.parametrize("name", ZIPS)
def test_an_archive_that_can_be_read_in_two_ways_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "sound.pt").write_bytes(sound())
    assert read_tensor_file(tmp_path / "sound.pt").content["w"].tolist() == [0, 1, 2, 3]
    (tmp_path / "x.pt").write_bytes(ZIPS[name]())
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        read_tensor_file(tmp_path / "x.pt")


def kinds() -> dict[str, bytes]:
    values = {"w": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(7)}
    legacy, script = io.BytesIO(), io.BytesIO()
    torch.save(values, legacy, _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), script)
    return {
        "zip": sound(),
        "torchscript": script.getvalue(),
        "legacy": legacy.getvalue(),
        "safetensors": safetensors.torch.save(values),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["zip", "torchscript", "legacy", "safetensors"])
def test_a_flipped_bit_is_an_error_the_same_tensors_or_another_digest(
    kind: str, tmp_path: Path
) -> None:
    whole, path = kinds()[kind], tmp_path / "x"
    path.write_bytes(whole)
    want, noticed = read_tensor_file(path), 0
    for bit in range(3, 8 * len(whole), max(1, 8 * len(whole) // 397)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            got = read_tensor_file(path)
        except CheckpointError:
            noticed += 1
            continue
        assert got.sha256 != want.sha256
        if kind in ("zip", "torchscript"):  # these hold checksums
            assert got.content.keys() == want.content.keys()
            assert all(torch.equal(got.content[k], want.content[k]) for k in want.content)
    assert noticed > 20


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.pt")
    for path in (tmp_path / "fifo.pt", Path("/dev/zero"), tmp_path):
        with pytest.raises(CheckpointError, match=r"no regular file|a folder"):
            read_tensor_file(path)


def test_the_time_of_the_processor_is_bounded() -> None:
    budget = Budget(tensor_bytes=1, seconds=1e-9)
    with pytest.raises(CheckpointError, match="s of the processor"):
        for _ in range(1000):
            budget.spend("steps", 1)


def test_what_would_run_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(archive(LIES["a_global_of_the_system"]))
    with pytest.raises(UnsafeCheckpointError, match="'system' of 'posix'"):
        read_tensor_file(path)
    assert pickle.loads(b"\x80\x02" + LIES["a_global_of_the_system"]) == 0


def python_2_stream() -> bytes:
    """A state dict as Python 2 and torch 0.3 saved it: byte strings, and a dict of pairs."""

    def short(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    names = short("storage") + b"ctorch\nFloatStorage\n" + short("94") + short("cuda:0")
    view = b"(" + names + b"K\x04NtQ" + b"K\x01K\x03\x85K\x01\x85"
    weight = b"ctorch._utils\n_rebuild_tensor\n(" + view + b"tR"
    pairs = b"](](" + short("features.0.weight") + weight + b"ee\x85"
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"long": 4}}
    return b"".join(
        [
            LEGACY_MAGIC,
            pickle.dumps(1001, 2),
            pickle.dumps(system, 2),
            b"\x80\x02ccollections\nOrderedDict\n" + pairs + b"R.",
            b"\x80\x02](" + short("94") + b"e.",
            struct.pack("<q4f", 4, 0, 1, 2, 3),
        ]
    )


def test_files_of_python_2_and_the_first_torch_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.pth"
    path.write_bytes(python_2_stream())
    assert torch.load(path, map_location="cpu", weights_only=True)["features.0.weight"].numel() == 3
    assert read_tensor_file(path).content["features.0.weight"].tolist() == [1, 2, 3]


LEGACY = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def saved(path: Path, content: object, zipped: bool, protocol: int = 2) -> Path:
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return path


@LEGACY
def test_numbers_that_torch_marks_as_negative_have_their_sign(zipped: bool, tmp_path: Path) -> None:
    imaginary = torch.tensor([1 + 2j, 3 - 4j]).conj().imag
    assert imaginary.is_neg()
    path = saved(tmp_path / "x.pt", {"w": imaginary, "v": imaginary.abs()}, zipped)
    assert read_tensor_file(path).content["w"].tolist() == [-2, 4]


@pytest.mark.parametrize("mark", ["conj", "neg_of_integers", "unheard"])
def test_a_mark_that_changes_numbers_is_never_passed_over(mark: str, tmp_path: Path) -> None:
    view = vector(4, 4).removesuffix(b"tR") + b"}" + text(mark) + b"\x88stR"
    data = archive(state(text("w") + view), script=False)
    if mark == "neg_of_integers":
        whole = state(text("w") + view.replace(text(mark), text("neg")))
        data = archive(whole.replace(b"FloatStorage", b"IntStorage"), script=False)
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"with the mark '.*resolve_conj"):
        read_tensor_file(tmp_path / "x.pt")


@LEGACY
def test_expanded_tensors_are_read_as_torch_reads_them(zipped: bool, tmp_path: Path) -> None:
    content = {
        "rows": torch.arange(3.0).expand(4, 3),
        "one": torch.tensor(2.5).expand(5),
        "windows": torch.arange(6.0).unfold(0, 3, 1),
    }
    path = saved(tmp_path / "x.pt", content, zipped)
    found = read_tensor_file(path).content
    assert found.keys() == content.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in content.items())
    saved(path, {"w": torch.zeros(1).expand(1 << 17, 1 << 10)}, zipped)
    with pytest.raises(CheckpointError, match="repeated bytes more"):
        read_tensor_file(path)


@LEGACY
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_torch_save_is_read(protocol: int, zipped: bool, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", {"w": torch.arange(4.0)}, zipped, protocol)
    assert read_tensor_file(path).content["w"].tolist() == [0, 1, 2, 3]


def with_an_attribute() -> torch.Tensor:
    tensor = torch.zeros(3)
    tensor.mine = 1  # type: ignore[attr-defined]
    return tensor


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.eye(3).to_sparse(), "sparse tensor.*to_dense"),
        (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "dequantize"),
        (lambda: torch.zeros(3, device="meta"), "without numbers"),
        (lambda: torch.zeros(3).to(torch.float8_e5m2), r"8-bit floats.*tensor\.float"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "complex numbers"),
        (lambda: with_an_attribute(), "attributes.*detach"),
    ],
    ids=["sparse", "quantised", "meta", "float8", "complex", "attributes"],
)
def test_tensors_that_are_not_read_are_called_what_they_are(
    make: Callable[[], torch.Tensor], words: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "x.pt", {"w": make()}, zipped=True)
    with pytest.raises(UnsafeCheckpointError, match=words):
        read_tensor_file(path)


def header(table: str, data: bytes = bytes(8)) -> bytes:
    return struct.pack("<Q", len(table)) + table.encode() + data


ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (f'{{"w":{ENTRY},"w":{ENTRY.replace("F32", "I32")}}}', "key 'w' stands twice"),
        (f'{{"w":{ENTRY},"\\u0077":{ENTRY.replace("F32", "I32")}}}', "key 'w' stands twice"),
        (f'{{"w":{ENTRY.replace("[2]", str([1] * 9 + [2]))}}}', "10 dimensions"),
        ('{"w":{"dtype":"F32","shape":[0,99999999999],"data_offsets":[0,0]}}', "2 dimensions"),
        (f'{{"w":{ENTRY.replace("F32", "F4").replace("[2]", "[16]")}}}', "less than a byte"),
        (f'{{"w":{ENTRY.replace("F32", "Q4")}}}', "damaged.*get it again"),
    ],
)
def test_a_header_of_safetensors_says_one_thing(table: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(header(table, b"" if '"data_offsets":[0,0]' in table else bytes(8)))
    for read in (read_tensor_file, read_safetensors):
        with pytest.raises(CheckpointError, match=words):
            read(path)


def test_archives_of_numpy_and_other_byte_orders_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", w=np.arange(3))
    with pytest.raises(CheckpointError, match=r"arrays \(.npz\); it holds 'w.npy'"):
        read_tensor_file(tmp_path / "x.npz")
    data = archive(state(text("w") + vector(4, 4)), script=False, byteorder=b"big")
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match="order b'big'; expected b'little'"):
        read_tensor_file(tmp_path / "x.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_class_of_a_script_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its class is `Mine` of `__torch__`, without the name of a module."""
    monkeypatch.setattr(Mine, "__module__", "__main__")
    path = tmp_path / "x.pt"
    torch.jit.save(torch.jit.script(Mine()), path)
    assert {name: t.tolist() for name, t in read_tensor_file(path).content.items()} == {"w": [1.0]}


class Mine(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.w


def test_a_part_of_a_distributed_checkpoint_says_how_it_is_put_together(tmp_path: Path) -> None:
    (tmp_path / "__0_0.distcp").write_bytes(sound() * 2)
    with pytest.raises(CheckpointError, match="dcp_to_torch FOLDER FILE"):
        read_tensor_file(tmp_path / "__0_0.distcp")
