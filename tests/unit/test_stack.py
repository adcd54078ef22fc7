"""The stack's configuration and cache, without running any of its programs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.boards import BOARDS
from dashboards.live.period import DAY, PERIODS
from otel.contract import pipeline as pipeline_metrics
from otel.contract.metrics import CONTRACT
from otel.contract.slo import WINDOW_DAYS
from otel.support.environment import SettingsError, read
from server.settings import secret_variables, variables
from stack import cache, toolchain
from stack.build import BuildError, build
from stack.environment import inherited
from stack.privacy import make_private
from stack.programs import COLLECTOR, JAEGER, PROGRAMS, needed
from stack.run import run
from stack.services import (
    CONFIG,
    RETENTION_DAYS,
    ROOT,
    Service,
    dashboard,
    drift,
    jaeger,
    mlflow,
    prometheus,
    server,
    server_url,
    stores,
    trace_store,
)
from stack.services import collector as collector_service
from stack.settings import StackSettings, variable
from stack.supervisor import ServiceError
from stack.toolchain import Go, NoGoError
from tests.stack import free_ports

NATIVE = {"prometheus": Path("prometheus"), "jaeger": Path("jaeger"), "alertmanager": Path("alertmanager")}
GO = Go("go", "go1.26.3 linux/amd64")
PARTS = ("receivers", "processors", "exporters")
BUILT = (*PARTS, "connectors", "extensions")
RETENTION = re.compile(r"--storage\.tsdb\.retention\.time=(\d+)d")
DAYS = {"h": 1 / 24, "d": 1, "w": 7}


@pytest.fixture
def collector() -> dict[str, Any]:
    return dict(yaml.safe_load((CONFIG / "collector.yaml").read_text()))


def test_the_ports_are_those_of_the_design() -> None:
    defaults = {name: field.default for name, field in StackSettings.model_fields.items()}
    assert (defaults["collector_grpc_port"], defaults["collector_http_port"]) == (4317, 4318)
    assert defaults["prometheus_port"] == 9090
    assert (defaults["jaeger_port"], defaults["tempo_port"]) == (16686, 3200)
    assert defaults["alertmanager_port"] == 9093
    assert defaults["mlflow_port"] == 5000
    assert defaults["dashboard_port"] == 8501
    ports = [value for name, value in defaults.items() if name.endswith("_port")]
    assert len(set(ports)) == len(ports)


def test_each_program_is_given_its_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TTSCOPE_DRIFT_WINDOW_SECONDS", "60")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = StackSettings(data_dir=tmp_path)
    job = drift(settings).environment
    assert job["TTSCOPE_DRIFT_WINDOW_SECONDS"] == "60"
    assert job["TTSCOPE_DRIFT_EVENTS"] == str(settings.events_folder)
    assert job["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert job["OTEL_EXPORTER_OTLP_ENDPOINT"] == server(settings).environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert not any(name.startswith("TTSCOPE_DRIFT_") for name in (*inherited(), *reaches(server(settings))))


def test_home_assistant_finds_the_server_at_the_usual_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TTSCOPE_WYOMING_PORT", "TTSCOPE_WYOMING_HOST"):
        monkeypatch.delenv(name, raising=False)
    settings = StackSettings(data_dir=tmp_path)
    assert reaches(server(settings))["TTSCOPE_WYOMING_PORT"] == "10200"
    assert reaches(server(settings))["TTSCOPE_WYOMING_HOST"] == "127.0.0.1"
    monkeypatch.setenv("TTSCOPE_WYOMING_PORT", "")
    assert reaches(server(settings))["TTSCOPE_WYOMING_PORT"] == ""


def test_both_programs_export_over_the_collectors_protocol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "")
    settings = StackSettings(data_dir=tmp_path)
    for service in (server(settings), drift(settings)):
        assert reaches(service)["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
        assert reaches(service)["OTEL_METRIC_EXPORT_INTERVAL"] == str(settings.metric_interval)


def reaches(service: Service) -> dict[str, str]:
    """The environment that the program is started with."""
    return {**inherited(service.reads, service.withheld), **service.environment}


@pytest.mark.parametrize("name", variables())
def test_every_setting_of_the_servers_reaches_it(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, "8123")
    assert reaches(server(StackSettings(data_dir=tmp_path)))[name] == "8123"


def test_only_what_is_the_stacks_own_does_not_reach_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    theirs = {"TTSCOPE_CACHE_DIR", "TTSCOPE_STACK_HOST", "TTSCOPE_PUBLIC_GRAFANA_URL", "TTSCOPE_DRIFT_WEBHOOK_URL"}
    for name in (*theirs, "TTSCOPE_PROT"):
        monkeypatch.setenv(name, "set")
    environment = reaches(server(StackSettings(data_dir=tmp_path)))
    assert not theirs & environment.keys()
    assert environment["TTSCOPE_PROT"] == "set"  # misspelt: the server says that it knows no such variable


def test_no_program_gets_another_programs_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = {
        "TTSCOPE_DRIFT_WEBHOOK_URL": {"drift"},
        "MLFLOW_TRACKING_PASSWORD": {"drift"},
        **{name: {"drift", "server"} if name.startswith("OTEL_") else {"server"} for name in secret_variables()},
        "TTSCOPE_API_KEY": {"dashboard"},
    }
    for name in (*secrets, "HTTPS_PROXY"):
        monkeypatch.setenv(name, "set")
    settings = StackSettings(data_dir=tmp_path)
    binaries = {name: Path(name) for program in PROGRAMS.values() for name in program.binaries}
    services = (
        *(*stores(settings, binaries), collector_service(settings, binaries)),
        *(mlflow(settings), drift(settings), server(settings), dashboard(settings)),
    )
    given = {service.name: reaches(service) for service in services}
    for name, programs in secrets.items():
        assert {program for program, environment in given.items() if name in environment} == programs, name
    assert all(environment["HTTPS_PROXY"] == "set" for environment in given.values())


@pytest.mark.parametrize("variable", ["TTSCOPE_DRIFT_EVENTS", "TTSCOPE_DRIFT_SHARED_STORE"])
@pytest.mark.parametrize(("place", "given"), [("var/events", False), ("s3://speech/events", True)])
def test_the_drift_job_gets_credentials_of_a_store_if_its_events_or_its_model_are_there(
    variable: str, place: str, given: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable, place)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "set")
    assert ("AWS_SECRET_ACCESS_KEY" in reaches(drift(StackSettings(data_dir=tmp_path)))) is given


def allowed_hosts(settings: StackSettings) -> list[str]:
    [flag] = [flag for flag in mlflow(settings).command if flag.startswith("--allowed-hosts=")]
    return flag.removeprefix("--allowed-hosts=").split(",")


def test_mlflow_answers_its_own_names_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_SERVER_ALLOWED_HOSTS", raising=False)
    monkeypatch.setenv("TTSCOPE_PUBLIC_MLFLOW_URL", "https://runs.example.org/mlflow")
    loopback = ["localhost:5000", "127.0.0.1:5000"]
    assert allowed_hosts(StackSettings(data_dir=tmp_path)) == [*loopback, "runs.example.org"]
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "runs,runs:5000")
    named = allowed_hosts(StackSettings(data_dir=tmp_path, host="192.0.2.7"))
    assert named == [*loopback, "192.0.2.7:5000", "runs.example.org", "runs", "runs:5000"]


def test_mlflow_on_every_interface_answers_addresses_and_no_name_that_looks_like_one(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.server.security_utils import is_allowed_host_header

    hosts = allowed_hosts(StackSettings(data_dir=tmp_path, host="0.0.0.0"))
    for host in ("localhost:5000", "10.1.2.3:5000", "203.0.113.99:5000"):
        assert is_allowed_host_header(hosts, host), host
    for host in ("10.evil.example:5000", "evil.example", "1.evil.example:5000", "10.1.2.3:80"):
        assert not is_allowed_host_header(hosts, host), host


def test_a_build_gets_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its compiler runs what modules bring along."""
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\nenv > "$(dirname "$0")/environment"; exit 1\n')
    go.chmod(0o755)
    monkeypatch.setenv("TTSCOPE_CACHE_DIR", str(tmp_path / "cache"))
    for name in (*secret_variables(), "MLFLOW_TRACKING_PASSWORD", "TTSCOPE_DRIFT_WEBHOOK_URL"):
        monkeypatch.setenv(name, "a secret")
    monkeypatch.setattr("stack.build.find", lambda: Go(str(go), "go1.26.3 linux/amd64"))
    with pytest.raises(BuildError):
        build([PROGRAMS["prometheus"]], print)
    environment = (tmp_path / "environment").read_text()
    assert "CGO_ENABLED=" in environment
    assert "a secret" not in environment


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8010"), ("::", "http://[::1]:8010"), ("tts.example", "http://tts.example:8010")],
)
def test_the_server_is_asked_where_it_can_be_reached(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_HOST", host)
    monkeypatch.delenv("TTSCOPE_PORT", raising=False)
    assert server_url() == url


def test_folders_of_earlier_runs_are_closed_to_others(tmp_path: Path) -> None:
    settings = StackSettings(data_dir=tmp_path / "stack")
    messages: list[str] = []
    make_private(settings, messages.append)
    assert not messages
    for folder in (settings.events_folder, settings.drift_folder):
        folder.mkdir(parents=True)
        for path in (folder, folder.parent):
            path.chmod(0o755)
    (settings.data_dir / "link").symlink_to(tmp_path)
    make_private(settings, messages.append)
    collector = settings.data_dir / "collector"
    assert messages == [f"other users could read {collector}, and can't any more"]
    modes = [path.stat().st_mode & 0o777 for path in (settings.data_dir, collector, settings.drift_folder)]
    assert modes == [0o755, 0o700, 0o755]
    make_private(settings, messages.append)
    assert len(messages) == 1


def test_a_host_that_is_open_to_all_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # those of the tests stay
    monkeypatch.setattr("stack.run.build", lambda programs, say: {})
    monkeypatch.setattr("stack.run.stores", lambda settings, binaries: ())
    monkeypatch.setattr("stack.run.collector", lambda *_: Service("collector", ("false",), "http://127.0.0.1:9/"))
    for host, warned in (("127.0.0.1", False), ("0.0.0.0", True)):
        settings = StackSettings(data_dir=tmp_path, host=host, **free_ports([*StackSettings().ports]))
        with pytest.raises(ServiceError, match="collector has ended with exit code 1"):
            run(settings, with_server=False, with_drift=False, with_dashboard=False)
        assert ("warning: TTSCOPE_STACK_HOST is 0.0.0.0" in capsys.readouterr().out) is warned


def test_the_dashboard_is_told_where_the_others_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dashboards.live.settings import variables

    monkeypatch.setenv("DASHBOARD_PORT", "8600")
    monkeypatch.setenv("TTSCOPE_PORT", "8011")
    monkeypatch.setenv("TTSCOPE_DASHBOARD_REFRESH_SECONDS", "5")
    settings = StackSettings(data_dir=tmp_path, jaeger_port=3300)
    told = dashboard(settings)
    assert told.ready_url == "http://127.0.0.1:8600/_stcore/health"
    assert told.environment.keys() <= variables().keys()
    assert told.environment["DASHBOARD_PORT"] == "8600"
    assert told.environment["TTSCOPE_DASHBOARD_JAEGER_URL"] == "http://127.0.0.1:3300"
    assert "TTSCOPE_DASHBOARD_TEMPO_URL" not in told.environment
    assert told.environment["TTSCOPE_DASHBOARD_SERVER_URL"] == "http://127.0.0.1:8011"
    assert told.environment["TTSCOPE_DASHBOARD_DRIFT_DIR"] == str(settings.drift_folder)
    assert told.environment["TTSCOPE_DASHBOARD_REFRESH_SECONDS"] == "5"
    assert "TTSCOPE_DASHBOARD_REFRESH_SECONDS" not in inherited()


@pytest.fixture(autouse=True)
def _without_tempo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has none, whatever this one has."""
    monkeypatch.delenv("TTSCOPE_STACK_TEMPO", raising=False)
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda command: None if command == "tempo" else found(command))


def program_in(folder: Path, name: str) -> str:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def names(settings: StackSettings) -> list[str]:
    return [service.name for service in stores(settings, NATIVE)]


def test_jaeger_keeps_traces_and_is_built(tmp_path: Path) -> None:
    settings = StackSettings(data_dir=tmp_path)
    assert names(settings) == ["prometheus", "jaeger", "alertmanager"]
    assert JAEGER in needed(settings)
    assert settings.trace_store_url == "http://127.0.0.1:16686"
    assert "jaeger_port" in settings.ports
    assert not any(name.startswith("tempo_") for name in settings.ports)


def test_a_tempo_that_is_named_keeps_traces_and_no_jaeger_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_in(tmp_path, "tempo-2.8")
    monkeypatch.setenv("TTSCOPE_STACK_TEMPO", program)
    settings = StackSettings(data_dir=tmp_path / "data")
    assert names(settings) == ["prometheus", "tempo", "alertmanager"]
    assert trace_store(settings, {}).command[0] == program
    assert JAEGER not in needed(settings)
    assert settings.trace_store_url == "http://127.0.0.1:3200"
    assert dashboard(settings).environment["TTSCOPE_DASHBOARD_TEMPO_URL"] == "http://127.0.0.1:3200"
    targets = yaml.safe_load((settings.data_dir / "prometheus" / "pipeline.yml").read_text())
    assert {"targets": ["127.0.0.1:3200"], "labels": {"job": "tempo"}} in targets


def test_a_tempo_on_the_path_keeps_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = program_in(tmp_path, "tempo")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TTSCOPE_STACK_TEMPO", raising=False)
    assert StackSettings().tempo_program == program


def test_a_tempo_that_is_not_there_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_STACK_TEMPO", "/nowhere/tempo")
    with pytest.raises(SettingsError, match=r"TTSCOPE_STACK_TEMPO: .*there is no such program"):
        read(StackSettings, variable)


def test_jaeger_stores_before_it_acknowledges_and_keeps_its_own_requests_out() -> None:
    configuration = yaml.safe_load((CONFIG / "jaeger.yaml").read_text())
    assert configuration["service"]["pipelines"]["traces"]["processors"] == []
    assert configuration["extensions"]["jaeger_query"]["enable_tracing"] is False
    badger = configuration["extensions"]["jaeger_storage"]["backends"]["disk"]["badger"]
    assert badger["ephemeral"] is False
    tempo = yaml.safe_load((CONFIG / "tempo.yaml").read_text())
    assert badger["ttl"]["spans"] == tempo["compactor"]["compaction"]["block_retention"]


def test_each_trace_store_is_given_every_variable_of_its_configuration(tmp_path: Path) -> None:
    settings = StackSettings(data_dir=tmp_path, tempo=program_in(tmp_path, "tempo-2.8"))
    for service, file in ((jaeger(settings, NATIVE), "jaeger.yaml"), (trace_store(settings, {}), "tempo.yaml")):
        asked = set(re.findall(r"\$\{(?:env:)?(\w+):-", (CONFIG / file).read_text()))
        assert asked == {name for name in service.environment if name.startswith(service.name.upper())}


def test_the_collector_is_given_every_variable_of_its_configuration_with_docker_and_without(tmp_path: Path) -> None:
    asked = set(re.findall(r"\$\{env:(\w+):-", (CONFIG / "collector.yaml").read_text()))
    assert (
        collector_service(StackSettings(data_dir=tmp_path), {"collector": Path("collector")}).environment.keys()
        == asked
    )
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert compose["collector"]["environment"].keys() == asked
    assert compose["collector"]["environment"]["TRACES_OTLP_ENDPOINT"] == "tempo:14317"


def pipelines(collector: dict[str, Any]) -> list[dict[str, list[str]]]:
    return list(collector["service"]["pipelines"].values())


def test_memory_is_limited_first_and_everything_passes_the_fence(collector: dict[str, Any]) -> None:
    for pipeline in pipelines(collector):
        assert pipeline["processors"] == ["memory_limiter", "transform/privacy"]


@pytest.mark.parametrize("part", PARTS)
def test_the_collector_configures_nothing_that_no_pipeline_uses(collector: dict[str, Any], part: str) -> None:
    assert collector[part].keys() == used(collector, part) - collector["connectors"].keys()


def test_every_connector_ends_one_pipeline_and_begins_another(collector: dict[str, Any]) -> None:
    assert collector["connectors"].keys() == used(collector, "exporters") & used(collector, "receivers")


def test_an_agent_limits_memory_first_and_keeps_every_signal_on_disk_without_end(collector: dict[str, Any]) -> None:
    agent = yaml.safe_load((CONFIG / "agent.yaml").read_text())
    for pipeline in pipelines(agent):
        assert pipeline["processors"] == ["memory_limiter"]
        [exporter] = (agent["exporters"][name] for name in pipeline["exporters"])
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
        assert exporter["keepalive"] == collector["exporters"]["otlp_grpc/traces"]["keepalive"]
    for part in PARTS:
        assert agent[part].keys() == used(agent, part)
    assert agent["exporters"]["otlp_grpc/gateway_metrics"]["sending_queue"]["num_consumers"] == 1


def used(collector: dict[str, Any], part: str) -> set[str]:
    return {name for pipeline in pipelines(collector) for name in pipeline[part]}


def test_the_collector_is_built_of_what_it_uses(collector: dict[str, Any]) -> None:
    manifest = yaml.safe_load((COLLECTOR.folder / "builder.yaml").read_text())
    for part in BUILT:
        configured = {name.partition("/")[0].replace("_", "").replace("grpc", "") for name in collector[part]}
        built = {entry["gomod"].split()[0].rpartition("/")[2] for entry in manifest[part]}
        assert {name.removesuffix(part[:-1]) for name in built} == configured


def test_the_manifest_and_the_module_name_the_same_versions() -> None:
    manifest = yaml.safe_load((COLLECTOR.folder / "builder.yaml").read_text())
    required = (COLLECTOR.folder / "go.mod").read_text()
    for part in (*BUILT, "providers"):
        for entry in manifest[part]:
            assert f"\t{entry['gomod']}\n" in required


def test_rules_ask_for_metrics_of_the_contract_and_name_what_they_make() -> None:
    groups = yaml.safe_load((CONFIG / "prometheus-rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules}
    contract = {instrument.prometheus_name for instrument in CONTRACT}
    for rule in rules:
        for name in re.findall(r"[a-z_]*:?tts_[a-z0-9_:]+", rule["expr"]):
            assert name in recorded or name.removesuffix("_bucket") in contract


def test_the_folder_of_a_build_changes_with_its_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.programs.SOURCES", tmp_path)
    program = PROGRAMS["jaeger"]
    program.folder.mkdir()
    (program.folder / "go.mod").write_text("module a")
    first = cache.fingerprint(program, GO)
    assert cache.fingerprint(program, GO) == first
    assert cache.fingerprint(program, Go("go", "go1.27 linux/amd64")) != first
    (program.folder / "go.mod").write_text("module b")
    assert cache.fingerprint(program, GO) != first


def test_a_binary_that_changed_since_its_build_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("stack.build.find", lambda: GO)
    programs = [COLLECTOR]
    folder = cache.folder(COLLECTOR, GO)
    folder.mkdir(parents=True)
    binary = folder / "collector"
    binary.write_bytes(b"as it was built")
    for _ in range(2):  # a folder of an earlier version is recorded the first time
        assert build(programs, print) == {"collector": binary}
    times = binary.stat()
    binary.write_bytes(b"as it was BUILT")
    os.utime(binary, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(BuildError, match=rf"collector in {re.escape(str(folder))} changed since the build"):
        build(programs, print)
    binary.unlink()
    with pytest.raises(BuildError):
        build(programs, print)


def half_done(folder: Path) -> None:
    (folder / "half").touch()
    raise NotADirectoryError


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError), cache.filling(tmp_path / "program") as folder:
        half_done(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_build_appears_whole_and_the_first_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "program"
    for content in ("first", "second"):
        with cache.filling(target) as folder:
            (folder / "binary").write_text(content)
    assert (target / "binary").read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TTSCOPE_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/ttscope")),
        ({}, Path.home() / ".cache" / "ttscope"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TTSCOPE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache.root() == expected


def go_that_says(folder: Path, version: str) -> str:
    command = folder / "go"
    command.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n")
    command.chmod(0o755)
    return str(command)


def test_a_go_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = go_that_says(tmp_path / "old", "go1.9.7"), go_that_says(tmp_path / "new", "go1.30")
    monkeypatch.setattr(toolchain, "_candidates", lambda: iter([old, new]))
    assert toolchain.find() == Go(new, "go1.30 linux/amd64")
    monkeypatch.setattr(toolchain, "_candidates", lambda: iter([old]))
    with pytest.raises(NoGoError, match=r"Go 1\.26 or newer.*go1\.9\.7"):
        toolchain.find()


def test_prometheus_asks_the_same_programs_with_docker_and_without(tmp_path: Path) -> None:
    settings = StackSettings(data_dir=tmp_path)
    prometheus(settings, {"prometheus": Path("prometheus")})
    native = yaml.safe_load((tmp_path / "prometheus" / "pipeline.yml").read_text())
    compose = yaml.safe_load((ROOT / "deploy" / "compose" / "pipeline-tempo.yml").read_text())
    for targets, store in ((native, pipeline_metrics.JAEGER), (compose, pipeline_metrics.TEMPO)):
        jobs = (pipeline_metrics.PROMETHEUS, store, pipeline_metrics.ALERTMANAGER)
        assert [target["labels"] for target in targets] == [{"job": job} for job in jobs]
        assert set(jobs) <= set(pipeline_metrics.JOBS)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for target in compose:
        [(name, port)] = [address.split(":") for address in target["targets"]]
        assert any(published.endswith(f":{port}") for published in services[name]["ports"])
    assert "./deploy/compose/pipeline-tempo.yml:/etc/prometheus/pipeline.yml:ro" in services["prometheus"]["volumes"]


def test_the_collector_calls_itself_what_panels_call_it(collector: dict[str, Any]) -> None:
    [name] = collector["service"]["telemetry"]["resource"]["attributes"]
    assert name == {"name": "service.name", "value": pipeline_metrics.COLLECTOR}


def test_prometheus_keeps_what_is_promised_and_shown_with_docker_and_without(tmp_path: Path) -> None:
    """The whole window of the promise; and of a panel's longest period what it looks back to from its begin."""
    command = prometheus(StackSettings(data_dir=tmp_path), {"prometheus": Path("prometheus")}).command
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["prometheus"]["command"]
    kept = [[int(found[1]) for flag in flags if (found := RETENTION.fullmatch(flag))] for flags in (command, compose)]
    assert kept == [[RETENTION_DAYS], [RETENTION_DAYS]]
    assert RETENTION_DAYS > WINDOW_DAYS
    queries = [query.promql for board in BOARDS for panel in board.panels for query in panel.queries]
    back = [sum(int(n) * DAYS[unit] for n, unit in re.findall(r"(?:\[|offset )(\d+)([hdw])", q)) for q in queries]
    longest = max(PERIODS.values()) / DAY
    assert all(longest + days < RETENTION_DAYS for days in back if days < WINDOW_DAYS)
