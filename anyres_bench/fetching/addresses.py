"""Which addresses may be talked to, and connections that reach no other and never hang.

A URL from a list is hostile until shown otherwise: it may name this machine, its neighbours or a
cloud's metadata service, directly, by a redirect, or by a name that resolves elsewhere the second
time (DNS rebinding). So a host name is looked up once, in the connection itself, and the socket
goes to an address that was vetted there; Host header and TLS name stay those of the URL.

A socket timeout bounds one receive only: a server that sends a byte a second never trips it. Every
receive here is therefore held against the deadline of the whole request too.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import ipaddress
import math
import os
import re
import socket
import ssl
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import certifi
import urllib3
import urllib3.connection
from urllib3.util.connection import allowed_gai_family

from anyres_bench.core.errors import FetchError

_MAX_URL = 8192
_N_HOSTS, _N_PER_HOST = 64, 64  # connections that are kept
_PORTS = {"http": 80, "https": 443}
_MAX_ADDRESSES = 3  # of one host that are tried before giving up
# What `ipaddress` calls global on some Python versions and is not the open internet.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16")
    + ("3fff::/20",)
)
# Unicast of the open internet. Outside it lie mapped and NAT64 addresses, local and reserved ones.
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # of a name that is not in ASCII
_DEVIATIONS = re.compile("[\u00df\u1e9e\u03c2]")  # letters that IDNA 2003 has no room for
_LONGEST_NAME = 253  # of a host in DNS
_SAFE_PATH = "/%:@!$&'()*+,;=~-._"  # what RFC 3986 lets stand, and "%" of what is quoted already


@dataclass(frozen=True, slots=True)
class Guard:
    """What the connections of the current request must keep to.

    Attributes:
        allow_private: reach loopback and private addresses and any port too; for tests.
        deadline: when the request must have ended, on the monotonic clock, in seconds.
        connect_s, stall_s: longest wait for a connection, and for the next byte, in seconds.
    """

    allow_private: bool = False
    deadline: float = math.inf
    connect_s: float = 10.0
    stall_s: float = 30.0

    def wait(self, longest_s: float) -> float:
        """Seconds that may be waited now; a timeout when the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        return min(left, longest_s)


_GUARD: ContextVar[Guard] = ContextVar("guard", default=Guard())  # noqa: B039 (it is frozen)


