"""What the pipeline's Prometheus forwards to a long-term store: a second real Prometheus, which also goes away."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.http_calls import fetch
from tests.receiving_prometheus import PASSWORD, USER, ReceivingPrometheus
from tests.reporting_process import NAME, READINGS, ReportingProcess
from tests.server_process import ROOT
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(900)  # the first test builds Prometheus

OURS = '{__name__=~"tts_.*"}'
PERIOD = "1h"


@dataclass(frozen=True)
class Stores:
    """Both Prometheus after three exports; the receiver was away during the second."""

    stack: Stack
    receiver: ReceivingPrometheus
    file: Path
    values: list[float]

    def both(self, call: str, **parameters: object) -> list[Any]:
        """What the sender and the receiver answer."""
        return [self.stack._prometheus(call, **parameters), self.receiver.ask(call, **parameters)]

    def numbers(self, promql: str) -> list[float]:
        """The only value of a query at one time, from both."""
        answers = self.both("query", query=promql, time=time.time())
        return [float(row["value"][1]) for answer in answers for row in answer["result"]]


def count(receiver: ReceivingPrometheus) -> float:
    rows = receiver.ask("query", query=f"{NAME}_count")["result"]
    return float(rows[0]["value"][1]) if rows else 0.0


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, binaries: dict[str, Path]) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("remote")
    receiver = ReceivingPrometheus(binaries["prometheus"], folder / "receiver")
    (folder / "password").write_text(PASSWORD)
    file = folder / "stores.yml"
    store = {
        "url": f"{receiver.url}/api/v1/write",
        "basic_auth": {"username": USER, "password_file": "password"},
        "queue_config": {"batch_send_deadline": "200ms", "max_backoff": "200ms"},
    }
    file.write_text(json.dumps([store]))  # JSON is YAML
    stack = Stack(folder / "stack", binaries, remote_write=str(file))
    process = ReportingProcess(stack.endpoint)
    generator = random.Random(7)
    try:
        receiver.start()
        stack.start("prometheus", "collector")
        for number in (1, 2, 3):
            if number == 2:
                receiver.kill()
            if number == 3:
                receiver.start()
            process.record(generator)
            process.export()
            arrived = f"{NAME}_count == {number * READINGS}"
            assert eventually(lambda arrived=arrived: stack.query(arrived))  # type: ignore[misc]
            if number != 2:
                assert eventually(lambda number=number: count(receiver) == number * READINGS)  # type: ignore[misc]
        yield Stores(stack, receiver, file, process.values)
    finally:
        stack.kill(*stack.supervisor.names)
        receiver.kill()
        process.server.shutdown()


def test_the_store_has_every_series_under_its_name_with_its_labels(stores: Stores) -> None:
    sent, received = stores.both("series", **{"match[]": OURS})
    assert sorted(map(json.dumps, received)) == sorted(map(json.dumps, sent))
    names = {series["__name__"] for series in received}
    assert names == {NAME, f"{NAME}_bucket", f"{NAME}_count", f"{NAME}_sum", "tts_requests_total"}


@pytest.mark.parametrize("selector", [f"{NAME}_count", f"{NAME}_bucket", NAME, "tts_requests_total"])
def test_no_sample_is_lost_while_the_store_is_away(stores: Stores, selector: str) -> None:
    sent, received = stores.both("query", query=f"{selector}[{PERIOD}]", time=time.time())
    assert sent["result"]
    by_labels = [{json.dumps(row.pop("metric")): row for row in answer["result"]} for answer in (sent, received)]
    assert by_labels[0] == by_labels[1]
    assert {len(row.get("values", row.get("histograms"))) for row in by_labels[1].values()} == {3}


@pytest.mark.parametrize(
    "promql",
    [
        f"histogram_quantile(0.95, sum({NAME}))",
        f"histogram_quantile(0.95, sum by (le) ({NAME}_bucket))",
        f"histogram_count(sum({NAME}))",
        "sum(tts_requests_total)",
    ],
)
def test_a_query_has_the_same_answer_in_both(stores: Stores, promql: str) -> None:
    sent, received = stores.numbers(promql)
    assert received == sent > 0


def test_the_stores_p95_is_that_of_what_was_measured(stores: Stores) -> None:
    exact = sorted(stores.values)[int(0.95 * len(stores.values))]
    assert stores.numbers(f"histogram_quantile(0.95, sum({NAME}))")[1] == pytest.approx(exact, rel=0.045)


@pytest.mark.parametrize("form", ["", "_bucket"])
def test_the_store_has_the_exemplars(stores: Stores, form: str) -> None:
    now = time.time()
    answers = stores.both("query_exemplars", query=f"{NAME}{form}", start=now - 3600, end=now + 60)
    ids = [{each["labels"]["trace_id"] for row in answer for each in row["exemplars"]} for answer in answers]
    assert ids[1]
    assert ids[1] == ids[0]


def test_the_password_is_in_its_file_alone(stores: Stores) -> None:
    shown = stores.both("status/config")[0]["yaml"]
    assert "password_file" in shown
    service = stores.stack._services["prometheus"]
    assert PASSWORD not in " ".join((shown, *service.command, *service.environment.values()))
    assert not [name for name, content in stores.stack.files().items() if PASSWORD.encode() in content]


def test_the_command_prints_what_prometheus_accepts(stores: Stores, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stack.remote_write", str(stores.file)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (tmp_path / "prometheus.yml").write_text(printed)
    check = [stores.stack.binaries["promtool"], "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_documentation_names_metrics_that_there_are(stores: Stores) -> None:
    named = set(re.findall(r"prometheus_remote_storage_\w+", (ROOT / "docs" / "scale.md").read_text()))
    assert len(named) == 4
    shown = fetch(f"{stores.stack.settings.url(stores.stack.settings.prometheus_port)}/metrics", "text/plain").decode()
    assert named <= set(re.findall(r"^\w+", shown, re.MULTILINE))
