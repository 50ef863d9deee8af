"""Published weight files: taken from the cache if they are there, else downloaded; always verified.

Which files there are stands beside the models and extractors that use them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.errors import FetchError, UnknownNameError, WeightsError
from anyres_bench.core.files import cache_dir, sha256_file
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import detail, say


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file.

    Attributes:
        name: what it is asked for by.
        filename: its name in `cache_dir()/weights`.
        url: where it is published; None where it can only be got by hand.
        sha256: 64 hex digits; None where nobody has published them.
        n_bytes: its length, where known.
        licence: under which it is published.
        non_commercial: whether that licence must be accepted before a download.
        note: what else to know, such as how to get it by hand.
    """

    name: str
    filename: str
    url: str | None
    sha256: str | None
    n_bytes: int | None
    licence: str
    non_commercial: bool = False
    note: str = ""

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return cache_dir() / "weights" / self.filename


def locate(
    name: str,
    table: Mapping[str, WeightFile],
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
) -> Path:
    """The file of that name, verified; downloaded if it is not in the cache.

    Args:
        name: a key of `table`.
        table: files by name.
        accept_licence: whether the user has accepted a non-commercial licence.
        offline: never download; by default where `ANYRES_BENCH_OFFLINE` is set.

    Raises:
        UnknownNameError: no such name.
        WeightsError: see `obtain`.
    """
    if name not in table:
        raise UnknownNameError(f"unknown weights {name!r}; {nearest(name, table)}")
    return obtain(table[name], accept_licence=accept_licence, offline=offline)


def obtain(
    weights: WeightFile,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    allow_private: bool = False,
) -> Path:
    """A weight file, verified; downloaded if it is not in the cache, and what happens is told.

    An interrupted download goes on where it was. `allow_private` lets it come from a private
    address, for mirrors and tests.

    Raises:
        WeightsError: it is not there and cannot be had, its licence was not accepted, or it is
            another file than the registered one; the message says what to do by hand.
    """
    if weights.path.is_file():
        return _verified(weights)
    if offline or (offline is None and os.environ.get("ANYRES_BENCH_OFFLINE", "") not in ("", "0")):
        raise WeightsError(
            f"{weights.name} weights are not here and we are offline.{_help(weights)}"
        )
    if weights.url is None:
        raise WeightsError(f"{weights.name} weights cannot be downloaded.{_help(weights)}")
    if weights.non_commercial and not accept_licence:
        raise WeightsError(
            f"{weights.name} weights are under the {weights.licence}, which allows non-commercial "
            f"use only; to accept it, say --accept-licence.{_help(weights)}"
        )
    _download(weights, allow_private)
    return weights.path


def table(weights: Mapping[str, WeightFile], part: str = "") -> str:
    """Registered files, a line each; where a part of a name is given, all that is known of those.

    Raises:
        UnknownNameError: no name holds that part.
    """
    chosen = {name: one for name, one in weights.items() if part.lower() in name.lower()}
    if not chosen:
        raise UnknownNameError(f"no registered file has {part!r} in its name; see convert --list")
    rows = [("name", "state", "bytes", "address", "licence")]
    rows += [(name, *_cells(one)) for name, one in chosen.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if part:
        lines += [f"\n{name}{_help(one)}" for name, one in chosen.items()]
    else:
        lines.append("\n--list NAME shows addresses, digests and where to put what is missing")
    return "\n".join(lines)


def _cells(weights: WeightFile) -> tuple[str, str, str, str]:
    here = "here" if weights.path.is_file() else "missing"
    size = f"{weights.n_bytes:,}" if weights.n_bytes else "not known"
    return here, size, "known" if weights.url else "by hand", weights.licence


def _verified(weights: WeightFile) -> Path:
    if weights.sha256 and (got := sha256_file(weights.path)) != weights.sha256:
        raise WeightsError(
            f"{weights.path} is not the registered {weights.name} file: its sha256 is {got}; "
            f"delete it.{_help(weights)}"
        )
    detail(f"{weights.name}: {weights.path}, its digest is right")
    return weights.path


def _download(weights: WeightFile, allow_private: bool) -> None:
    from anyres_bench.fetching.http import download

    assert weights.url is not None
    say(f"{weights.name}: {weights.filename}, licence: {weights.licence}")
    try:
        download(
            weights.url,
            weights.path,
            sha256=weights.sha256,
            n_bytes=weights.n_bytes,
            allow_private=allow_private,
        )
    except FetchError as error:
        raise WeightsError(
            f"{weights.name} weights could not be downloaded: {error}.{_help(weights)}"
        ) from error


def _help(weights: WeightFile) -> str:
    """How to place the file by hand."""
    size = f", {weights.n_bytes:,} bytes" if weights.n_bytes else ""
    lines = [
        f"\n  get      {weights.url or weights.note}",
        f"\n  put it   {weights.path}",
        f"\n  sha256   {weights.sha256 or 'not published'}{size}",
        f"\n  licence  {weights.licence}",
        f"\n  note     {weights.note}" if weights.note and weights.url else "",
    ]
    return "".join(lines)