@contextlib.contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Hold all connections of this thread to `guard` inside the block."""
    token = _GUARD.set(guard)
    try:
        yield
    finally:
        _GUARD.reset(token)


def is_public(address: str) -> bool:
    """Whether an IP address is unicast on the open internet.

    >>> [is_public(a) for a in ("8.8.8.8", "10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808")]
    [True, False, False, False]
    """
    ip = ipaddress.ip_address(address)
    if any(ip in network for network in _NOT_PUBLIC if network.version == ip.version):
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in _PUBLIC_V6 and ip.is_global
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def check_url(url: str, allow_private: bool = False, ports: Collection[int] = (80, 443)) -> str:
    """The URL with its host in ASCII and its path quoted, fit to be requested.

    Raises:
        FetchError: `bad-url`, `scheme` (neither http nor https), `credentials-in-url` or `port`
            (none of `ports`, unless `allow_private`).
    """
    if len(url) > _MAX_URL or _CONTROL.search(url):
        raise FetchError("bad-url", f"{url[:80]!r} holds control characters or is far too long")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise FetchError("bad-url", f"{url[:200]!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise FetchError("scheme", f"{url[:80]!r} is neither http nor https and is not fetched")
    if not host:
        raise FetchError("bad-url", f"{url[:200]!r} names no host")
    if "@" in parts.netloc:
        raise FetchError("credentials-in-url", f"a URL of {host} carries credentials; remove them")
    if port is not None and port not in ports and not allow_private:
        raise FetchError("port", f"{host} asks for port {port}; allowed are {ports}")
    host = _checked_host(host)
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{port}" if port is not None else ""
    path, query = quote(parts.path or "/", _SAFE_PATH), quote(parts.query, _SAFE_PATH + "?[]")
    return urlunsplit((parts.scheme, netloc, path, query, ""))


def _checked_host(host: str) -> str:
    """The host in ASCII, where it is an address or a name that DNS can hold."""
    try:
        name = host if host.isascii() else ".".join(map(_ascii_label, _DOTS.split(host)))
        if ":" in name:
            ipaddress.IPv6Address(name)
    except ValueError as error:
        raise FetchError("bad-url", f"{host[:200]!r} is no host name: {error}") from error
    if "%" in name or not (":" in name or _is_name(name)):
        raise FetchError(
            "bad-url",
            f"{host[:200]!r} is no host name: that is at most {_LONGEST_NAME} letters, digits, - "
            f"and _, in parts of 1 to 63 between dots",
        )
    return name


def _ascii_label(label: str) -> str:
    """A part of a host's name in ASCII, as browsers and registries have it (IDNA 2008).

    Python's own codec is of 2003 and makes another host of four letters: ss of \u00df, for one.
    """
    if not _DEVIATIONS.search(label):
        return label.encode("idna").decode()
    letters = unicodedata.normalize("NFKC", label.lower())
    if "." in letters:
        raise ValueError("a letter of it stands for a dot")
    return f"xn--{letters.encode('punycode').decode()}"


def _is_name(host: str) -> bool:
    return len(host.rstrip(".")) <= _LONGEST_NAME and _NAME.fullmatch(host) is not None


def host_of(url: str) -> str:
    """The host of a checked URL: what its token bucket and its queue are keyed by."""
    return urlsplit(url).hostname or ""


def vetted_addresses(host: str, port: int, allow_private: bool) -> list[tuple[Any, ...]]:
    """(family, socket address) of each address of `host` that may be connected to.

    Raises:
        FetchError: `dns`, `dns-temporary` or `private-address`.
    """
    try:
        name = host.strip("[]").encode("ascii")  # as bytes, or a codec is loaded that has no work
        found = socket.getaddrinfo(name, port, allowed_gai_family(), socket.SOCK_STREAM)
    except socket.gaierror as error:
        reason = "dns-temporary" if error.errno == socket.EAI_AGAIN else "dns"
        raise FetchError(reason, f"{host} cannot be resolved: {error.strerror}") from error
    except UnicodeError as error:
        raise FetchError("bad-url", f"{host!r} is no host name: {error}") from error
    addresses = [(family, where) for family, _, _, _, where in found]
    allowed = [(f, w) for f, w in addresses if allow_private or is_public(str(w[0]).split("%")[0])]
    if not allowed:
        raise FetchError(
            "private-address",
            f"{host} is at {addresses[0][1][0]}, which is not on the open internet; "
            "such addresses are never fetched",
        )
    return allowed[:_MAX_ADDRESSES]


def check_literal(host: str, allow_private: bool) -> None:
    """Refuse a host that spells out an address, in whichever way, that is not public.

    Nobody is asked: a name is let through, but for `localhost`, which is this machine's.

    Raises:
        FetchError: `private-address`.
    """
    if allow_private:
        return
    name = host.strip("[]").rstrip(".").lower()
    try:
        found = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
        is_private = not any(is_public(str(where[0]).split("%")[0]) for *_, where in found)
    except (OSError, UnicodeError, ValueError):
        is_private = name == "localhost" or name.endswith(".localhost")
    if is_private:
        raise FetchError(
            "private-address",
            f"{host} is not on the open internet; such addresses are never fetched",
        )


class _Socket(socket.socket):
    """A socket whose receives end at the request's deadline."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        guard = _GUARD.get()
        self.settimeout(guard.wait(guard.stall_s))
        return super().recv_into(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    """A TLS socket whose receives end at the request's deadline, and take all that has come.

    A TLS record holds 16 KiB, so one at a time means hundreds of receives for one picture.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        guard = _GUARD.get()
        self.settimeout(guard.wait(guard.stall_s))
        view = memoryview(buffer)[: nbytes or None]
        n_read = super().recv_into(view, None, flags)
        self.settimeout(0.0)
        try:
            while 0 < n_read < len(view) and (n := super().recv_into(view[n_read:], None, flags)):
                n_read += n
        except ssl.SSLWantReadError:
            pass  # no more has come
        finally:
            self.settimeout(guard.stall_s)
        return n_read


def _connect(host: str, port: int) -> socket.socket:
    guard = _GUARD.get()
    refused: OSError | None = None
    for family, where in vetted_addresses(host, port, guard.allow_private):
        sock = _Socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(guard.wait(guard.connect_s))
            sock.connect(where)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(guard.wait(guard.stall_s))
            return sock
        except OSError as error:
            sock.close()
            refused = error
    raise FetchError("connect", f"{host}:{port} cannot be reached: {refused}") from refused


class _Response(http.client.HTTPResponse):
    """Python's, which passes over 100 alone: 103 (early hints) would be the answer itself."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        is_interim = 100 <= status < 200 and status != http.client.SWITCHING_PROTOCOLS
        return version, http.client.CONTINUE if is_interim else status, reason


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class Pools:
    """Kept-alive connections, by host, that keep to the guard of the thread that uses them.

    Proxies of the environment are not used: through one, nothing could be vetted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: OrderedDict[tuple[str, str], urllib3.HTTPConnectionPool] = OrderedDict()

    def get(self, scheme: str, netloc: str) -> urllib3.HTTPConnectionPool:
        """The connections to a host; those of the host that was not asked for longest are closed.

        Args:
            scheme, netloc: of a URL that `check_url` has seen.
        """
        with self._lock:
            pool = self._pools.get((scheme, netloc))
            if pool is None:
                pool = self._pools[scheme, netloc] = self._new(scheme, netloc)
            self._pools.move_to_end((scheme, netloc))
            if len(self._pools) > _N_HOSTS:
                self._pools.popitem(last=False)[1].close()
            return pool

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            while self._pools:
                self._pools.popitem()[1].close()

    def _new(self, scheme: str, netloc: str) -> urllib3.HTTPConnectionPool:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname or "", parts.port or _PORTS[scheme]
        if scheme == "http":
            return _HTTPPool(host, port, maxsize=_N_PER_HOST)
        return _HTTPSPool(host, port, maxsize=_N_PER_HOST, ssl_context=trust())


def trust() -> ssl.SSLContext:
    """Trust in the system's authorities (`SSL_CERT_FILE` is heeded) and certifi's.

    They take longer to read than many pictures, so that is done once for all connections, and
    before a process forks that will need them.
    """
    return _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _trust(*_: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.sslsocket_class = _TlsSocket
    return context
