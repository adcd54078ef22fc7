"""Alerts as data: named through the contract, complete, each with a runbook and with tests of every kind."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from alerting import routes
from alerting.__main__ import PROVISIONING, files, main
from alerting.alert import Alert, Dashboard, Severity, Team, runbook
from alerting.alerts import ALERTS, GROUPS, slo
from alerting.alerts.capacity import QUEUE_SECONDS, REFUSED
from alerting.alerts.quality import ROWS
from alerting.case import Kind
from alerting.cases import CASES
from alerting.grafana import GROUPS as GRAFANA
from alerting.table import INJECTED_FAULTS
from drift.settings import Settings as DriftSettings
from otel.contract.labels import OUTCOME, STAGE
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS
from otel.contract.metrics import CONTRACT, REQUESTS, SYSTEM_CPU, WORD_COUNT_DURATION
from otel.contract.pipeline import PIPELINE_METRICS
from otel.contract.promql import UNSCOPED, at_most, labels
from otel.contract.ranges import EMPTY, WORDS
from otel.contract.slo import LATENCY, SLOS
from otel.support.addresses import PublicAddresses
from server.errors import all_errors, error_type
from server.settings import Settings
from tests import short_intervals

ROOT = Path(__file__).parents[2]
ALERTING = ROOT / "alerting"
METRICS = {metric.prometheus_name: metric for metric in (*CONTRACT, *HTTP_METRICS, *SDK_METRICS, *PIPELINE_METRICS)}
RECORDS = {recording.record for group in GROUPS for recording in group.recordings}
SHARED = {
    rule["record"]
    for group in yaml.safe_load((ROOT / "stack/config/prometheus-rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
NAMES = sorted({alert.name for alert in ALERTS})
EXPRESSIONS = [alert.expr for alert in ALERTS] + [r.expr for group in GROUPS for r in group.recordings]
WRITTEN_BY_RULES = {"slo", "day"}
FEW = {  # whose expression has a guard against low traffic
    "TtsErrorRateHigh",
    "TtsLatencyHigh",
    "TtsSuccessRateLow",
    "TtsFirstAudioLate",
    "TtsStreamHoles",
    "TtsSloAvailabilityBurn",
    "TtsSloLatencyBurn",
    "TtsProviderSlow",
    "TtsProviderFailing",
    "TtsRequestsRefused",
    "TtsRealTimeFactorHigh",
    "TtsCacheCollapse",
    "TtsAudioFaults",
    "TtsTrafficUnusual",
    "TtsSpeechUnusuallySlow",
    "TtsUsageDrop",
    "TtsUsageSpike",
}
SECTIONS = ["What it means", "What to look at", "What to do", "How to tell that it worked"]
PREFIXES = ("tts_", "otel_sdk_", "otelcol_", "http_server_", "prometheus_")
BARE = re.compile(r'"[^"]*"')


def metrics_in(text: str) -> set[str]:
    """Names of metrics and records, those of parts of histograms as the metric's."""
    words = re.findall(r"[a-z_][a-z0-9_:]*", BARE.sub("", text))
    names = {word for word in words if ":tts_" in word or word in RECORDS | {"up"} or word.startswith(PREFIXES)}
    return {name if name in METRICS else re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def read(name: str) -> str:
    return (ALERTING / "runbooks" / f"{name}.md").read_text()


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", read(name), re.DOTALL)


def test_what_is_made_of_the_alerts_is_up_to_date() -> None:
    assert [str(path) for path, text in files(PublicAddresses()).items() if path.read_text() != text] == []


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_rules_ask_only_for_what_the_contract_has(expr: str) -> None:
    assert metrics_in(expr) <= METRICS.keys() | RECORDS | SHARED
    of_metrics = set().union(*(labels(METRICS[name]) for name in metrics_in(expr) if name in METRICS))
    for matched in re.findall(r"(\w+)(?:=~|!=|=)\"", expr):
        assert matched in of_metrics | WRITTEN_BY_RULES
    for kept in re.findall(r" (?:by|on) \(([^)]*)\)", expr):
        assert {name.strip() for name in kept.split(",") if name} <= of_metrics | {"instance"}


def test_a_name_that_the_contract_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="has no label stage"):
        UNSCOPED.series(REQUESTS, where={STAGE: "infer"})
    with pytest.raises(ValueError, match="has no outcome good"):
        UNSCOPED.series(REQUESTS, where={OUTCOME: "good"})
    with pytest.raises(ValueError, match="is a gauge and has no _bucket"):
        UNSCOPED.series(SYSTEM_CPU, suffix="_bucket")
    with pytest.raises(ValueError, match="has no bucket up to 3"):
        at_most(WORD_COUNT_DURATION, 3)


