"""The benchmark of routing: what it makes of the committed configuration, and how its results are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.results.machine import Machine
from bench.results.routing_section import PolicyResult, Scenario, render
from bench.routing import LONG_WORDS, POLICIES, SECONDS_PER_WORD, SHORT_WORDS, mixed
from bench.targets.haproxy import Policy, configuration
from tests.humming_provider import JOE, pace

PORTS = [(18010, 18012), (18020, 18022)]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_every_way_changes_only_what_it_is_about(policy: Policy) -> None:
    text = configuration(policy, PORTS, 18000, Path("/tmp/socket"))
    assert text.count(f"balance {policy.balance}\n") == 1
    assert ("agent-check" in text) is policy.weighted
    assert ("127.0.0.1:18010 agent-port 18012" in text) is policy.weighted
    assert text.count("127.0.0.1:180") == 3
    assert "10.0.0" not in text
    assert "GET uri /ready " in text


def test_the_requests_are_as_much_audio_as_was_asked_for() -> None:
    requests = mixed(400.0, seed=3)
    words = [request.words for request in requests]
    assert 400 <= sum(words) * SECONDS_PER_WORD <= 400 + LONG_WORDS[1] * SECONDS_PER_WORD
    assert all(
        SHORT_WORDS[0] <= number <= SHORT_WORDS[1] or LONG_WORDS[0] <= number <= LONG_WORDS[1] for number in words
    )
    assert mixed(400.0, seed=3) == requests
    assert len({request.client for request in requests}) == len(requests)
    characters = sum(len(request.text) for request in requests)
    assert characters * pace(JOE) == pytest.approx(sum(words) * SECONDS_PER_WORD, rel=0.1)


def test_the_section_has_a_row_for_each_way() -> None:
    results = tuple(PolicyResult(policy, (0.1, 0.2, 0.3), 1, (2, 1)) for policy in POLICIES)
    machine = Machine("A processor", 2, 8 * 2**30, has_bf16=False)
    section = render([Scenario("One server is slower", "Two servers.", results)], machine, [1.25])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    assert rows == [
        [f"`{policy.balance}`", "yes" if policy.weighted else "no", "0.200", "0.290", "0.298", "3", "1", "2 1"]
        for policy in POLICIES
    ]
    assert "Load average before each table: 1.2." in section
