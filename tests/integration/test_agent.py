"""A Collector as an agent beside the server: what a lost gateway and an agent that ends cost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drift.rows.parquet import HOUR
from drift.rows.store import Rows
from otel.contract.pipeline import COLLECTOR_AGENT, QUEUE_CAPACITY, SENT
from stack.services import CONFIG, Service
from tests.integration.test_outages import ALL_TRACES, RECOVERY_SECONDS, Load, all_spans_left, missing_traces
from tests.integration.test_stack import FAST_EXPORT
from tests.server_process import LiveServer
from tests.stack import READY_SECONDS, Stack, eventually, free_ports

pytestmark = pytest.mark.timeout(1800)  # as in test_stack

AWAY_SECONDS = 3.0
"""Several retries of the server and of the agent, and several exports."""
PAUSE = 0.05
"""So that there are hundreds of requests, each of which is looked for."""
AGENT = "collector-agent"
POD, NODE = "collector-agent-x7k2p", "node-a"
SERVER_ON_NODE = {"OTEL_RESOURCE_ATTRIBUTES": f"k8s.pod.name=server-1,k8s.node.name={NODE}"}


@dataclass(frozen=True)
class Agent:
    """The agent of a node, with its queue in ``folder``."""

    stack: Stack
    folder: Path
    service: Service
    endpoint: str

    @classmethod
    def beside(cls, stack: Stack, folder: Path) -> Agent:
        ports = free_ports(["grpc", "health"])
        listening, health = (f"127.0.0.1:{port}" for port in ports.values())
        environment = {
            "COLLECTOR_OTLP_GRPC_ENDPOINT": listening,
            "COLLECTOR_HEALTH_ENDPOINT": health,
            "COLLECTOR_DATA_DIR": str(folder),
            "COLLECTOR_GATEWAY_ENDPOINT": stack.endpoint.removeprefix("http://"),
            "PROMETHEUS_URL": stack.settings.url(stack.settings.prometheus_port),
            "K8S_POD_NAME": POD,
            "K8S_NODE_NAME": NODE,
        }
        command = (str(stack.binaries["collector"]), f"--config=file:{CONFIG / 'agent.yaml'}")
        return cls(stack, folder, Service(AGENT, command, f"http://{health}/", environment), f"http://{listening}")

    def start(self) -> None:
        self.stack.supervisor.start([self.service])
        self.stack.supervisor.wait_until_ready(READY_SECONDS)

    def crash(self) -> None:
        self.stack.kill(AGENT)

    def end_with_its_volume(self) -> None:
        """As a pod that is replaced by one of a new version."""
        self.stack.supervisor.stop(AGENT)
        shutil.rmtree(self.folder)


@pytest.fixture
def agent(stack: Stack, tmp_path: Path) -> Iterator[Agent]:
    agent = Agent.beside(stack, tmp_path / "agent")
    agent.start()
    yield agent
    agent.crash()


@contextmanager
def loaded(agent: Agent, data_dir: Path) -> Iterator[Load]:
    """Clients of a server that exports to the agent, until the block ends; then the server ends too."""
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": agent.endpoint, "TTSCOPE_CACHE_BYTES": "0"}
    with LiveServer(data_dir, "tests.humming_server", **ours, **SERVER_ON_NODE, **FAST_EXPORT, **ALL_TRACES) as server:
        load = Load(server.wait_until_ready(), PAUSE)
        with load.running():
            assert eventually(lambda: set(load.trace_ids) & {event["traceId"] for event in agent.stack.events()})
            yield load
        assert eventually(lambda: all_spans_left(server.url))
        assert server.stop() == 0
    assert set(load.statuses) == {200}


def rows_of(stack: Stack, folder: Path, load: Load) -> int:
    """The events of these requests, as the drift job has them after it has left out what came twice."""
    rows = Rows(folder / str(time.time_ns()))
    rows.ingest([stack.settings.events_folder], now=datetime.now(UTC), judged_until=None)
    windows = [rows.window(hour, hour + HOUR, most=1_000_000).frame for hour in rows.hours()]
    return sum(int(frame["request_id"].isin(load.request_ids).sum()) for frame in windows)


def instance_of(stack: Stack, load: Load) -> str:
    """The server's instance, by the resource of one of its traces."""
    [resource, *_] = stack.resources(load.trace_ids[0])
    attributes = {each["key"]: each["value"].get("stringValue") for each in resource["resource"]["attributes"]}
    assert attributes["k8s.node.name"] == NODE
    return str(attributes["service.instance.id"])


def assert_each_arrived_once(stack: Stack, load: Load, folder: Path) -> str:
    """Returns the server's instance."""
    sent = len(load.statuses)
    assert missing_traces(stack, load.trace_ids) == set()
    spans = [span["spanId"] for trace_id in load.trace_ids for span in stack.spans(trace_id)]
    assert len(spans) == len(set(spans))
    assert eventually(lambda: rows_of(stack, folder, load) == sent, RECOVERY_SECONDS, 1.0)
    instance = instance_of(stack, load)
    for count in (
        "sum(tts_requests_total{%s})",
        "sum(tts_request_duration_seconds_count{%s})",
        "histogram_count(sum(tts_request_duration_seconds{%s}))",
    ):
        query = count % f'instance="{instance}"'
        assert eventually(lambda query=query: stack.value(query) == sent, RECOVERY_SECONDS), query
    return instance


def test_an_agent_that_ends_and_a_gateway_that_is_away_lose_nothing(stack: Stack, agent: Agent, tmp_path: Path) -> None:
    with loaded(agent, tmp_path / "data") as load:
        agent.end_with_its_volume()
        agent.start()
        time.sleep(AWAY_SECONDS)
        stack.kill("collector")
        away = time.time()
        time.sleep(AWAY_SECONDS)
        agent.crash()
        agent.start()
        time.sleep(AWAY_SECONDS)
        stack.start("collector")
        back = time.time()
    instance = assert_each_arrived_once(stack, load, tmp_path)
    exports = samples(stack, "tts_requests_total", instance, away, back)
    assert exports >= AWAY_SECONDS
    for name in ("tts_request_duration_seconds_count", "tts_request_duration_seconds"):
        assert samples(stack, name, instance, away, back) == exports, "those that came out of order are kept too"
    assert_reports_under_its_own_name(stack)


def samples(stack: Stack, name: str, instance: str, begin: float, end: float) -> int:
    """The number of times between ``begin`` and ``end`` of which Prometheus has a sample of the server's metric."""
    found = stack.times(f'{name}{{instance="{instance}"}}', time.time() - begin + 1)
    return len({at for at in found if begin < at < end})


def assert_reports_under_its_own_name(stack: Stack) -> None:
    of_the_agent = f'job="{COLLECTOR_AGENT}",instance="{POD}"'
    assert eventually(lambda: stack.query(f"{SENT[0].prometheus_name}{{{of_the_agent}}} > 0"))
    queues = eventually(lambda: stack.query(f"{QUEUE_CAPACITY.prometheus_name}{{{of_the_agent}}}"))
    assert {labels["data_type"] for labels, _ in queues} == {"traces", "metrics", "logs"}
    [target] = stack.series(f"target_info{{{of_the_agent}}}")
    assert (target["k8s_pod_name"], target["k8s_node_name"]) == (POD, NODE)
