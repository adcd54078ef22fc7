"""The overlay for processors on a real cluster: requests, telemetry, who reaches whom, and probes."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster.arrivals import events
from tests.cluster.cluster import until
from tests.cluster.deployment import NAMESPACE, Deployment, is_ready
from tests.cluster.host import send
from tests.cluster.network import HOST
from tests.cluster.policies import Caller
from tests.http_calls import fetch, post
from tests.kubernetes import KUBERNETES, NAME, Manifests, documents
from tests.server_process import ROOT

pytestmark = pytest.mark.timeout(1800)

SETTLE_SECONDS = 90.0
KUBE_ROUTER = {("server", "server", 8010)}
"""What kube-router lets pass besides: from a pod that a policy selects to another one, what that policy lets in."""
DOCTOR = {"server": 8010, "collector": 13133, "prometheus": 9090, "jaeger": 16686}
"""What the doctor asks, by Service."""
VARIABLES = {
    "collector": "TTSCOPE_STACK_COLLECTOR_HEALTH_PORT",
    "prometheus": "TTSCOPE_STACK_PROMETHEUS_PORT",
    "jaeger": "TTSCOPE_STACK_JAEGER_PORT",
}
OUTSIDE = [("kubernetes.default.svc", 443), (HOST, 6443)]
"""The cluster's API, by its Service and by its address."""


def speak(cpu: Deployment, text: str, key: str) -> tuple[int, dict[str, str], bytes]:
    """Sends a text through the Service."""
    url = f"http://{cpu.address('server')}:8010/tts"
    return post(url, {"text": text}, Host="server", Authorization=f"Bearer {key}")


def test_a_request_is_answered_and_seen_everywhere(cpu: Deployment) -> None:
    before = cpu.value("sum(tts_requests_total)")
    assert speak(cpu, "Let me in.", "ttscope_none")[0] == 401
    status, headers, audio = speak(cpu, "One two three.", cpu.secret("ttscope-keys", "first.key"))
    assert (status, audio[:4]) == (200, b"RIFF")
    trace = headers["X-Trace-ID"]
    until(lambda: cpu.value("sum(tts_requests_total)") >= before + 1, "it is in Prometheus", str, SETTLE_SECONDS)
    until(lambda: spans(cpu, trace), "it is in Jaeger", str, SETTLE_SECONDS)
    until(lambda: trace in events(cpu), "it is in the events of the drift job", str, SETTLE_SECONDS)
    assert '"k8s.node.name"' in spans(cpu, trace), "the agent of its node has passed it on"


def test_the_doctor_finds_the_chain_whole(cpu: Deployment) -> None:
    kubectl = f"{cpu.cluster.binaries['kubectl']} --namespace={NAMESPACE}"
    with ExitStack() as forwards:
        urls = {name: forwards.enter_context(cpu.forward(f"service/{name}", port)) for name, port in DOCTOR.items()}
        ports = {VARIABLES[name]: url.rpartition(":")[2] for name, url in urls.items() if name in VARIABLES}
        done = subprocess.run(
            [sys.executable, "-m", "stack.doctor", "--url", urls["server"], "--kubernetes", kubectl],
            cwd=ROOT,
            env={**cpu.cluster.environment, **ports},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the chain is whole" in done.stdout


def test_each_pod_reaches_what_the_policies_let_it_reach(cpu: Deployment) -> None:
    manifests = Manifests(documents(KUBERNETES / "overlays" / "cpu"))
    programs = {pod["metadata"]["labels"][NAME]: pod["metadata"]["labels"] for pod in manifests.pods().values()}
    services = {name: each["spec"] for name, each in manifests.named("Service").items() if name != "grafana"}
    targets = [(name, port["port"]) for name, spec in services.items() for port in spec["ports"]]
    callers = {name: Caller(cpu, name) for name in (*programs, "stranger")}
    programs["stranger"] = {NAME: "stranger"}
    try:
        for caller in callers.values():
            caller.start()
        for name, caller in callers.items():
            caller.until_it_runs()
            expected = {
                (service, port): all(
                    manifests.allowed(direction, *pair, port)
                    for direction, pair in (
                        ("egress", (programs[name], programs[services[service]["selector"][NAME]])),
                        ("ingress", (programs[services[service]["selector"][NAME]], programs[name])),
                    )
                )
                for service, port in targets
            }
            expected |= dict.fromkeys(OUTSIDE, name == "make-secrets")
            expected |= {(service, port): True for source, service, port in KUBE_ROUTER if source == name}
            until(
                lambda: caller.reached([*expected]) == expected,  # noqa: B023 - it is called here
                f"{name} reaches what it may and no more",
                lambda: str(caller.reached([*expected]).items() ^ expected.items()),  # noqa: B023
                SETTLE_SECONDS,
            )
    finally:
        for caller in callers.values():
            caller.delete()


def test_a_server_that_hangs_leaves_the_service_and_is_restarted(cpu: Deployment) -> None:
    cpu.until_ready()
    pod = cpu.pods("server")[0]
    name = pod["metadata"]["name"]
    assert name in cpu.endpoints("server")
    before = restarts(cpu, name)
    send(pod, "-m server", signal.SIGSTOP)
    until(lambda: name not in cpu.endpoints("server"), "it leaves the Service", str, 60.0)
    assert not is_ready(pod_of(cpu, name))
    assert restarts(cpu, name) == before, "readiness comes before liveness"
    until(lambda: restarts(cpu, name) == before + 1, "it is restarted", str, 240.0)
    assert not is_ready(pod_of(cpu, name)), "it starts"
    until(lambda: name in cpu.endpoints("server"), "it is back in the Service", str, 300.0)


def pod_of(cpu: Deployment, name: str) -> dict[str, Any]:
    """Returns the pod of this name."""
    [pod] = [pod for pod in cpu.pods() if pod["metadata"]["name"] == name]
    return pod


def restarts(cpu: Deployment, name: str) -> int:
    """Returns how often the only container of a pod was restarted."""
    return int(pod_of(cpu, name)["status"]["containerStatuses"][0]["restartCount"])


def spans(cpu: Deployment, trace: str) -> str:
    """Returns a trace as Jaeger has it; empty if it has none."""
    try:
        with cpu.forward("service/jaeger", 16686) as url:
            return fetch(f"{url}/api/v3/traces/{trace}").decode()
    except urllib.error.HTTPError:
        return ""