def test_values_whose_list_is_known_only_at_the_start_are_real() -> None:
    assert {*REFUSED} <= {error_type(error) for error in all_errors()}


def test_thresholds_that_follow_a_setting_are_its_default() -> None:
    assert Settings.model_fields["max_queue_seconds"].default == 2 * QUEUE_SECONDS
    assert DriftSettings.model_fields["minimum_rows"].default == ROWS


def test_every_range_is_promised_something() -> None:
    assert [*LATENCY.bounds] == [label for label in WORDS.labels if label != EMPTY]
    assert {slo.name for slo in SLOS} == {"availability", "latency", "continuity", "playback"}


def test_windows_are_those_of_the_workbook() -> None:
    assert [(burn.factor, burn.short, burn.long) for burn in slo.BURNS] == [
        (14.4, "5m", "1h"),
        (6, "30m", "6h"),
        (3, "2h", "1d"),
        (1, "6h", "3d"),
    ]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name} {alert.labels.get('long_window', '')}")
def test_an_alert_is_complete(alert: Alert) -> None:
    assert alert.summary
    assert "$value" not in alert.summary
    yes_or_no = re.search(r"== [01]$|^absent|^vector", alert.expr)
    assert yes_or_no or "$value" in alert.description
    links = alert.annotations(PublicAddresses())
    assert links["runbook_url"] == runbook(alert.name, PublicAddresses())
    assert links["dashboard_url"].rsplit("/", 1)[1] in {board.value for board in Dashboard}
    assert len({*alert.all_labels} & {*alert.labels}) == len(alert.labels)
    given = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    aggregated = " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", alert.expr)).replace(",", " ").split()
    assert given <= {*aggregated, *(a.name for promise in SLOS for a in promise.by)}


def test_no_two_rules_are_the_same_alert() -> None:
    keys = [(alert.name, *sorted(alert.all_labels.items())) for alert in ALERTS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_firing_silent_at_its_edge_and_without_series(name: str) -> None:
    kinds = {case.kind for cases in CASES.values() for case in cases if case.alert == name}
    wanted = {Kind.FIRES} if name == "TtsWatchdog" else {Kind.FIRES, Kind.EDGE, Kind.MISSING}
    assert kinds >= wanted | ({Kind.FEW} if name in FEW else set())


def test_cases_are_of_alerts_that_are_there() -> None:
    for group in GROUPS:
        assert {case.alert for case in CASES[group.name]} == {alert.name for alert in group.alerts}
        for case in CASES[group.name]:
            assert bool(case.firing) == (case.kind is Kind.FIRES) or case.kind is Kind.QUIET
    assert INJECTED_FAULTS.keys() <= {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_is_whole(name: str) -> None:
    page = read(name)
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == SECTIONS
    assert blocks(name, "promql") or blocks(name, "sh")
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (ALERTING / "runbooks" / link).exists(), link


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_names_only_what_is_there(name: str) -> None:
    page = read(name)
    asked = "\n".join([*blocks(name, "promql"), *re.findall(r"`([^`\n]*)`", page)])
    assert metrics_in(asked) <= METRICS.keys() | RECORDS | SHARED
    for module in re.findall(r"python -m ([a-z_.]+)", page):
        assert importlib.util.find_spec(module)
    for target in re.findall(r"make ([a-z-]+)", "\n".join(blocks(name, "sh"))):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    known = {"TTSCOPE_" + field.upper() for field in Settings.model_fields}
    known |= {"TTSCOPE_DRIFT_" + field.upper() for field in DriftSettings.model_fields}
    assert {*re.findall(r"\bTTSCOPE_[A-Z_]+\b", page)} <= known


def test_there_are_no_runbooks_of_alerts_that_are_gone() -> None:
    assert sorted(path.stem for path in (ALERTING / "runbooks").glob("*.md")) == NAMES


def test_without_secrets_nobody_is_told() -> None:
    for receiver in routes.configuration(routes.Switches())["receivers"]:
        assert receiver.keys() == {"name"}


def test_secrets_stand_in_files_alone() -> None:
    text = (ALERTING / "alertmanager" / "example.yml").read_text()
    for name in ("slack_url", "webhook_url", "pagerduty_key", "smtp_password", "heartbeat_url"):
        assert f"_file: /etc/alertmanager/secrets/{name}" in text
    assert not re.search(r"^\s*(- )?(api_url|url|routing_key|auth_password):", text, re.MULTILINE)


def test_receivers_are_not_switched_on_without_their_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["alerting", "receivers", str(tmp_path), "--slack"])
    assert main() == 1
    assert "slack_url" in capsys.readouterr().err
    assert not (tmp_path / "alertmanager.yml").exists()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "slack_url").write_text("https://hooks.slack.test/T0/B0/secret")
    assert main() == 0
    written = (tmp_path / "alertmanager.yml").read_text()
    assert f"{tmp_path}/secrets/slack_url" in written
    assert "hooks.slack" not in written
    assert (tmp_path / "templates" / "ttscope.tmpl").exists()


