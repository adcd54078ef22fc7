"""The values of OTEL_* variables: which are taken, what they set, and what is said of the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from otel.sdk.otlp import (
    Target,
    fixed_sampling,
    metric_interval,
    metric_timeout,
    otlp_enabled,
    problems,
    target,
)
from otel.sdk.variable_rules import SIGNALS, Signal
from tests.certificates import certificates_in

OTLP = "OTEL_EXPORTER_OTLP_"
Environment = Callable[[dict[str, str]], None]
HERE = {f"{OTLP}ENDPOINT": "http://collector:4317"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    def put(values: dict[str, str]) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


WRONG = {
    "OTEL_SDK_DISABLED": ["1", "yes"],
    "OTEL_TRACES_EXPORTER": ["console", "zipkin", "otlp,none", "otlp_proto_http"],
    "OTEL_METRICS_EXPORTER": ["prometheus", "console"],
    "OTEL_LOGS_EXPORTER": ["logging", "otlp/stdout"],
    f"{OTLP}PROTOCOL": ["http/json", "http", "udp"],
    f"{OTLP}TRACES_PROTOCOL": ["http/json"],
    f"{OTLP}ENDPOINT": [
        "collector:4317",
        "collector",
        "localhost",
        "ftp://collector",
        "http://",
        "http://:4317",
        "http://collector:99999",
        "http://user:SECRET@collector:4317",
        "http://collector:4317/v1/traces",
        "http://collector:4317?key=SECRET",
        "http://col lector:4317",
    ],
    f"{OTLP}LOGS_ENDPOINT": ["collector:4317"],
    f"{OTLP}HEADERS": [
        "SECRET",
        "api-key:SECRET",
        "api key=SECRET",
        "a=b;c=SECRET",
        "a=b,,c=SECRET",
        "a=\N{SNOWMAN}",
        "a=%E2%98%83",
        "a=%0ASECRET",
    ],
    f"{OTLP}TIMEOUT": ["0", "-1", "10s", "10000", "nan", "inf", "1e3"],
    f"{OTLP}METRICS_TIMEOUT": ["10000"],
    f"{OTLP}COMPRESSION": ["zstd", "deflate", "true"],
    f"{OTLP}CERTIFICATE": ["/nowhere/ca.pem", "/", __file__.replace("test_otlp_variables", "__init__")],
    f"{OTLP}INSECURE": ["1", "yes"],
    f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": ["DELTAS", "both"],
    f"{OTLP}METRICS_DEFAULT_HISTOGRAM_AGGREGATION": ["base2_exponential_bucket_histogram"],
    "OTEL_METRIC_EXPORT_INTERVAL": ["0", "soon", "1.5", "-5", "99999999999"],
    "OTEL_METRIC_EXPORT_TIMEOUT": ["soon", "-1"],
    "OTEL_BSP_SCHEDULE_DELAY": ["0", "x"],
    "OTEL_BSP_EXPORT_TIMEOUT": ["x"],
    "OTEL_BSP_MAX_QUEUE_SIZE": ["0", "many"],
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": ["0", "2049"],
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": ["-1", "all"],
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ["unlimited"],
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": ["x"],
    "OTEL_RESOURCE_ATTRIBUTES": ["SECRET", "a=b,", "=b", "a=b,c"],
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": ["nobody"],
    "OTEL_PROPAGATORS": ["jaeger", "xray", "tracecontext,ottrace", "b3,"],
    "OTEL_TRACES_SAMPLER": ["traceidratio", "parentbased_always_on", "jaeger_remote"],
    "OTEL_METRICS_EXEMPLAR_FILTER": ["always_on", "always_off"],
    "OTEL_SEMCONV_STABILITY_OPT_IN": ["http/dup", "database,http/dup"],
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": ["on"],
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": ["OK", "UNAVAILABLE,SOMETIMES"],
}
RIGHT = {
    "OTEL_SDK_DISABLED": ["false", "False", "TRUE"],
    "OTEL_TRACES_EXPORTER": ["otlp", "none", "OTLP"],
    f"{OTLP}PROTOCOL": ["grpc", "http/protobuf", "GRPC"],
    f"{OTLP}ENDPOINT": ["http://collector:4317", "https://collector", "http://[::1]:4317/", "HTTP://collector:4317"],
    f"{OTLP}HEADERS": ["api-key=x", "authorization=Bearer%20x==", "a=1, b=2", "a=with space", "a="],
    f"{OTLP}TIMEOUT": ["10", "0.5", "600"],
    f"{OTLP}COMPRESSION": ["gzip", "none", "GZIP"],
    f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": ["cumulative", "Delta", "lowmemory"],
    "OTEL_METRIC_EXPORT_TIMEOUT": ["0", "30000"],
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": ["2048"],
    "OTEL_SPAN_LINK_COUNT_LIMIT": ["0"],
    "OTEL_RESOURCE_ATTRIBUTES": ["a=b", "deployment.environment.name=a%20b,c=d=e", "a="],
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": ["process,os", "*"],
    "OTEL_PROPAGATORS": ["tracecontext,baggage", "b3", "b3multi, tracecontext", "none"],
    "OTEL_TRACES_SAMPLER": ["always_on", "always_off"],
    "OTEL_METRICS_EXEMPLAR_FILTER": ["trace_based"],
    "OTEL_SEMCONV_STABILITY_OPT_IN": ["http", "database,http"],
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": ["unavailable, ABORTED".upper()],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_named_and_not_shown(environment: Environment, name: str, value: str) -> None:
    environment({name: value})
    [problem] = problems()
    assert problem.startswith(f"{name}: must ")
    assert "SECRET" not in problem


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_a_right_value_is_taken(environment: Environment, name: str, value: str) -> None:
    environment({name: value})
    assert problems() == []


def test_all_errors_are_reported_at_once(environment: Environment) -> None:
    environment({name: values[0] for name, values in WRONG.items() if name != "OTEL_SDK_DISABLED"})
    assert {problem.split(":")[0] for problem in problems()} >= WRONG.keys() - {"OTEL_SDK_DISABLED"}


def test_an_endpoint_without_a_scheme_is_explained(environment: Environment) -> None:
    environment({f"{OTLP}ENDPOINT": "collector:4317"})
    [problem] = problems()
    assert "http://" in problem
    assert "https://" in problem
    environment({f"{OTLP}INSECURE": "true"})
    assert problems() == []
    assert (target("TRACES").endpoint, target("TRACES").plain) == ("collector:4317", True)
    environment({f"{OTLP}TRACES_INSECURE": "false"})
    assert not target("TRACES").plain
    environment({f"{OTLP}PROTOCOL": "http/protobuf"})
    assert len(problems()) == 1


def test_a_path_is_for_http_alone(environment: Environment) -> None:
    environment({f"{OTLP}ENDPOINT": "https://gateway/otlp/", f"{OTLP}PROTOCOL": "http/protobuf"})
    assert problems() == []
    assert [target(signal).endpoint for signal in SIGNALS] == [
        "https://gateway/otlp/v1/traces",
        "https://gateway/otlp/v1/metrics",
        "https://gateway/otlp/v1/logs",
    ]
    environment({f"{OTLP}METRICS_ENDPOINT": "http://elsewhere/as/it/is"})
    assert target("METRICS").endpoint == "http://elsewhere/as/it/is"
    environment({f"{OTLP}LOGS_PROTOCOL": "grpc"})
    [problem] = problems()
    assert problem.startswith(f"{OTLP}ENDPOINT: ")


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signals_own_variable_takes_precedence(environment: Environment, tmp_path: Path, signal: Signal) -> None:
    found = certificates_in(tmp_path)
    own, general = found.client, found.authority
    environment(
        {
            f"{OTLP}ENDPOINT": "http://all:4317",
            f"{OTLP}PROTOCOL": "grpc",
            f"{OTLP}HEADERS": "a=1",
            f"{OTLP}TIMEOUT": "5",
            f"{OTLP}COMPRESSION": "gzip",
            f"{OTLP}CERTIFICATE": str(general),
            f"{OTLP}CLIENT_KEY": str(general),
            f"{OTLP}CLIENT_CERTIFICATE": str(general),
        }
    )
    assert problems() == []
    everyone = Target("grpc", "http://all:4317", True, {"a": "1"}, True, 5, *[str(general)] * 3)
    assert [target(one) for one in SIGNALS] == [everyone] * 3
    environment(
        {
            f"{OTLP}{signal}_ENDPOINT": "https://own/x",
            f"{OTLP}{signal}_PROTOCOL": "http/protobuf",
            f"{OTLP}{signal}_HEADERS": "b=2%2C3",
            f"{OTLP}{signal}_TIMEOUT": "7",
            f"{OTLP}{signal}_COMPRESSION": "none",
            f"{OTLP}{signal}_CERTIFICATE": str(own),
            f"{OTLP}{signal}_CLIENT_KEY": str(own),
            f"{OTLP}{signal}_CLIENT_CERTIFICATE": str(own),
        }
    )
    assert problems() == []
    alone = Target("http/protobuf", "https://own/x", False, {"b": "2,3"}, False, 7, *[str(own)] * 3)
    assert {one: target(one) for one in SIGNALS} == {**dict.fromkeys(SIGNALS, everyone), signal: alone}


def test_an_empty_variable_of_one_signal_leaves_the_general_one(environment: Environment) -> None:
    environment({**HERE, f"{OTLP}TRACES_ENDPOINT": " ", f"{OTLP}HEADERS": "a=1", f"{OTLP}TRACES_HEADERS": ""})
    assert (target("TRACES").endpoint, target("TRACES").headers) == ("http://collector:4317", {"a": "1"})


def test_without_variables_nothing_is_exported() -> None:
    assert not any(otlp_enabled(signal) for signal in SIGNALS)
    assert (metric_interval(), metric_timeout(), fixed_sampling()) == (10_000, 30_000, None)


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_exporter_without_an_endpoint_sends_to_this_machine(environment: Environment, signal: Signal) -> None:
    environment({f"OTEL_{signal}_EXPORTER": "otlp"})
    assert [one for one in SIGNALS if otlp_enabled(one)] == [signal]
    assert target(signal).endpoint == "http://localhost:4317"
    environment({f"{OTLP}PROTOCOL": "http/protobuf"})
    assert target(signal).endpoint == f"http://localhost:4318/v1/{signal.lower()}"


def test_each_signal_can_be_switched_off(environment: Environment) -> None:
    environment({**HERE, "OTEL_LOGS_EXPORTER": "none"})
    assert [signal for signal in SIGNALS if otlp_enabled(signal)] == ["TRACES", "METRICS"]
    environment({"OTEL_SDK_DISABLED": "true"})
    assert not any(otlp_enabled(signal) for signal in SIGNALS)


def test_a_program_checks_only_the_signals_that_it_makes(environment: Environment) -> None:
    environment({"OTEL_BSP_MAX_QUEUE_SIZE": "none", f"{OTLP}TRACES_ENDPOINT": "nowhere"})
    assert problems(("METRICS", "LOGS")) == []
    assert len(problems()) == 2


def test_the_smaller_timeout_applies(environment: Environment) -> None:
    environment({f"{OTLP}TIMEOUT": "20", "OTEL_BSP_EXPORT_TIMEOUT": "1500", "OTEL_BLRP_EXPORT_TIMEOUT": "0"})
    assert [target(signal).seconds for signal in SIGNALS] == [1.5, 20, 20]
    environment({"OTEL_METRIC_EXPORT_TIMEOUT": "250"})
    assert (target("METRICS").seconds, metric_timeout()) == (0.25, 250)


def test_a_batch_must_fit_into_its_queue(environment: Environment) -> None:
    environment({"OTEL_BLRP_MAX_QUEUE_SIZE": "64"})
    [problem] = problems()
    assert problem.startswith("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: must not be more than OTEL_BLRP_MAX_QUEUE_SIZE")
    environment({"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "64"})
    assert problems() == []


def test_mutual_tls_needs_a_key_and_certificates(environment: Environment, tmp_path: Path) -> None:
    environment({f"{OTLP}CLIENT_KEY": str(certificates_in(tmp_path).client_key)})
    [problem] = problems()
    assert "CLIENT_CERTIFICATE" in problem
    environment({f"{OTLP}CLIENT_CERTIFICATE": str(tmp_path / "client.pem")})
    assert problems() == []


@pytest.mark.parametrize(("value", "sampled"), [("always_on", True), ("ALWAYS_OFF", False)])
def test_a_sampler_decides_on_every_trace(environment: Environment, value: str, sampled: bool) -> None:
    environment({"OTEL_TRACES_SAMPLER": value})
    assert fixed_sampling() is sampled
