"""Counters exist before their first event, so that a rate sees it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families

from otel.contract.labels import Source
from otel.sdk.exposition import TEXT, Exposition
from otel.sdk.recording import Metrics
from server.errors import SpeechError, all_errors, error_type
from server.telemetry import counters
from server.telemetry.counters import UNSEEN, begin_counters
from tests.humming_provider import JOE

LISTS = {
    Source.VOICES: frozenset({JOE.label}),
    Source.LANGUAGES: frozenset(JOE.languages),
    Source.PROVIDERS: frozenset({"coqui", "onnx"}),
    Source.GPUS: frozenset[str](),
    Source.ENDPOINTS: frozenset({"/tts"}),
    Source.CLIENTS: frozenset({"anonymous"}),
    Source.TENANTS: frozenset({"default", "*"}),
    Source.ERRORS: frozenset(error_type(error) for error in all_errors()),
}


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, str]]]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics = Metrics(provider.get_meter("test"), LISTS, None)
    begin_counters(metrics, [JOE], ["coqui", "onnx"], "/tts", ["anonymous"])
    text = Exposition([reader], None).render(TEXT).decode()
    provider.shutdown()
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.value == 0
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.parametrize("error", UNSEEN)
def test_requests_that_never_reach_the_application_have_series(
    samples: dict[str, list[dict[str, str]]], error: type[SpeechError]
) -> None:
    name, side = error_type(error), str(error.side)
    assert {"error_type": name, "endpoint": "other", "side": side} in samples["tts_errors_total"]
    statuses = [each["status_code"] for each in samples["tts_requests_total"] if each["outcome"] == "rejected"]
    assert str(error.status) in statuses


def test_the_use_of_a_key_has_a_series_for_each_voice_up_to_a_number(
    samples: dict[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert samples["tts_words_total"] == [{"voice_name": JOE.label, "client": "anonymous"}]
    monkeypatch.setattr(counters, "MOST_USE", 3)
    begun: list[dict[str, str]] = []
    metrics = SimpleNamespace(add=lambda counter, amount, **labels: begun.append(labels))
    counters.begin_use(metrics, [JOE, JOE], ["phone", "tablet"])  # type: ignore[arg-type]
    assert {labels["client"] for labels in begun} == {"phone"}


def test_every_error_of_the_servers_own_call_has_a_series(samples: dict[str, list[dict[str, str]]]) -> None:
    own = {each["error_type"] for each in samples["tts_errors_total"] if each["endpoint"] == "/tts"}
    assert own == {error_type(error) for error in all_errors()}
