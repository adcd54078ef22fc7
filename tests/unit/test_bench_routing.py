"""The benchmark of routing: what it makes of the committed configuration, and how its results are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import load_reports
from bench.clients.load import Reply
from bench.results.machine import Machine
from bench.results.routing_section import Scenario, render, render_reports
from bench.routing import POLICIES
from bench.targets import envoy
from bench.targets.haproxy import configuration
from bench.targets.routed_servers import LONG_WORDS, SECONDS_PER_WORD, SHORT_WORDS, Policy, PolicyResult, mixed
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
    assert "    option http-no-delay\n" in text, "without it the first audio of a stream comes up to 0.2 s late"


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


@pytest.mark.parametrize("policy", load_reports.POLICIES, ids=str)
def test_every_policy_of_envoy_changes_only_what_it_is_about(policy: Policy) -> None:
    running = envoy.Envoy("http://127.0.0.1:18000", "http://127.0.0.1:18001", (18010, 18020))
    text = envoy.configuration(policy, running)
    assert ("client_side_weighted_round_robin" in text) is policy.weighted
    assert (f"lb_policy: {policy.balance.upper()}" in text) is not policy.weighted
    for port in (18000, 18001, 18010, 18020):
        assert text.count(f"port_value: {port}\n") == 1
    assert "10.0.0" not in text


def test_a_turn_adds_to_the_turns_before() -> None:
    answers = [Reply(4, 200, 0.0, 1.0, 0.25, b""), Reply(4, 429, 0.0, 0.1, None, b"")]
    result = PolicyResult(POLICIES[0]).with_turn(answers, [1, 1]).with_turn(answers, [2, 0])
    assert result == PolicyResult(POLICIES[0], (0.25, 0.25), 2, (3, 1))


def test_the_section_of_load_reports_says_what_sets_the_weights() -> None:
    results = tuple(PolicyResult(policy, (0.1,), 0, (1,)) for policy in load_reports.POLICIES)
    section = render_reports(Scenario("A", "B.", results), Machine("A processor", 2, 2**33, has_bf16=False), 1.0)
    assert [line.split("|")[2].strip() for line in section.splitlines() if line[:3] == "| `"] == ["no", "no", "yes"]
    assert "| load reports |" in section
