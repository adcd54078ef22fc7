"""What silences what, asked of a real Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerting.alerts import ALERTS
from tests.http_calls import fetch, post
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

Labels = dict[str, str]
CAUSES: dict[str, list[tuple[Labels, bool]]] = {
    "TtsSuccessRateLow": [
        ({"alertname": "TtsSloAvailabilityBurn", "long_window": "3d", "slo": "availability"}, True),
        ({"alertname": "TtsSloAvailabilityBurn", "long_window": "1h", "slo": "availability"}, False),
        ({"alertname": "TtsLatencyHigh"}, False),
    ],
    "TtsNoProvider": [
        ({"alertname": "TtsProviderUnavailable", "provider": "onnx", "instance": "a"}, True),
        ({"alertname": "TtsProviderUnavailable", "provider": "onnx", "instance": "b"}, False),
    ],
    "TtsGpuLost": [({"alertname": "TtsGpuHot", "gpu": "0"}, True), ({"alertname": "TtsGpuHot", "gpu": "1"}, False)],
    "TtsServerAbsent": [
        ({"alertname": "TtsErrorRateHigh"}, True),
        ({"alertname": "TtsQueueSaturated", "instance": "a"}, True),
        ({"alertname": "TtsTelemetryStale", "job": "ttscope"}, True),
        ({"alertname": "TtsTelemetryStale", "job": "ttscope-drift"}, False),
        ({"alertname": "TtsDriftDetected", "column": "words"}, False),
        ({"alertname": "TtsWatchdog"}, False),
    ],
    "TtsCollectorAbsent": [
        ({"alertname": "TtsServerAbsent"}, True),
        ({"alertname": "TtsDriftJobNotRun"}, True),
        ({"alertname": "TtsTelemetryDropped", "instance": "a"}, True),
        ({"alertname": "TtsTargetDown", "job": "tempo"}, False),
        ({"alertname": "TtsWatchdog"}, False),
    ],
    "TtsCpuHigh": [
        ({"alertname": "TtsCpuHigh", "source": "grafana"}, True),
        ({"alertname": "TtsLatencyHigh", "source": "grafana"}, False),
        ({"alertname": "TtsMemoryHigh"}, False),
    ],
}
"""The alert that fires, with its labels below; what fires beside it, and whether that is silenced."""
OWN = {"TtsNoProvider": {"instance": "a"}, "TtsGpuLost": {"gpu": "0"}}


@pytest.fixture
def alertmanager(binaries: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """Where it listens, with the project's own configuration and nothing fired yet."""
    stack = Stack(tmp_path, binaries)
    stack.start("alertmanager")
    yield stack.settings.url(stack.settings.alertmanager_port)
    stack.kill("alertmanager")


def whole(labels: Labels) -> Labels:
    """The labels with those that the rule adds."""
    [alert, *_] = [
        alert
        for alert in ALERTS
        if alert.name == labels["alertname"] and alert.labels.get("long_window") in (None, labels.get("long_window"))
    ]
    return {**alert.all_labels, **labels}


def fire(url: str, alerts: list[Labels]) -> None:
    assert post(f"{url}/api/v2/alerts", [{"labels": labels} for labels in alerts])[0] == 200


def states(url: str) -> list[dict[str, Any]]:
    return list(json.loads(fetch(f"{url}/api/v2/alerts")))


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_silences_its_consequences_and_nothing_else(alertmanager: str, cause: str) -> None:
    beside = [whole(labels) for labels, _ in CAUSES[cause]]
    fire(alertmanager, [whole({"alertname": cause, **OWN.get(cause, {})}), *beside])

    def silenced() -> list[bool]:
        found = {json.dumps(a["labels"], sort_keys=True): a["status"]["state"] for a in states(alertmanager)}
        return [found.get(json.dumps(labels, sort_keys=True)) == "suppressed" for labels in beside]

    wanted = [is_silenced for _, is_silenced in CAUSES[cause]]
    assert eventually(lambda: silenced() == wanted, 30), list(zip(CAUSES[cause], silenced(), strict=True))


def test_alone_nothing_is_silenced(alertmanager: str) -> None:
    beside = {json.dumps(whole(labels), sort_keys=True) for cases in CAUSES.values() for labels, _ in cases}
    consequences = [json.loads(labels) for labels in beside if "Absent" not in labels and "grafana" not in labels]
    warnings = [labels for labels in consequences if labels["severity"] == "warning"]
    fire(alertmanager, warnings)
    assert eventually(lambda: len(states(alertmanager)) == len(warnings), 30)
    assert eventually(lambda: all(a["status"]["state"] == "active" for a in states(alertmanager)), 30)


def test_without_secrets_it_starts_and_tells_nobody(alertmanager: str) -> None:
    receivers = json.loads(fetch(f"{alertmanager}/api/v2/receivers"))
    assert {receiver["name"] for receiver in receivers} >= {"nobody", "pager", "service", "platform", "quality"}
    own = fetch(f"{alertmanager}/metrics", "text/plain").decode().splitlines()
    assert [line for line in own if line.startswith("alertmanager_integrations ")] == ["alertmanager_integrations 0"]
