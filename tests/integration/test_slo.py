"""The objectives that are counted: the dashboard's panels and the alerts' rules see the same burn rate."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from alerting.alerts.slo import ratio
from dashboards.objective import bad_share, budget_left, burn_rate
from dashboards.variables import fill
from otel.contract.slo import AVAILABILITY, CONTINUITY, PLAYBACK, CountedSlo
from server.errors import TooManyConnections, all_errors, error_type
from stack.services import ROOT

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

RULES = ROOT / "alerting" / "rules" / "slo.yml"
AT = "60m"
JOB = 'job="ttscope",instance="a"'
NOTHING: list[dict[str, float]] = []


def requests(outcome: str, each_minute: int) -> dict[str, str]:
    labels = f'{JOB},voice_name="joe",outcome="{outcome}"'
    return {"series": f"tts_requests_total{{{labels}}}", "values": f"0+{each_minute}x120"}


def errors(error: str, side: str, each_minute: int) -> dict[str, str]:
    labels = f'{JOB},error_type="{error}",side="{side}"'
    return {"series": f"tts_errors_total{{{labels}}}", "values": f"0+{each_minute}x120"}


def refused_connections(each_minute: int) -> list[dict[str, str]]:
    """Each is a rejected request, with its error, and a connection that ended early."""
    series = f'tts_connections_ended_early_total{{{JOB},reason="full"}}'
    return [
        requests("rejected", each_minute),
        errors(error_type(TooManyConnections), TooManyConnections.side, each_minute),
        {"series": series, "values": f"0+{each_minute}x120"},
    ]


def streams(within: int, each_minute: int = 100) -> list[dict[str, str]]:
    """Streams of one voice, ``within`` of them with at most 100 ms of silence."""
    labels, name = f'{JOB},voice_name="joe"', "tts_stream_underrun_seconds"
    return [
        {"series": f'{name}_bucket{{{labels},le="0.1"}}', "values": f"0+{within}x120"},
        {"series": f"{name}_count{{{labels}}}", "values": f"0+{each_minute}x120"},
    ]


BURNING = [
    pytest.param([requests("ok", 940), requests("rejected", 60), errors("queue_full", "server", 60)], 12, id="no room"),
    pytest.param(
        [requests("ok", 940), requests("error", 60), errors("engine_failed", "server", 60)], 12, id="failures"
    ),
    pytest.param([requests("ok", 940), *refused_connections(60)], 12, id="no connection left"),
    pytest.param(
        [requests("ok", 940), requests("rejected", 90), errors("invalid_text", "client", 90), requests("cancelled", 9)],
        0,
        id="clients' mistakes beside good requests",
    ),
    pytest.param(
        [requests("rejected", 60), errors("invalid_text", "client", 60), requests("cancelled", 60)],
        None,
        id="clients' mistakes alone",
    ),
]


STREAMS = [
    pytest.param(streams(88), 12, id="gaps"),
    pytest.param(streams(100), 0, id="no gaps"),
    pytest.param(streams(0, 0), None, id="no streams"),
    pytest.param([requests("ok", 940)], None, id="only whole answers"),
]


@pytest.mark.parametrize(("series", "burn"), BURNING)
def test_panel_and_alert_see_the_same_burn_rate(
    binaries: dict[str, Path], tmp_path: Path, series: list[dict[str, str]], burn: float | None
) -> None:
    agree(AVAILABILITY, binaries, tmp_path, series, burn)


@pytest.mark.parametrize(("series", "burn"), STREAMS)
def test_panel_and_alert_see_the_same_burn_rate_of_continuity(
    binaries: dict[str, Path], tmp_path: Path, series: list[dict[str, str]], burn: float | None
) -> None:
    agree(CONTINUITY, binaries, tmp_path, series, burn)


@pytest.mark.parametrize(
    ("ratings", "burn"),
    [
        pytest.param({"good": 40, "late": 20, "gaps": 20, "late_gaps": 20, "none": 50}, 12, id="late and with gaps"),
        pytest.param({"good": 40, "none": 60}, 0, id="stopped before any sound"),
        pytest.param({"none": 60}, None, id="nothing else"),
    ],
)
def test_panel_and_alert_see_the_same_burn_rate_of_playback(
    binaries: dict[str, Path], tmp_path: Path, ratings: dict[str, int], burn: float | None
) -> None:
    series = [
        {"series": f'tts_playbacks_total{{{JOB},voice_name="joe",rating="{rating}"}}', "values": f"0+{each}x120"}
        for rating, each in ratings.items()
    ]
    agree(PLAYBACK, binaries, tmp_path, series, burn)


def agree(
    slo: CountedSlo, binaries: dict[str, Path], tmp_path: Path, series: list[dict[str, str]], burn: float | None
) -> None:
    """Asserts that panels and rules evaluate to the burn rate; None for no value."""
    recorded = f'{ratio("1h")}{{slo="{slo.name}"}}'

    def expected(query: str, value: float | None) -> dict[str, object]:
        filled = fill(f"round({query}, 0.01)", interval="5m", span="1h", variables={"voice": "joe"})
        return {"expr": filled, "eval_time": AT, "exp_samples": NOTHING if value is None else [{"value": value}]}

    case = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            expected(burn_rate("1h", slo), burn),
            expected(f"sum({recorded}) / {slo.budget:g}", burn),
            expected(budget_left(slo), None if burn is None else 1 - burn),
            expected(f"sum({recorded}) - ({bad_share('1h', slo)})", None if burn is None else 0),
        ],
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [case]}))
    command = [str(binaries["promtool"]), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_refusal_for_want_of_room_is_the_servers() -> None:
    bad = {error_type(error) for error in all_errors() if error.side == "server"}
    assert bad >= {"queue_full", "not_ready", "shutting_down", error_type(TooManyConnections)}