def test_mail_needs_a_server_and_a_sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["alerting", "receivers", str(tmp_path), "--email-to", "a@example.org"])
    assert main() == 2


def test_grafanas_alerts_have_the_documented_shape() -> None:
    documented = {"uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for"}
    documented |= {"keepFiringFor", "annotations", "labels", "isPaused"}
    rules = yaml.safe_load((PROVISIONING / "rules.yaml").read_text())
    assert rules["apiVersion"] == 1
    found = []
    for group in rules["groups"]:
        assert group.keys() == {"orgId", "name", "folder", "interval", "rules"}
        for rule in group["rules"]:
            found.append(rule["title"])
            assert rule.keys() <= documented
            assert re.fullmatch("[a-zA-Z0-9-_]{1,40}", rule["uid"])
            assert rule["noDataState"] in {"NoData", "Alerting", "OK"}
            assert rule["execErrState"] in {"Error", "Alerting", "OK"}
            assert rule["condition"] in {query["refId"] for query in rule["data"]}
            for query in rule["data"]:
                assert query.keys() == {"refId", "relativeTimeRange", "datasourceUid", "model"}
                assert query["datasourceUid"] in {"prometheus", "__expr__"}
                assert query["model"]["refId"] == query["refId"]
            assert rule["data"][0]["model"]["expr"] in [alert.expr for alert in ALERTS if alert.name == rule["title"]]
            said = "".join(rule["annotations"].values())
            assert "$" not in said  # Grafana would take it for a variable
            assert "query" not in said  # which its templates don't have
            assert rule["labels"]["source"] == "grafana"
    assert found == [name for names in GRAFANA.values() for name in names]
    assert len({rule["uid"] for group in rules["groups"] for rule in group["rules"]}) == len(found)
    [point] = yaml.safe_load((PROVISIONING / "contact-points.yaml").read_text())["contactPoints"]
    [receiver] = point["receivers"]
    assert receiver["type"] == "prometheus-alertmanager"
    assert "url" in receiver["settings"]
    [policy] = yaml.safe_load((PROVISIONING / "policies.yaml").read_text())["policies"]
    assert policy["receiver"] == point["name"]
    assert "ALERTMANAGER_URL" in (ROOT / "compose.yaml").read_text()


def test_teams_and_severities_are_routed() -> None:
    matched = " ".join(matcher for route in routes.ROUTE["routes"] for matcher in route["matchers"])
    for value in (*Team, Severity.CRITICAL, Severity.NONE):
        assert f'"{value}"' in matched


def test_times_are_divided_and_nothing_else() -> None:
    expr = "sum(rate(tts_requests_total[5m] offset 10m)) > 5 and max_over_time(timestamp(x)[1h:1m]) > 120"
    shorter = "sum(rate(tts_requests_total[30000ms] offset 60000ms)) > 5 and "
    shorter += "max_over_time(timestamp(x)[360000ms:6000ms]) > 120"
    assert short_intervals.expression(expr, 10) == shorter
