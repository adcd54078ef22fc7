"""Tests how clients are identified: by address, by network, and behind trusted proxies."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from server.access.caller import CALLER, Caller
from server.access.clients import Clients


def key(remote: str | None, *forwarded: str, trusted: str = "") -> str:
    networks = [ip_network(network) for network in trusted.split()]
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    return Clients(networks).key(SimpleNamespace(remote=remote, headers=headers, get=lambda key, default: default))


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("a socket", "a socket"),
        (None, ""),
    ],
)
def test_a_client_is_an_address_or_a_network(remote: str | None, expected: str) -> None:
    assert key(remote) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ((), "10.0.0.1"),
        (("192.0.2.1",), "192.0.2.1"),
        (("6.6.6.6, 192.0.2.1",), "192.0.2.1"),  # the client's entries precede the proxy's
        (("6.6.6.6", "192.0.2.1"), "192.0.2.1"),
        (("192.0.2.1, 10.0.0.2",), "192.0.2.1"),
        (("10.0.0.3",), "10.0.0.3"),
        (("nonsense",), "10.0.0.1"),
        (("192.0.2.1, nonsense",), "10.0.0.1"),
        (("2001:db8::1",), "2001:db8::/64"),
        (("192.0.2.1:4711",), "192.0.2.1"),  # as Azure's gateway writes it
        (("[2001:db8::1]:4711",), "2001:db8::/64"),
    ],
)
def test_a_trusted_proxy_says_who_asks(forwarded: tuple[str, ...], expected: str) -> None:
    assert key("10.0.0.1", *forwarded, trusted="10.0.0.0/8") == expected


def test_nobody_else_is_believed() -> None:
    assert key("192.0.2.1", "6.6.6.6", trusted="10.0.0.0/8") == "192.0.2.1"


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_one_network_of_ipv6_is_one_client(one: int, other: int) -> None:
    prefix = 0x20010DB8_00010002 << 64
    assert key(str(IPv6Address(prefix | one))) == key(str(IPv6Address(prefix | other)))


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=20)))
def test_whatever_is_forwarded_there_is_a_key(forwarded: list[str]) -> None:
    assert key("10.0.0.1", *forwarded, trusted="10.0.0.0/8")


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ((), "10.0.0.1"),
        (("for=192.0.2.1",), "192.0.2.1"),
        (("for=6.6.6.6, for=192.0.2.1;proto=https;by=10.0.0.1",), "192.0.2.1"),
        (("for=6.6.6.6", "For=192.0.2.1"), "192.0.2.1"),
        (("for=192.0.2.1, for=10.0.0.2",), "192.0.2.1"),
        (('for="192.0.2.1:4711"',), "192.0.2.1"),
        (('for="[2001:db8::1]:4711"',), "2001:db8::/64"),
        (('for="[2001:db8::1]"',), "2001:db8::/64"),
        (("for=unknown",), "10.0.0.1"),
        (("for=_hidden",), "10.0.0.1"),
        (("proto=https",), "10.0.0.1"),
        (("for=6.6.6.6, nonsense",), "10.0.0.1"),
        (('for=6.6.6.6, for="',), "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_may_say_it_as_the_standard_does(forwarded: tuple[str, ...], expected: str) -> None:
    headers = CIMultiDict([("X-Forwarded-For", "6.6.6.6"), *(("Forwarded", value) for value in forwarded)])
    request = make_mocked_request("POST", "/tts", headers, transport=transport("10.0.0.1"))
    assert Clients([ip_network("10.0.0.0/8")], "Forwarded").key(request) == expected


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=20)))
def test_whatever_stands_in_the_standards_header_there_is_a_key(forwarded: list[str]) -> None:
    headers = CIMultiDict(("Forwarded", value) for value in forwarded)
    request = make_mocked_request("POST", "/tts", headers, transport=transport("10.0.0.1"))
    assert Clients([ip_network("10.0.0.0/8")], "Forwarded").key(request)


def transport(remote: str) -> Mock:
    """A connection from ``remote``."""
    return Mock(get_extra_info=lambda name, default=None: (remote, 1) if name == "peername" else None)


def test_a_key_is_one_client_wherever_it_is_used() -> None:
    clients = Clients([])
    keys = set()
    for remote in ("192.0.2.1", "192.0.2.2"):
        request = make_mocked_request("POST", "/tts", transport=transport(remote))
        request[CALLER] = Caller("reports", key_id="k1")
        keys.add(clients.key(request))
        assert clients.address(request) == remote
    assert keys == {"key:k1"}
