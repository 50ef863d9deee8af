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
