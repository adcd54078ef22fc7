"""`docker compose up` from nothing: all healthy, one request down the whole chain, an upgrade that loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.build import build
from stack.programs import Program
from tests.compose import images
from tests.compose.engine import Docker, NoEngineError, docker_engine
from tests.compose.images import BASE, OURS, made
from tests.compose.project import NAME, Project, project, services, without
from tests.http_calls import fetch, post
from tests.server_process import ROOT
from tests.stack import eventually

pytestmark = pytest.mark.timeout(5400)

COMPOSE = Program("compose", ("github.com/docker/compose/v5/cmd",), ("cmd",), 2)
ENGINE_FOLDER = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ttscope" / "docker"
ONCE = {"own-volumes", "grafana-setup"}
"""The services that end after they have done their work."""
SETTLE_SECONDS = 90.0


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    try:
        with docker_engine(ENGINE_FOLDER) as docker:
            yield docker
    except NoEngineError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="module")
def deployed(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, which runs; it is removed with its volumes at the end."""
    compose = build([COMPOSE], print)["cmd"]
    folder = tmp_path_factory.mktemp("compose")
    wanted = services(compose, docker)
    others = {str(service["image"]) for service in wanted.values() if "build" not in service}
    origins = images.get(docker, {*others, BASE}, folder, print)
    print(json.dumps(origins, indent=1))
    for name, image in OURS.items():
        made(docker, name, image)
    missing = {name for name, service in wanted.items() if "build" not in service and service["image"] not in origins}
    assert missing <= {"grafana"}, "the others' images can be had, or built"
    missing |= {"grafana-setup"} & {f"{name}-setup" for name in missing}  # nobody would wait for its end
    running = project(docker, compose, [without(missing, folder)])
    running("down", "--volumes", "--remove-orphans")
    try:
        running.up()
        yield running
        running("stop")
        codes = {name: container["State"]["ExitCode"] for name, container in running.containers().items()}
        assert codes == dict.fromkeys(codes, 0), "every program ends in order"
    finally:
        running("down", "--volumes", "--remove-orphans")


def counted(running: Project, query: str) -> float:
    """Returns the value of a query that has one result in Prometheus; 0 without a result."""
    url = f"{running.url('prometheus')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    result = json.loads(fetch(url))["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def speak(running: Project, text: str) -> tuple[int, dict[str, str], bytes]:
    """Sends the text with the key that the server has made at its first start; returns the answer."""
    key = running("exec", "-T", "server", "cat", "/data/first.key").strip()
    return post(f"{running.url('server')}/tts", {"text": text}, Authorization=f"Bearer {key}")


def doctor(running: Project) -> subprocess.CompletedProcess[str]:
    """Runs the doctor as an operator would."""
    environment = {
        **os.environ,
        **running.docker.environment,
        **running.environment,
        "COMPOSE_PROJECT_NAME": NAME,
    }
    command = [sys.executable, "-m", "stack.doctor", "--compose", str(running.compose)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_everything_is_healthy(deployed: Project) -> None:
    for name, container in deployed.containers().items():
        state: dict[str, Any] = container["State"]
        if name in ONCE:
            assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
        else:
            assert state["Status"] == "running", name
            assert state.get("Health", {"Status": "healthy"})["Status"] == "healthy", name
            assert container["RestartCount"] == 0, name


def test_no_program_is_root_or_has_a_capability(deployed: Project) -> None:
    for name, container in deployed.containers().items():
        if name not in ONCE:
            status = Path(f"/proc/{container['State']['Pid']}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert set(fields["Uid"].split()) != {"0"}, name
            assert "0" not in fields["Gid"].split(), name
            assert int(fields["CapEff"], 16) == 0, name
            assert fields["NoNewPrivs"] == "1", name


def test_a_request_goes_down_the_whole_chain(deployed: Project) -> None:
    done = doctor(deployed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the chain is whole" in done.stdout


def test_prometheus_finds_every_program(deployed: Project) -> None:
    def down() -> set[str]:
        targets = json.loads(fetch(f"{deployed.url('prometheus')}/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["job"] for target in targets if target["health"] != "up"}

    assert eventually(lambda: down() == set(), SETTLE_SECONDS), down()
    assert eventually(lambda: counted(deployed, "count(target_info)") >= 3, SETTLE_SECONDS)


@pytest.mark.parametrize(
    ("name", "package"), [("server", "aiohttp"), ("drift", "evidently"), ("dashboard", "streamlit")]
)
def test_an_image_lists_its_packages(deployed: Project, name: str, package: str) -> None:
    image = f"{OURS[name]}:0.1.0"
    labels = json.loads(deployed.docker("image", "inspect", image))[0]["Config"]["Labels"]
    printed = deployed.docker("run", "--rm", "--network=none", "--entrypoint=cat", image, labels["ttscope.sbom"])
    components = {component["name"]: component for component in json.loads(printed)["components"]}
    assert components[package]["licenses"]


def test_the_pages_answer(deployed: Project) -> None:
    assert b"<title>" in fetch(deployed.url("console") + "/", "text/html")
    assert fetch(deployed.url("dashboard") + "/_stcore/health", "text/plain") == b"ok"
    assert fetch(deployed.url("mlflow") + "/health", "text/plain") == b"OK"


def test_nobody_speaks_without_a_key(deployed: Project) -> None:
    assert post(f"{deployed.url('server')}/tts", {"text": "Let me in."})[0] == 401
    dashboard = deployed("exec", "-T", "dashboard", "cat", "/observe/api.key")
    assert dashboard.startswith("ttscope_")


def test_an_upgrade_loses_nothing(deployed: Project) -> None:
    status, headers, _ = speak(deployed, "Before the upgrade.")
    assert status == 200
    before = counted(deployed, "sum(max_over_time(tts_requests_total[1h]))")
    made(deployed.docker, "server", OURS["server"], "--label", "upgrade=1")
    old = deployed.containers()["server"]["Image"]
    deployed.up()
    assert deployed.containers()["server"]["Image"] != old
    assert speak(deployed, "After the upgrade.")[0] == 200
    trace = headers["X-Trace-ID"]
    assert fetch(f"{deployed.url('jaeger')}/api/v3/traces/{trace}")
    assert eventually(
        lambda: counted(deployed, "sum(max_over_time(tts_requests_total[1h]))") >= before + 2, SETTLE_SECONDS
    )


def test_volumes_outlive_down(deployed: Project) -> None:
    status, headers, _ = speak(deployed, "Before all is taken down.")
    assert status == 200
    assert doctor(deployed).returncode == 0  # so that what was sent before has arrived
    deployed("down")
    deployed.up()
    trace = headers["X-Trace-ID"]
    assert fetch(f"{deployed.url('jaeger')}/api/v3/traces/{trace}")
    assert doctor(deployed).returncode == 0
