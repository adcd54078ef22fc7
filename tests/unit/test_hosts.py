"""Tests which values of the header Host a port accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import MisdirectedRequest
from server.middleware.hosts import AllowedHosts

LOOPBACK = ["localhost", "localhost:8010", "LOCALHOST.:80", "127.0.0.1", "127.0.0.1:8010", "[::1]", "[::1]:8010"]
FOREIGN = ["evil.example", "localhost.evil.example", "evil.example:8010", "127.0.0.1.evil.example", "", ":8010"]
NOT_NAMES = [
    "localhost@evil.example",
    "localhost evil.example",
    "[::1",
    "[evil.example]",
    "[]",
    "é",
    "\udcff",
    "a" * 8000,
]


def allowed(hosts: AllowedHosts, host: str | None) -> bool:
    try:
        hosts.check(host)
    except MisdirectedRequest:
        return False
    return True


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "0.0.0.0", "::", ""])
def test_the_loopback_is_always_allowed_and_others_names_never(bound: str) -> None:
    hosts = AllowedHosts(bound, ())
    assert [host for host in LOOPBACK if not allowed(hosts, host)] == []
    assert [host for host in FOREIGN + NOT_NAMES[:2] + NOT_NAMES[3:] if allowed(hosts, host)] == []
    assert allowed(hosts, None)


def test_the_address_that_it_listens_on_is_allowed() -> None:
    for bound, host in (
        ("192.0.2.7", "192.0.2.7:8010"),
        ("speech.example", "speech.example"),
        ("fe80::1", "[fe80::1]:1"),
    ):
        hosts = AllowedHosts(bound, ())
        assert allowed(hosts, host)
        assert not allowed(hosts, "192.0.2.8")


def test_on_every_interface_addresses_are_allowed_and_names_only_if_set() -> None:
    hosts = AllowedHosts("0.0.0.0", ["speaker", "Speech.Example."])
    for host in ("10.1.2.3", "10.1.2.3:8010", "[fd00::7]:8010", "speaker:8010", "speech.example", "SPEECH.EXAMPLE:443"):
        assert allowed(hosts, host)
    assert not allowed(hosts, "other:8010")
    assert not allowed(AllowedHosts("127.0.0.1", ()), "10.1.2.3")


def test_a_star_allows_all() -> None:
    assert all(allowed(AllowedHosts("127.0.0.1", ["*"]), host) for host in FOREIGN + NOT_NAMES)


@given(st.text(max_size=40))
def test_no_other_host_is_a_mistake_of_ours(host: str) -> None:
    allowed(AllowedHosts("0.0.0.0", ()), host)
