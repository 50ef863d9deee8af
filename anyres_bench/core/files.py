"""Files: atomic writes, digests and the one cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` that takes its place only when the block succeeds.

    The data are on disk before the rename, so after a crash `path` holds the old content or the
    whole new one. On any error, a full disk included, the temporary file is removed.

    Args:
        path: the file to (re)place; missing parent folders are made.
        mode: "wb" or "w" (UTF-8, newlines as written).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(temporary, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, atomically; NaN and infinity are refused."""
    with atomic_write(path, "w") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of the UTF-8 bytes of `text` as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def cache_dir() -> Path:
    """Folder of weights and cached states: `$ANYRES_BENCH_CACHE`, else `~/.cache/anyres-bench`.

    It is not created here; whoever writes creates it.
    """
    configured = os.environ.get("ANYRES_BENCH_CACHE")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anyres-bench"
