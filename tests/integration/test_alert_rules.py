"""Rules and routes in the hands of Prometheus' and Alertmanager's own tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from alerting.__main__ import write_tests
from alerting.alerts import ALERTS, GROUPS
from stack.services import CONFIG, ROOT

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

ALERTING = ROOT / "alerting"
RULES = sorted((ALERTING / "rules").glob("*.yml"))
ROUTES = {
    ("critical", "service"): "pager,service",
    ("critical", "platform"): "pager,platform",
    ("critical", "quality"): "pager,quality",
    ("warning", "service"): "service",
    ("warning", "platform"): "platform",
    ("warning", "quality"): "quality",
    ("none", "platform"): "heartbeat",
}


@pytest.fixture(scope="module")
def promtool_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with promtool's tests of every group."""
    folder = tmp_path_factory.mktemp("promtool")
    assert write_tests(folder) == 0
    return folder


def tool(binaries: dict[str, Path], name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(binaries[name]), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def test_promtool_finds_nothing_to_say_of_the_rules(binaries: dict[str, Path]) -> None:
    paths = map(str, (*RULES, CONFIG / "prometheus-rules.yml"))
    done = tool(binaries, "promtool", "check", "rules", "--lint=all", "--lint-fatal", *paths)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("group", [group.name for group in GROUPS])
def test_each_alert_fires_and_stays_silent_as_it_should(
    binaries: dict[str, Path], promtool_tests: Path, group: str
) -> None:
    done = tool(binaries, "promtool", "test", "rules", str(promtool_tests / f"{group}.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_threshold_that_is_moved_is_noticed(binaries: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    rules = ALERTING / "rules" / "machine.yml"
    (tmp_path / "rules" / "machine.yml").write_text(rules.read_text().replace("> 80", ">= 80"))
    assert write_tests(tmp_path / "tests", tmp_path / "rules") == 0
    done = tool(binaries, "promtool", "test", "rules", str(tmp_path / "tests" / "machine.yml"))
    assert done.returncode != 0
    assert "TtsCpuHigh, edge" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["alertmanager", "example"])
def test_amtool_accepts_the_configuration(binaries: dict[str, Path], name: str) -> None:
    done = tool(binaries, "amtool", "check-config", str(ALERTING / "alertmanager" / f"{name}.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["alertmanager", "example"])
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name} {alert.severity}")
def test_an_alert_reaches_its_team_and_if_critical_the_pager(
    binaries: dict[str, Path], name: str, alert: object
) -> None:
    config = f"--config.file={ALERTING / 'alertmanager' / f'{name}.yml'}"
    wanted = ROUTES[alert.severity.value, alert.team.value]  # type: ignore[attr-defined]
    labels = [f"{key}={value}" for key, value in alert.all_labels.items()]  # type: ignore[attr-defined]
    done = tool(
        binaries, "amtool", "config", "routes", "test", config, f"--verify.receivers={wanted}",
        f"alertname={alert.name}", *labels,  # type: ignore[attr-defined]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_route_is_taken_and_the_rest_is_only_shown(binaries: dict[str, Path]) -> None:
    assert {(alert.severity.value, alert.team.value) for alert in ALERTS} <= ROUTES.keys()
    config = f"--config.file={ALERTING / 'alertmanager' / 'alertmanager.yml'}"
    done = tool(binaries, "amtool", "config", "routes", "test", config, "--verify.receivers=nobody", "team=strangers")
    assert done.returncode == 0, done.stdout + done.stderr
