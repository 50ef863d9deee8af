"""The key of Flickr's interface: from the environment, or a file that its owner alone reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from anyres_bench.core.enclosure import read_bounded
from anyres_bench.core.errors import DataError, UsageError

KEY_VARIABLE = "FLICKR_API_KEY"
_LONGEST_FILE = 4096  # bytes


def has_key(path: Path | None) -> bool:
    """Whether a key was named at all."""
    return path is not None or bool(os.environ.get(KEY_VARIABLE, "").strip())


def read_key(path: Path | None) -> str:
    """The API key, from a file that only its owner can read, or from the environment.

    Raises:
        UsageError: there is no key, it is none, or others can read the file.
    """
    if path is None:
        key, where = os.environ.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
        if not key:
            raise UsageError(
                f"Flickr wants an API key (flickr.com/services/apps/create): set {KEY_VARIABLE}, "
                "or write it to a file of mode 600 and name that with --key-file"
            )
    else:
        key, where = _key_in(path), f"the key file {path}"
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(
            f"{where} holds other characters than a key has; expected one line of letters and "
            "digits, as flickr.com/services/apps shows it"
        )
    return key


def _key_in(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        key = read_bounded(path, _LONGEST_FILE, "key file").decode("utf-8-sig", "replace")
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from error
    except DataError as error:
        raise UsageError(str(error)) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"others may read the key file {path}; run: chmod 600 {path}")
    if not key.strip():
        raise UsageError(f"the key file {path} is empty")
    return key.strip()
