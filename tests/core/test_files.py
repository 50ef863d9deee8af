"""Atomic writes: all or nothing, whatever goes wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.files import (
    _disk_errors_name,
    atomic_folder,
    atomic_write,
    cache_dir,
    clear_temporaries,
    is_temporary,
    replaced_folder,
    sha256_file,
    sha256_text,
    write_json,
)


def test_a_write_replaces_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"b": 1, "a": [1.5]})
    write_json(path, {"c": 2})
    assert path.read_text() == '{\n  "c": 2\n}\n'
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_an_error_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="boom"), atomic_write(path) as file:
        file.write(b"half")
        raise RuntimeError("boom")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    code = (
        "import sys, signal; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from anyres_bench.core.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1]) / 'a.bin') as f: f.write(bytes(1 << 20))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert "OSError" in result.stderr
    assert not list(tmp_path.iterdir())


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == sha256_text("abc") == known


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "c"))
    assert cache_dir() == tmp_path / "c"
    monkeypatch.delenv("ANYRES_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "anyres-bench"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir() == tmp_path / ".cache/anyres-bench"
    monkeypatch.setenv("ANYRES_BENCH_CACHE", "~/c")
    assert cache_dir() == tmp_path / "c"


def killed_while(tmp_path: Path, kind: str) -> None:
    """Kill a process that is in the middle of writing `a`."""
    code = (
        "import sys, os, time; from pathlib import Path\n"
        f"from anyres_bench.core.files import {kind}\n"
        f"with {kind}(Path(sys.argv[1]) / 'a'):\n"
        "    print('writing', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert clear_temporaries(tmp_path) == 0  # its owner lives
        process.kill()


@pytest.mark.parametrize("kind", ["atomic_write", "atomic_folder"])
def test_what_a_killed_process_left_is_cleared_by_the_next(tmp_path: Path, kind: str) -> None:
    killed_while(tmp_path, kind)
    [left] = tmp_path.iterdir()
    assert is_temporary(left)
    with atomic_write(tmp_path / "b") as file:
        assert not left.exists()
        assert clear_temporaries(tmp_path) == 0
        file.write(b"b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize(
    "name", [".hidden.tmp", "a.123-01234567.tmp", ".a.123-0123456.tmp", ".a.x-01234567.tmp", "tmp"]
)
def test_what_others_called_nearly_so_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    assert not is_temporary(tmp_path / name)
    assert clear_temporaries(tmp_path) == 0
    assert (tmp_path / name).read_text() == "mine"


def test_links_and_pipes_of_a_temporary_name_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    link, pipe = tmp_path / ".a.1-01234567.tmp", tmp_path / ".b.1-01234567.tmp"
    link.symlink_to(tmp_path / "mine")
    os.mkfifo(pipe)
    assert clear_temporaries(tmp_path) == 0
    assert link.is_symlink()
    assert pipe.exists()
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_name_as_long_as_the_disk_takes_is_written(tmp_path: Path) -> None:
    for name in ("n" * 255, "\u56fe" * 85):
        with atomic_write(tmp_path / name) as file:
            file.write(b"x")
        assert (tmp_path / name).read_bytes() == b"x"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), atomic_folder(tmp_path / "a") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError("boom")
    assert not list(tmp_path.iterdir())
    with atomic_folder(tmp_path / "a") as folder:
        (folder / "whole").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "a"):
        pass


def test_a_full_disk_names_the_file_that_was_asked_for() -> None:
    path = Path("/dev/full")
    with (
        pytest.raises(OSError, match="No space") as caught,
        _disk_errors_name(path),
        open(path, "wb") as f,
    ):
        f.write(bytes(1 << 20))
    assert caught.value.filename == "/dev/full"


def test_no_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANYRES_BENCH_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(ConfigError, match="ANYRES_BENCH_CACHE"):
        cache_dir()


def test_a_folder_takes_the_place_of_another_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "best"
    for content in ("first", "second"):
        with replaced_folder(path) as folder:
            (folder / "a").write_text(content)
    with pytest.raises(RuntimeError, match="boom"), replaced_folder(path) as folder:
        (folder / "a").write_text("half")
        raise RuntimeError("boom")
    assert (path / "a").read_text() == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("there", [Path.touch, lambda path: path.symlink_to(path.parent)])
def test_only_a_folder_is_replaced_by_a_folder(tmp_path: Path, there) -> None:
    path = tmp_path / "best"
    there(path)
    before = path.lstat()
    with pytest.raises(FileExistsError, match="best"), replaced_folder(path):
        pass
    assert path.lstat() == before
    assert [p.name for p in tmp_path.iterdir()] == ["best"]


_INTERRUPTED = """
import shutil, sys
from pathlib import Path
from anyres_bench.core import files

folder = Path(sys.argv[1])

def write():
    with files.atomic_write(folder / "a.txt", "w") as file:
        file.write("new")

def make():
    with files.atomic_folder(folder / "made") as made:
        (made / "a").write_text("new")

def replace():
    with files.replaced_folder(folder / "replaced") as fresh:
        (fresh / "a").write_text("new")

def state():
    return {str(p.relative_to(folder)): p.is_dir() or p.read_text() for p in folder.rglob("*")}

def fresh_state():
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "a.txt").write_text("old")
    (folder / "replaced").mkdir()
    (folder / "replaced" / "a").write_text("old")
    return state()

def interrupted(act, line):
    seen = [0]
    def trace(frame, event, arg):
        if frame.f_code.co_filename != files.__file__:
            return None
        if event == "line":
            seen[0] += 1
            if seen[0] == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False

for act in (write, make, replace):
    before = fresh_state()
    act()
    after = state()
    line = 1
    while True:
        fresh_state()
        if not interrupted(act, line):
            break
        assert state() in (before, after), (act.__name__, line, state())
        line += 1
    assert line > 20, line
    print(act.__name__, line)
"""


def test_an_interrupt_at_any_line_leaves_the_old_or_the_new_and_nothing_else(
    tmp_path: Path,
) -> None:
    code = [sys.executable, "-c", _INTERRUPTED, str(tmp_path)]
    result = subprocess.run(code, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["write", "make", "replace"]
