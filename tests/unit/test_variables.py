"""Every OTEL_* variable is known, documented, and either honoured or refused by name."""

from __future__ import annotations

import os
import re
from types import ModuleType

import opentelemetry.environment_variables
import opentelemetry.instrumentation.environment_variables
import opentelemetry.sdk.environment_variables
import opentelemetry.util.http
import pytest

from otel.sdk import otlp
from otel.sdk.honoured_variables import HONOURED
from otel.sdk.unsupported_variables import UNSUPPORTED
from otel.sdk.variable_rules import Variable
from otel.sdk.variables import VARIABLES, tidy, unknown
from tests.server_process import ROOT

SPECIFICATION = [
    "OTEL_SDK_DISABLED",
    "OTEL_ENTITIES",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_LOG_LEVEL",
    "OTEL_PROPAGATORS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BLRP_SCHEDULE_DELAY",
    "OTEL_BLRP_EXPORT_TIMEOUT",
    "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
    "OTEL_EXPORTER_ZIPKIN_PROTOCOL",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
    "OTEL_CONFIG_FILE",
    "OTEL_EXPERIMENTAL_CONFIG_FILE",
    "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
    "OTEL_EXPORTER_OTLP_METRIC_INSECURE",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
]
"""Source: the specification's pages on environment variables, the OTLP exporter and the OTLP metrics exporter."""
OPTIONS = [
    "ENDPOINT",
    "INSECURE",
    "CERTIFICATE",
    "CLIENT_KEY",
    "CLIENT_CERTIFICATE",
    "HEADERS",
    "COMPRESSION",
    "TIMEOUT",
    "PROTOCOL",
]
LIBRARIES = (
    opentelemetry.environment_variables,
    opentelemetry.instrumentation.environment_variables,
    opentelemetry.sdk.environment_variables,
    opentelemetry.util.http,
)
CODE = ("server", "otel", "stack", "drift", "dashboards", "bench", "alerting", "tools", "deploy")
NAME = re.compile(r"\bOTEL_[A-Z0-9_]*[A-Z0-9]\b(?![_{*])")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", SPECIFICATION)
def test_every_variable_of_the_specification_is_known(name: str) -> None:
    assert name in VARIABLES


@pytest.mark.parametrize("signal", ["", "TRACES_", "METRICS_", "LOGS_"])
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_the_exporter_is_honoured_for_every_signal(option: str, signal: str) -> None:
    assert f"OTEL_EXPORTER_OTLP_{signal}{option}" in {variable.name for variable in HONOURED}


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_every_variable_of_the_installed_libraries_is_known(library: ModuleType) -> None:
    names = {value for value in vars(library).values() if isinstance(value, str) and NAME.fullmatch(value)}
    assert len(names) > 3
    assert names <= VARIABLES.keys()


def test_every_variable_that_the_code_names_is_known() -> None:
    files = [ROOT / "compose.yaml", *(path for folder in CODE for path in (ROOT / folder).rglob("*") if path.is_file())]
    named = {name for path in files if path.suffix != ".pyc" for name in NAME.findall(path.read_text(errors="ignore"))}
    prefixes = {"OTEL_BSP", "OTEL_BLRP", "OTEL_EXPORTER_OTLP"}
    assert len(named) > 40
    assert named - prefixes <= VARIABLES.keys()


def test_every_variable_is_in_the_reference_once() -> None:
    cells = re.findall(r"`(OTEL_\w+)`", "".join(_first_cells()))
    assert sorted(cells) == sorted(VARIABLES)
    assert len(VARIABLES) == len(HONOURED) + len(UNSUPPORTED)


def _first_cells() -> list[str]:
    page = (ROOT / "docs" / "settings.md").read_text()
    return [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `OTEL_")]


@pytest.mark.parametrize("variable", UNSUPPORTED, ids=lambda variable: variable.name)
def test_what_is_not_supported_is_refused_by_name_and_says_why(
    monkeypatch: pytest.MonkeyPatch, variable: Variable
) -> None:
    monkeypatch.setenv(variable.name, "a value")
    assert otlp.problems() == [f"{variable.name}: must be unset: {variable.meaning}"]


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for value in ("", " ", "\t \n"):
        monkeypatch.setenv(name, value)
        assert otlp.problems() == []
        tidy()
        assert name not in os.environ


@pytest.mark.parametrize("name", sorted(VARIABLES.keys() - {"OTEL_SDK_DISABLED"}))
def test_nothing_is_checked_if_all_is_switched_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "\N{SNOWMAN}")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert otlp.problems() == []


@pytest.mark.parametrize(
    "variable", [variable for variable in VARIABLES.values() if variable.signals], ids=lambda variable: variable.name
)
def test_a_signal_that_is_switched_off_is_not_checked(monkeypatch: pytest.MonkeyPatch, variable: Variable) -> None:
    monkeypatch.setenv(variable.name, "\N{SNOWMAN}")
    for signal in variable.signals:
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    assert otlp.problems() == []


def test_white_space_around_a_value_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", " http://collector:4317\n")
    tidy()
    assert os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4317"


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINTS", "http://collector:4317")
    assert unknown() == ["OTEL_EXPORTER_OTLP_ENDPOINTS"]
    assert otlp.problems() == []
