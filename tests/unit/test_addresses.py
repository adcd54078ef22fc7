"""Where people reach the pipeline's pages is said once: every link that is built follows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alerting import __main__ as alerting
from dashboards import build
from dashboards.live.command import main as live
from otel.support.addresses import PublicAddresses, load, variable
from otel.support.environment import SettingsError
from stack import run
from stack.services import Service, alertmanager, prometheus
from stack.settings import StackSettings

ELSEWHERE = {name: f"https://{name.removesuffix('_url')}.example.org/a" for name in PublicAddresses.model_fields}
NATIVE = ("prometheus", "alertmanager", "mlflow", "dashboard")
"""What `make stack` runs of them."""
WRONG = ["grafana.example.org", "javascript://x", "https://me:secret@example.org", "https://x/?a=secret", "https://x)"]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PublicAddresses.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, address in ELSEWHERE.items():
        monkeypatch.setenv(variable(name), f"{address}/")


def test_by_default_they_are_the_ports_of_this_machine() -> None:
    ports = {f"{name}_url": StackSettings.model_fields[f"{name}_port"].default for name in NATIVE}
    ports["grafana_url"] = 3000
    assert load().model_dump() == {name: f"http://localhost:{port}" for name, port in ports.items()}


@pytest.mark.usefixtures("_elsewhere")
def test_no_link_that_is_built_leads_to_this_machine_any_more() -> None:
    addresses = load()
    assert addresses.model_dump() == ELSEWHERE
    made = [*alerting.files(addresses).values(), *build.files(build.FOLDER, addresses).values()]
    links = "\n".join(line for text in made for line in text.splitlines() if "://" in line)
    assert "localhost" not in links
    for name in ("grafana_url", "dashboard_url", "mlflow_url"):
        assert ELSEWHERE[name] in links


@pytest.mark.usefixtures("_elsewhere")
def test_files_are_stale_when_an_address_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = ["--output", str(tmp_path), "--prometheus", "http://127.0.0.1:9"]
    assert build.main(output) == 0
    assert build.main([*output, "--check"]) == 0
    monkeypatch.setenv(variable("mlflow_url"), "http://mlflow.example.org")
    assert build.main([*output, "--check"]) == 1


@pytest.mark.parametrize(("name", "made"), [("prometheus", prometheus), ("alertmanager", alertmanager)])
def test_programs_call_themselves_as_people_reach_them_or_by_where_they_listen(
    name: str, made: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = StackSettings(data_dir=tmp_path, prometheus_port=1234, alertmanager_port=1234)
    assert "--web.external-url=http://127.0.0.1:1234" in made(settings, {name: Path(name)}).command
    monkeypatch.setenv(variable(f"{name}_url"), "https://example.org/path/")
    told = made(settings, {name: Path(name)})
    assert {"--web.external-url=https://example.org/path", "--web.route-prefix=/"} <= {*told.command}
    assert told.ready_url == "http://127.0.0.1:1234/-/ready"


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_address_is_refused_without_repeating_it(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable("grafana_url"), wrong)
    with pytest.raises(SettingsError):
        load()
    monkeypatch.setattr("sys.argv", ["stack"])
    for command in (lambda: alerting.build(check=True), lambda: build.main(["--check"]), lambda: live([]), run.main):
        assert command() == 2
        said = capsys.readouterr().err
        assert "TTSCOPE_PUBLIC_GRAFANA_URL" in said
        assert "secret" not in said
