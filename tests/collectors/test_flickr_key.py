"""The key of Flickr's interface."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from anyres_bench.collectors.flickr_key import KEY_VARIABLE, has_key, read_key
from anyres_bench.core.errors import UsageError


def test_keys_come_from_the_environment_or_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="set FLICKR_API_KEY"):
        read_key(None)
    monkeypatch.setenv(KEY_VARIABLE, " abc ")
    assert read_key(None) == "abc"
    path = tmp_path / "key"
    path.write_text("def\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match=re.escape(f"chmod 600 {path}")):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path) == "def"
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(tmp_path / "absent")


def test_what_is_no_key_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    for odd in (b"\xff\xfe", "schl\u00fcssel".encode(), b"two words", b"a\nb", b"a\0b"):
        path.write_bytes(odd)
        path.chmod(0o600)
        with pytest.raises(UsageError, match=f"{path} holds other characters than a key") as told:
            read_key(path)
        assert "words" not in str(told.value)
    monkeypatch.setenv(KEY_VARIABLE, "\udcff")
    with pytest.raises(UsageError, match=f"{KEY_VARIABLE} holds other characters"):
        read_key(None)
    path.write_bytes(b"\xef\xbb\xbfabc\r\n")
    assert read_key(path) == "abc"


def test_what_is_no_file_holds_no_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(UsageError, match=f"{path} cannot be read"):
            read_key(path)
    (tmp_path / "large").write_bytes(b"a" * 5000)
    with pytest.raises(UsageError, match="more than 4096 bytes"):
        read_key(tmp_path / "large")


def test_a_key_is_named_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, " ")
    assert not has_key(None)
    assert has_key(Path("key"))
