"""Settings: typed, all mistakes at once, every variable documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel.support.environment import SettingsError
from server import wyoming_settings
from server.settings import Settings, load, unknown_variables, variables


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*variables(), "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_the_ports_of_the_design() -> None:
    settings = load()
    assert (settings.port, settings.management_port, settings.metrics_enabled) == (8010, 8002, True)
    assert settings.management_host == "127.0.0.1"


def test_everything_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_PORT", "9000")
    monkeypatch.setenv("PROMETHEUS_PORT", "9001")
    monkeypatch.setenv("METRICS_ENABLED", "false")
    monkeypatch.setenv("TTSCOPE_DATA_DIR", "/srv/ttscope")
    monkeypatch.setenv("TTSCOPE_DEVICE", "cuda:1")
    monkeypatch.setenv("TTSCOPE_EMOTION_TAGS", "happy, in a whisper")
    settings = load()
    assert settings.emotion_tags == ("happy", "in a whisper")
    assert (settings.port, settings.management_port, settings.metrics_enabled) == (9000, 9001, False)
    assert (settings.data_dir, settings.device) == (Path("/srv/ttscope"), "cuda:1")


def test_all_mistakes_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "TTSCOPE_PORT": "tcp://10.0.0.1:8010",  # what Kubernetes sets for a Service named ttscope
        "PROMETHEUS_PORT": "70000",
        "METRICS_ENABLED": "perhaps",
        "TTSCOPE_DEVICE": "tpu",
        "TTSCOPE_MAX_IN_FLIGHT": "0",
        "TTSCOPE_PROVIDERS": "coqui,nobody",
        "TTSCOPE_VOICE_PROVIDERS": '{"joe": ["coqui"',
        "TTSCOPE_REMOTE_VOICES": '{"alloy": []}',
        "TTSCOPE_REMOTE_URL": "ftp://somewhere",
        "TTSCOPE_CACHE_BYTES": "-1",
        "TTSCOPE_EMOTION_TAGS": "happy,(sad)",
        "TTSCOPE_ITEM_PAUSE_SECONDS": "-1",
        "TTSCOPE_ALLOWED_ORIGINS": "https://app.example/",
        "TTSCOPE_HSTS_SECONDS": "-1",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load()
    for name in wrong:
        assert f"  {name}: " in str(error.value)


def test_conflicts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_PORT", "8010")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
    with pytest.raises(SettingsError) as error:
        load()
    for name in ("PROMETHEUS_PORT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"TTSCOPE_PROVIDERS": "coqui,coqui"}, "TTSCOPE_PROVIDERS"),
        ({"TTSCOPE_PROVIDERS": "coqui,remote"}, "TTSCOPE_REMOTE_URL"),
        ({"TTSCOPE_PROVIDERS": "ray,coqui"}, "TTSCOPE_RAY_ADDRESS"),
        ({"TTSCOPE_RAY_MIN_REPLICAS": "3", "TTSCOPE_RAY_MAX_REPLICAS": "2"}, "TTSCOPE_RAY_MAX_REPLICAS"),
        ({"TTSCOPE_VOICE_PROVIDERS": '{"joe": ["hibari:hibari"]}'}, "TTSCOPE_VOICE_PROVIDERS"),
        ({"TTSCOPE_CACHE_SECRET": "short"}, "TTSCOPE_CACHE_SECRET"),
        ({"TTSCOPE_AUDIT_SECRET": "short"}, "TTSCOPE_AUDIT_SECRET"),
        ({"TTSCOPE_AUDIT_FILES": "1"}, "TTSCOPE_AUDIT_FILES"),
        ({"TTSCOPE_AUDIT_REQUESTS": "some"}, "TTSCOPE_AUDIT_REQUESTS"),
        ({"TTSCOPE_REDIS_URL": "redis://localhost"}, "TTSCOPE_CACHE_SECRET"),
        ({"TTSCOPE_REDIS_URL": "localhost:6379"}, "TTSCOPE_REDIS_URL"),
        ({"TTSCOPE_AGENT_CHECK_PORT": "8010"}, "TTSCOPE_AGENT_CHECK_PORT"),
        ({"TTSCOPE_AGENT_CHECK_PORT": "70000"}, "TTSCOPE_AGENT_CHECK_PORT"),
        ({"TTSCOPE_WYOMING_PORT": "8010"}, "TTSCOPE_WYOMING_PORT: must differ"),
        ({"TTSCOPE_WYOMING_DISCOVERY": "true"}, "TTSCOPE_WYOMING_DISCOVERY: needs TTSCOPE_WYOMING_PORT"),
        ({"TTSCOPE_LOAD_REPORTS": "often"}, "TTSCOPE_LOAD_REPORTS"),
        ({"TTSCOPE_SHED_SECONDS": "0"}, "TTSCOPE_SHED_SECONDS"),
        ({"TTSCOPE_TLS_KEY": "/etc/tls.key"}, "TTSCOPE_TLS_CERTIFICATE, TTSCOPE_TLS_KEY: both"),
        ({"TTSCOPE_TLS_CERTIFICATE": "/etc/tls.crt"}, "TTSCOPE_TLS_CERTIFICATE, TTSCOPE_TLS_KEY: both"),
    ],
)
def test_settings_must_fit_together(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        load()


def test_an_announcement_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_WYOMING_PORT", "10200")
    monkeypatch.setenv("TTSCOPE_WYOMING_DISCOVERY", "true")
    monkeypatch.setattr(wyoming_settings, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="TTSCOPE_WYOMING_DISCOVERY: needs the extra wyoming"):
        load()
    monkeypatch.setattr(wyoming_settings, "find_spec", lambda name: object())
    assert load().wyoming_discovery


def test_providers_are_a_list_and_orders_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_PROVIDERS", "onnx, hibari")
    monkeypatch.setenv("TTSCOPE_VOICE_PROVIDERS", '{"joe": ["onnx", "hibari:hibari"]}')
    settings = load()
    assert settings.providers == ("onnx", "hibari")
    assert settings.voice_providers == {"joe": ("onnx", "hibari:hibari")}
    assert load().cache_bytes == 64 * 1024 * 1024


@pytest.mark.parametrize(
    "origin", ["app.example", "https://app.example/", "HTTPS://app.example", "null", "https://*.example", "https://a b"]
)
def test_an_origin_is_exact(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("TTSCOPE_ALLOWED_ORIGINS", origin)
    with pytest.raises(SettingsError, match="TTSCOPE_ALLOWED_ORIGINS"):
        load()


def test_origins_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ("https://app.example", "http://localhost:3000", "http://[::1]:3000", "capacitor://localhost", "*")
    monkeypatch.setenv("TTSCOPE_ALLOWED_ORIGINS", ", ".join(origins))
    assert load().allowed_origins == origins


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_PROT", "9000")
    assert "TTSCOPE_PROT" in unknown_variables()


def test_a_name_with_our_prefix_sets_what_has_another_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_MANAGEMENT_PORT", "9001")
    monkeypatch.setenv("TTSCOPE_METRICS_ENABLED", "false")
    assert (load().management_port, load().metrics_enabled) == (9001, False)
    assert not {"TTSCOPE_MANAGEMENT_PORT", "TTSCOPE_METRICS_ENABLED"} & set(unknown_variables())
    monkeypatch.setenv("PROMETHEUS_PORT", "9002")
    assert load().management_port == 9002


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
