"""compose.yaml, read by Docker Compose itself; no Docker engine is needed to check it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from otel.support.addresses import PublicAddresses, variable
from otel.support.api_key import FILE_VARIABLE
from stack.build import build
from stack.programs import Program
from stack.services import NO_ORIGIN
from stack.toolchain import NoGoError
from tests.server_process import ROOT

pytestmark = pytest.mark.timeout(1800)  # the first test builds Docker Compose, if it is not in the cache

COMPOSE = Program("compose", ("github.com/docker/compose/v5/cmd",), ("cmd",), 2)
"""Docker Compose itself, which is no part of the pipeline."""
IMAGES = {"collector": "0.157.0", "prometheus": "3.14", "tempo": "2.8", "jaeger": "2.13", "alertmanager": "0.31.1"}
"""As built natively (stack/programs/README.md); and of Tempo, the version that its configuration is for."""
ONCE = {"own-volumes", "grafana-setup"}
"""The services that prepare volumes and end."""
QUIET = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
}
"""What keeps Grafana, and the browsers that show it, from calling its makers and others. Grafana itself can't run in
this test."""
PORTS = {
    "server": {"8010", "8002", "3001"},
    "collector": {"4317", "4318", "13133"},
    "prometheus": {"9090"},
    "tempo": {"3200"},
    "jaeger": {"16686"},
    "alertmanager": {"9093"},
    "grafana": {"3000"},
    "mlflow": {"5000"},
    "dashboard": {"8501"},
}


@pytest.fixture(scope="module")
def compose() -> Path:
    try:
        return build([COMPOSE], print)["cmd"]
    except NoGoError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def services(compose: Path) -> dict[str, Any]:
    return understood(compose)


def understood(compose: Path, **variables: str) -> dict[str, Any]:
    """Every service as Compose understands it, variables filled in."""
    command = [
        str(compose),
        "-f",
        "compose.yaml",
        "--profile",
        "gpu",
        "--profile",
        "jaeger",
        "config",
        "--format",
        "json",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)["services"])


def user_of(service: dict[str, Any]) -> str:
    """Returns the number of the user that its program runs as."""
    user, _, group = service["user"].partition(":")
    assert user == group, "root's group would be its own otherwise"
    return str(user)


def test_compose_refuses_what_it_does_not_know(compose: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((ROOT / "compose.yaml").read_text().replace("restart: unless-stopped", "restrat: always"))
    done = subprocess.run([str(compose), "-f", str(wrong), "config", "--quiet"], capture_output=True, check=False)
    assert done.returncode != 0


def test_every_file_that_is_mounted_exists(services: dict[str, Any]) -> None:
    mounted = [Path(v["source"]) for s in services.values() for v in s.get("volumes", []) if v["type"] == "bind"]
    assert len(mounted) >= 6
    for path in mounted:
        assert path.exists(), path
    for service in services.values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).exists()


def test_the_ports_are_those_of_the_design_on_the_loopback(services: dict[str, Any]) -> None:
    published = {
        name: {port["published"] for port in service.get("ports", [])}
        for name, service in services.items()
        if service.get("ports") and name != "server-gpu"
    }
    assert published == PORTS
    hosts = {port["host_ip"] for service in services.values() for port in service.get("ports", [])}
    assert hosts == {"127.0.0.1"}


def test_the_images_are_the_versions_that_are_built_natively(services: dict[str, Any]) -> None:
    for name, version in IMAGES.items():
        tag = services[name]["image"].rsplit(":", 1)[1]
        assert re.match(rf"v?{re.escape(version)}(\.|$)", tag), services[name]["image"]


def test_every_image_names_a_version_and_ours_a_base_that_can_be_pinned(
    compose: Path, services: dict[str, Any]
) -> None:
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?$", service["image"]), name
    pinned = "python:3.12-slim-bookworm@sha256:" + "0" * 64
    built = [service["build"] for service in understood(compose, PYTHON_IMAGE=pinned).values() if "build" in service]
    assert len(built) >= 5
    assert {build["args"]["PYTHON_IMAGE"] for build in built} == {pinned}
    for service in services.values():
        if "build" in service:
            default = f"ARG PYTHON_IMAGE={service['build']['args']['PYTHON_IMAGE']}\n"
            assert default in (ROOT / service["build"]["dockerfile"]).read_text()


def test_the_gpu_is_asked_for_by_a_profile(services: dict[str, Any]) -> None:
    gpu = services["server-gpu"]
    assert gpu["profiles"] == ["gpu"]
    assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"
    assert gpu["environment"]["TTSCOPE_DEVICE"] == "cuda"


def test_everything_that_lasts_has_a_limit_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name not in ONCE:
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert service["restart"] == "unless-stopped", name


def test_no_container_can_do_more_than_it_must(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["ulimits"] == {"core": {}}, name  # Compose leaves out a zero
        assert service.get("read_only", False) == (name != "grafana"), name
        assert bool(service.get("cap_add")) == (name in ONCE), name


def test_no_log_fills_the_disk(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}, name


def test_health_is_checked_where_the_image_has_something_to_check_it_with(services: dict[str, Any]) -> None:
    checked = {name for name, service in services.items() if "healthcheck" in service}
    assert checked == {"prometheus", "alertmanager", "grafana", "mlflow"}
    assert "HEALTHCHECK" in (ROOT / services["server"]["build"]["dockerfile"]).read_text()


def test_everything_that_must_last_is_in_a_named_volume(services: dict[str, Any]) -> None:
    for name in ("server", "collector", "prometheus", "tempo", "jaeger", "alertmanager", "grafana", "drift", "mlflow"):
        assert any(volume["type"] == "volume" for volume in services[name]["volumes"]), name


def test_the_server_takes_only_variables_that_it_knows(services: dict[str, Any]) -> None:
    from server.settings import variables

    for name in ("server", "server-gpu"):
        ours = {key for key in services[name]["environment"] if not key.startswith("OTEL_")}
        assert ours <= variables().keys()


def test_the_drift_job_takes_only_variables_that_it_knows(services: dict[str, Any]) -> None:
    from drift.settings import variables

    ours = {key for key in services["drift"]["environment"] if not key.startswith("OTEL_")}
    assert ours <= variables().keys()


def test_the_drift_job_reads_what_the_collector_writes(services: dict[str, Any]) -> None:
    [events] = [volume for volume in services["drift"]["volumes"] if volume["source"] == "collector"]
    assert events["read_only"]
    assert services["drift"]["environment"]["TTSCOPE_DRIFT_EVENTS"] == f"{events['target']}/events"
    assert f"--uid {user_of(services['collector'])} " in (ROOT / "deploy" / "drift.Dockerfile").read_text()


def test_the_dashboard_takes_only_variables_that_it_knows(services: dict[str, Any]) -> None:
    from dashboards.live.settings import variables

    public = {variable(field) for field in PublicAddresses.model_fields}
    assert services["dashboard"]["environment"].keys() <= variables().keys() | public | {FILE_VARIABLE}
    for name in ("server", "server-gpu"):
        assert "speaker" in services[name]["networks"]["default"]["aliases"]
    assert services["dashboard"]["environment"]["TTSCOPE_DASHBOARD_SERVER_URL"] == "http://speaker:8010"


def test_the_dashboard_reads_the_drift_jobs_folder_and_changes_nothing(services: dict[str, Any]) -> None:
    volumes = services["dashboard"]["volumes"]
    assert all(volume["read_only"] for volume in volumes)
    [pages] = [volume for volume in volumes if volume["source"] == "drift"]
    dockerfile = (ROOT / services["dashboard"]["build"]["dockerfile"]).read_text()
    assert f"TTSCOPE_DASHBOARD_DRIFT_DIR={pages['target']} " in dockerfile
    assert f"--uid {user_of(services['collector'])} " in dockerfile  # the drift job's own too: it may read its pages
    assert "HEALTHCHECK" in dockerfile


def test_the_server_makes_the_dashboards_key_where_the_dashboard_reads_it(services: dict[str, Any]) -> None:
    [observe] = [volume for volume in services["dashboard"]["volumes"] if volume["source"] == "observe"]
    for name in ("server", "server-gpu"):
        assert {"observe": observe["target"]}.items() <= {
            volume["source"]: volume["target"] for volume in services[name]["volumes"]
        }.items()
        assert services[name]["environment"]["TTSCOPE_ALLOW_ANONYMOUS"] == "false"
    key = services["dashboard"]["environment"][FILE_VARIABLE]
    assert key.startswith(f"{observe['target']}/")
    script = (ROOT / "deploy" / "server.sh").read_text()
    assert f"create dashboard --scopes observe --if-missing --file {key}\n" in script
    dockerfile = (ROOT / services["server"]["build"]["dockerfile"]).read_text()
    assert all(f" {path}" in dockerfile for path in ("deploy/server.sh", observe["target"]))
    assert "!deploy/server.sh" in (ROOT / ".dockerignore").read_text().splitlines()


def test_grafana_calls_nobody(services: dict[str, Any]) -> None:
    assert services["grafana"]["environment"].items() >= QUIET.items()


def test_grafana_answers_one_name_and_shows_strangers_nothing(compose: Path, services: dict[str, Any]) -> None:
    settings = services["grafana"]["environment"]
    assert (settings["GF_SERVER_ENFORCE_DOMAIN"], settings["GF_SERVER_DOMAIN__FILE"]) == ("true", "/setup/domain")
    assert settings["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    chosen = understood(compose, GRAFANA_ANONYMOUS="true", GRAFANA_ADMIN_PASSWORD="of the operator's own")
    assert chosen["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert settings["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/setup/admin_password"
    assert [name for name, service in chosen.items() if "of the operator's own" in json.dumps(service)] == [
        "grafana-setup"
    ]
    assert services["grafana"]["depends_on"]["grafana-setup"]["condition"] == "service_completed_successfully"


def set_up(service: dict[str, Any], folder: Path) -> str:
    """Runs the service's script by this machine's shell, in ``folder``; returns what it prints."""
    shell, flags, script = service["command"]
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "chown").write_text("#!/bin/sh\n")  # this test may run without the right to
    (programs / "chown").chmod(0o755)
    script = script.replace("$$", "$").replace("cd /setup", f"cd {folder}")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", **service["environment"]}
    done = subprocess.run([shell, flags, script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_grafana_gets_a_password_of_its_own_once(compose: Path, services: dict[str, Any], tmp_path: Path) -> None:
    passwords = set()
    for name in ("one", "another"):
        folder = tmp_path / name
        folder.mkdir()
        printed = set_up(services["grafana-setup"], folder)
        password = folder / "admin_password"
        assert re.fullmatch(r"[\w-]{24}", password.read_text())
        assert password.stat().st_mode & 0o077 == 0
        assert (folder / "domain").read_text() == "localhost"
        assert "docker compose exec grafana cat /setup/admin_password" in printed
        assert password.read_text() not in printed
        passwords.add(password.read_text())
    assert len(passwords) == 2
    later = understood(
        compose, GRAFANA_ADMIN_PASSWORD="later", TTSCOPE_PUBLIC_GRAFANA_URL="https://g.example.org:8443/x"
    )
    set_up(later["grafana-setup"], folder)
    assert password.read_text() in passwords
    assert (folder / "domain").read_text() == "g.example.org"
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    set_up(later["grafana-setup"], chosen)
    assert (chosen / "admin_password").read_text() == "later"


def test_pages_of_other_sites_are_refused_as_natively(compose: Path, services: dict[str, Any]) -> None:
    assert f"--web.cors.origin={NO_ORIGIN}" in services["prometheus"]["command"]
    [hosts] = [flag for flag in services["mlflow"]["command"] if flag.startswith("--allowed-hosts=")]
    assert hosts == "--allowed-hosts=mlflow:5000,localhost:5000,127.0.0.1:5000"
    more = understood(compose, MLFLOW_SERVER_ALLOWED_HOSTS="runs.example.org", TTSCOPE_DASHBOARD_ALLOWED_HOSTS="dash")
    assert f"{hosts},runs.example.org" in more["mlflow"]["command"]
    assert more["dashboard"]["environment"]["TTSCOPE_DASHBOARD_ALLOWED_HOSTS"] == "dash"


def called(services: dict[str, Any]) -> dict[str, str]:
    """What the programs call themselves in links, by the field that says so."""
    found = {"grafana_url": services["grafana"]["environment"]["GF_SERVER_ROOT_URL"]}
    for name in ("prometheus", "alertmanager"):
        flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in services[name]["command"])
        assert flags["web.route-prefix"] == "/"  # whatever people call it, health is asked for at the root
        found[f"{name}_url"] = flags["web.external-url"]
    told = services["dashboard"]["environment"]
    return found | {field: told[variable(field)] for field in ("dashboard_url", "mlflow_url")}


def test_programs_call_themselves_as_people_reach_them(compose: Path, services: dict[str, Any]) -> None:
    usual = {name: field.default for name, field in PublicAddresses.model_fields.items()}
    unset = {"dashboard_url": "", "mlflow_url": ""}  # the dashboard knows the default itself
    assert called(services) == {**usual, **unset}
    elsewhere = {name: f"https://{name.removesuffix('_url')}.example.org" for name in usual}
    assert called(understood(compose, **{variable(name): url for name, url in elsewhere.items()})) == elsewhere


def test_jaeger_takes_the_place_of_tempo(compose: Path) -> None:
    """Tempo is under the AGPL: with the second file it is not started, and nothing asks for it."""
    files = ("-f", "compose.yaml", "-f", "deploy/compose/jaeger.yaml")
    done = subprocess.run(
        [str(compose), *files, "config", "--format", "json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    services = json.loads(done.stdout)["services"]
    assert "tempo" not in services
    assert "jaeger" in services
    assert services["collector"]["environment"]["TRACES_OTLP_ENDPOINT"] == "jaeger:14317"
    assert services["dashboard"]["environment"]["TTSCOPE_DASHBOARD_TEMPO_URL"] == "none"
    assert services["dashboard"]["environment"]["TTSCOPE_DASHBOARD_JAEGER_URL"] == "http://jaeger:16686"
    [scraped] = [v["source"] for v in services["prometheus"]["volumes"] if v["target"].endswith("/pipeline.yml")]
    assert "jaeger:8888" in Path(scraped).read_text()
    assert "tempo" not in Path(scraped).read_text()
    assert services["grafana"]["environment"]["TRACE_STORE"] == "jaeger"
    assert services["grafana"]["environment"]["TRACE_STORE_URL"] == "http://jaeger:16686"
    [dashboards] = [v["source"] for v in services["grafana"]["volumes"] if v["target"] == "/etc/grafana/ttscope"]
    assert Path(dashboards).name == "grafana-jaeger"


@pytest.mark.parametrize("address", [None, "0.0.0.0"])
def test_wyomings_port_is_published_with_the_second_file(compose: Path, address: str | None) -> None:
    files = ("-f", "compose.yaml", "-f", "deploy/compose/wyoming.yaml", "--profile", "gpu")
    done = subprocess.run(
        [str(compose), *files, "config", "--format", "json"],
        cwd=ROOT,
        env={**os.environ, **({"TTSCOPE_WYOMING_ADDRESS": address} if address else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("server", "server-gpu"):
        service = json.loads(done.stdout)["services"][name]
        [wyoming] = [port for port in service["ports"] if port["target"] == 10200]
        assert (wyoming["host_ip"], wyoming["published"]) == (address or "127.0.0.1", "10200")
        assert {port["host_ip"] for port in service["ports"] if port is not wyoming} == {"127.0.0.1"}
        assert service["environment"]["TTSCOPE_WYOMING_PORT"] == "10200"
        assert service["environment"]["TTSCOPE_ALLOW_ANONYMOUS"] == "true"
        assert service["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], "what the second file does not name stays"


def test_prometheus_forwards_with_the_second_file(compose: Path, tmp_path: Path) -> None:
    files = ("-f", "compose.yaml", "-f", "deploy/compose/remote-write.yaml")
    done = subprocess.run(
        [str(compose), *files, "config", "--format", "json"],
        cwd=ROOT,
        env={**os.environ, "TTSCOPE_REMOTE_WRITE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    mounted = {v["target"]: v["source"] for v in json.loads(done.stdout)["services"]["prometheus"]["volumes"]}
    assert mounted["/etc/prometheus/prometheus.yml"] == str(tmp_path / "prometheus.yml")
    assert mounted["/remote-write"] == str(tmp_path)
    assert Path(mounted["/etc/prometheus/prometheus-rules.yml"]).exists(), "what the second file does not name stays"


def test_the_pipeline_that_prometheus_scrapes_is_of_this_file(services: dict[str, Any]) -> None:
    [scraped] = [v["source"] for v in services["prometheus"]["volumes"] if v["target"].endswith("/pipeline.yml")]
    targets = re.findall(r"targets: \[(\w+):", Path(scraped).read_text())
    assert set(targets) == {"prometheus", "tempo", "alertmanager"}
