"""Addresses that may be talked to, and connections that are kept."""

from __future__ import annotations

import time

import pytest

from anyres_bench.core.errors import FetchError
from anyres_bench.fetching import addresses
from anyres_bench.fetching.addresses import Guard, check_literal, check_url, is_public


def test_connections_of_so_many_hosts_are_kept() -> None:
    pools = addresses.Pools()
    first = pools.get("http", "a.example:8080")
    assert (first.host, first.port) == ("a.example", 8080)
    assert pools.get("http", "a.example:8080") is first
    assert pools.get("https", "a.example:8080") is not first
    assert (pools.get("http", "[::1]").host, pools.get("http", "[::1]").port) == ("::1", 80)
    for i in range(64):
        pools.get("http", f"{i}.example")
    assert first.pool is None, "closed"
    assert pools.get("http", "a.example:8080").pool is not None
    pools.close()


def test_public_addresses() -> None:
    assert all(map(is_public, ["8.8.8.8", "1.1.1.1", "2606:4700::1111"]))
    refused = "224.0.0.1 240.0.0.1 192.0.0.8 198.18.0.1 255.255.255.255 fe80::1 fc00::1 ff02::1"
    assert not any(map(is_public, refused.split()))


def test_urls_are_quoted_not_changed() -> None:
    assert check_url("HTTP://Example.com/a b/ü.jpg?q=ä#x") == (
        "http://example.com/a%20b/%C3%BC.jpg?q=%C3%A4"
    )
    assert check_url("https://bücher.example/a%20b") == "https://xn--bcher-kva.example/a%20b"
    # Not strasse.example, which may be somebody else's.
    assert check_url("https://Stra\u00dfe.B\u00fccher\u3002example./") == (
        "https://xn--strae-oqa.xn--bcher-kva.example./"
    )
    with pytest.raises(FetchError, match="stands for a dot"):
        check_url("http://\u2488\u00df.example/")
    assert check_url("http://a.example") == "http://a.example/"


@pytest.mark.parametrize(
    "host",
    ["a" * 64 + ".example", "a." * 130 + "example", "a..example", ".example", "a b.example", "a%41",
     "[fe80::1%eth0]", "[::g]", "é" * 70, "*.example", "a.example.."],
)  # fmt: skip
def test_hosts_that_no_name_server_can_know(host: str) -> None:
    with pytest.raises(FetchError) as caught:
        check_url(f"http://{host}/x.jpg")
    assert caught.value.reason == "bad-url"


def test_hosts_of_every_spelling() -> None:
    for host in ("a_b.example", "a.example.", "a" * 63, "2130706433", "[2606:4700::1111]", "-a.b"):
        assert check_url(f"http://{host}/") == f"http://{host}/"


def test_a_host_that_spells_out_an_address_is_judged_without_asking() -> None:
    for host in ("127.0.0.1", "0x7f.1", "2130706433", "[::1]", "LOCALHOST.", "a.localhost"):
        with pytest.raises(FetchError, match="not on the open internet") as caught:
            check_literal(host, allow_private=False)
        assert caught.value.reason == "private-address"
        check_literal(host, allow_private=True)
    for host in ("8.8.8.8", "[2606:4700::1111]", "pictures.example"):
        check_literal(host, allow_private=False)


def test_waits_end_at_the_deadline() -> None:
    assert Guard().wait(30) == 30
    guard = Guard(deadline=time.monotonic() + 5)
    assert 4 < guard.wait(30) <= 5
    assert guard.wait(1) == 1
    with pytest.raises(TimeoutError, match="deadline"):
        Guard(deadline=time.monotonic() - 1).wait(30)
