"""What holds of every table of published weight files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from anyres_bench.fetching.weights import WeightFile

_RESTRICTED = ("NC", "NVIDIA", "Research")  # words of licences that must be accepted


def check_rows(rows: Sequence[WeightFile]) -> None:
    """Names and files are unique and plain, addresses are https and end in the file, licences
    are said, restricted ones are marked, and a row without an address has a page to get it from."""
    for values in ([row.name for row in rows], [row.filename for row in rows]):
        assert len(set(values)) == len(values) > 0
        assert all(PurePosixPath(value).name == value for value in values)
    for row in rows:
        assert row.licence
        assert row.non_commercial == any(word in row.licence for word in _RESTRICTED), row.name
        assert row.sha256 is None or len(bytes.fromhex(row.sha256)) in (4, 32)
        assert row.sha256 or row.note, f"{row.name} says no digest and not why"
        if row.url is None:
            assert row.pages
            continue
        address = urlsplit(row.url)
        assert (address.scheme, address.username) == ("https", None)
        assert address.query == ("dl=1" if address.hostname == "www.dropbox.com" else "")
        assert PurePosixPath(address.path).name == row.filename
