"""Published weight files: taken from the cache if they are there, else downloaded; always verified.

Which files there are stands beside the models and extractors that use them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anyres_bench.core.errors import FetchError, UnknownNameError, WeightsError
from anyres_bench.core.files import cache_dir, sha256_file
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import detail, say

_HEX_DIGITS = 64  # of a sha256


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file.

    Attributes:
        name: what it is asked for by.
        filename: its name in `cache_dir()/weights`.
        url: where its publisher has it; None where it can only be got by hand.
        sha256: 64 hex digits, or the first 8 where the publisher says no more; None where nobody
            says any.
        n_bytes: its length, where known.
        licence: under which it is published.
        non_commercial: whether that licence must be accepted before a download.
        known_from: who says the digest and the length. What one third party alone says is held
            against the file, and a difference is told; only what more say is refused.
        pages: the publisher's other addresses, and pages to get it from by hand.
        gone: whether users report that the addresses no longer answer.
        note: what else to know.
    """

    name: str
    filename: str
    url: str | None
    sha256: str | None
    n_bytes: int | None
    licence: str
    non_commercial: bool = False
    known_from: Literal["publisher", "third parties", "one third party"] = "third parties"
    pages: tuple[str, ...] = ()
    gone: bool = False
    note: str = ""

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return cache_dir() / "weights" / self.filename

    @property
    def binds(self) -> bool:
        """Whether a file of another digest is refused."""
        return self.sha256 is not None and self.known_from != "one third party"

    def is_digest(self, sha256: str) -> bool:
        """Whether a file's digest is the known one, as far as that is known."""
        return self.sha256 is not None and sha256.startswith(self.sha256)


class MissingWeightsError(WeightsError):
    """Weights are not here, and were not to be fetched.

    Attributes:
        weights: which.
    """

    def __init__(self, weights: WeightFile) -> None:
        super().__init__(f"{weights.name} weights are not here.{_help(weights)}")
        self.weights = weights


_fetching: ContextVar[bool] = ContextVar("fetching", default=True)


@contextlib.contextmanager
def nothing_fetched() -> Iterator[None]:
    """Within the block nothing is fetched: what is not here raises `MissingWeightsError`."""
    token = _fetching.set(False)
    try:
        yield
    finally:
        _fetching.reset(token)


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
    if not _fetching.get():
        raise MissingWeightsError(weights)
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


def table(weights: Mapping[str, WeightFile], details: bool = False) -> str:
    """Files, a line each: here or missing, length, who says the digest, address, licence.

    Args:
        weights: by name.
        details: add addresses, digests and where to put each.
    """
    rows = [("name", "state", "bytes", "digest", "address", "licence")]
    rows += [(name, *_cells(one)) for name, one in weights.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if details:
        lines += [f"\n{name}{_help(one)}" for name, one in weights.items()]
    return "\n".join(lines)


def _cells(weights: WeightFile) -> tuple[str, str, str, str, str]:
    here = "here" if weights.path.is_file() else "missing"
    size = f"{weights.n_bytes:,}" if weights.n_bytes else "not known"
    digest = weights.known_from if weights.sha256 else "nobody"
    address = "gone" if weights.gone else "known" if weights.url else "by hand"
    return here, size, digest, address, weights.licence


def _verified(weights: WeightFile) -> Path:
    if weights.sha256 is None:
        return weights.path
    got = sha256_file(weights.path)
    if weights.is_digest(got):
        detail(f"{weights.name}: {weights.path}, its digest is right")
    elif weights.binds:
        raise WeightsError(
            f"{weights.path} is not the registered {weights.name} file: its sha256 is {got}; "
            f"delete it.{_help(weights)}"
        )
    else:
        say(
            f"{weights.name}: its sha256 is {got}; {weights.known_from} says {weights.sha256}, "
            "which may be wrong"
        )
    return weights.path


def _download(weights: WeightFile, allow_private: bool) -> None:
    from anyres_bench.fetching.http import download

    assert weights.url is not None
    say(f"{weights.name}: {weights.filename}, licence: {weights.licence}")
    whole = weights.binds and len(weights.sha256 or "") == _HEX_DIGITS
    try:
        download(
            weights.url,
            weights.path,
            sha256=weights.sha256 if whole else None,
            n_bytes=weights.n_bytes if whole else None,
            allow_private=allow_private,
        )
    except FetchError as error:
        raise WeightsError(
            f"{weights.name} weights could not be downloaded: {error}.{_help(weights)}"
        ) from error
    if not whole:
        _verified(weights)


def _help(weights: WeightFile) -> str:
    """How to place the file by hand."""
    addresses = [weights.url, *weights.pages] if weights.url else list(weights.pages)
    size = f", {weights.n_bytes:,} bytes" if weights.n_bytes else ""
    known = f" (from {weights.known_from})" if weights.sha256 else ""
    digest = weights.sha256 or "not published"
    if weights.sha256 and len(weights.sha256) < _HEX_DIGITS:
        digest += "..., more is not published"
    lines = [
        f"\n  get      {addresses[0] if addresses else weights.note}",
        *(f"\n  or       {address}" for address in addresses[1:]),
        f"\n  put it   {weights.path}",
        f"\n  sha256   {digest}{size}{known}",
        f"\n  licence  {weights.licence}",
        f"\n  note     {weights.note}" if weights.note and addresses else "",
    ]
    return "".join(lines)
