"""The reference page, written from the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from otel.contract.event_fields import DRIFT_EVENT, REQUEST_EVENT, REQUEST_FIELDS, DriftField
from otel.contract.labels import OTHER, Attribute, Source
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS, LibraryMetric
from otel.contract.metrics import CONTRACT
from otel.contract.pipeline import COLLECTOR, JAEGER, PIPELINE_METRICS, PipelineMetric
from otel.contract.values import LabelValue
from otel.sdk.sampling import ENOUGH, SAMPLE, SLOW_QUANTILE, SLOWEST, WINDOW_SECONDS

INTRODUCTION = f"""# Telemetry

Generated from the contract in `otel/` by `make docs`; the tests fail when it is not up to date.

## Metrics

The names are Prometheus'. The OpenTelemetry name, of which the OTLP receiver of Prometheus makes the same, stands
beside them. Labels take the values listed; anything else becomes `{OTHER}`, so that no client can add a series.
"""
LIBRARIES = """## Metrics of the libraries

`http_server_*` is of every request, scrapes and `/health` included, by OpenTelemetry's aiohttp instrumentation.
`otel_sdk_*` says how the SDK's export fares; it is there only with OTEL_EXPORTER_OTLP_ENDPOINT. What was lost is
`otel_sdk_processor_span_processed_total{error_type="queue_full"}` and
`otel_sdk_exporter_span_exported_total{error_type!=""}`, and the same of `log`; these series begin with the first loss.

| name | kind | labels | what it says |
| --- | --- | --- | --- |
"""
PIPELINE = f"""## Metrics of the pipeline

What Collector, Prometheus, Jaeger or Tempo, and Alertmanager report about themselves, as far as panels and alerts ask
for it. The Collector's job is `{COLLECTOR}`; its counters of what was dropped begin with the first loss. Jaeger (job
`{JAEGER}`) is built of the Collector's parts, so its `otelcol_*` have the same names.

| name | kind | labels | what it says |
| --- | --- | --- | --- |
"""
TRACES = f"""## Traces

A trace is the SERVER span of one call for audio and a span for every stretch of a stage below it (`normalize`, `queue`,
`phonemize`, `infer`, `decode`, `encode`, `send`; those of each sentence by themselves). Whether it is kept is decided
when the request ends:

- failures of the server are kept;
- slow requests are kept: longer than {SLOW_QUANTILE:.0%} of the last {SAMPLE} of the same word range (once there are
  {ENOUGH}), or among the {SLOWEST} slowest of the last {WINDOW_SECONDS / 60:.0f} minutes;
- of the rest, refusals included, the first few of every second (`TTSCOPE_TRACES_PER_SECOND`).

Only kept traces are exported and held in memory (`GET /traces`), and only they become exemplars, of
histograms: every exemplar opens.
A caller's `traceparent` is continued. If its flags say that it is not sampled, our span is a root that links to it.
`tracestate` and baggage are dropped. Exceptions' messages are not recorded.
"""
REQUEST_INTRODUCTION = f"""## The event `{REQUEST_EVENT}`, and the attributes of the SERVER span

One OTLP log record for each call for audio, whatever its outcome, and also in `DATA_DIR/events/requests.jsonl`, or
`refused.jsonl` if its outcome is `rejected`. The SERVER span carries the same attributes. None of them holds what a
client wrote.
"""
DRIFT_INTRODUCTION = f"""## The event `{DRIFT_EVENT}`

One OTLP log record for each window that the drift job has judged, from `service.name` ttscope-drift; if the job is
interrupted while it sends it, once more.
"""


def render() -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION, *_metrics(), LIBRARIES + "\n".join(_rows((*HTTP_METRICS, *SDK_METRICS))) + "\n"]
    parts += [PIPELINE + "\n".join(_rows(PIPELINE_METRICS)) + "\n", TRACES]
    parts += [REQUEST_INTRODUCTION, *_fields(REQUEST_FIELDS), ""]
    parts += [DRIFT_INTRODUCTION, *_fields({field: field.meaning for field in DriftField})]
    return "\n".join(parts) + "\n"


def _metrics() -> Iterator[str]:
    for instrument in CONTRACT:
        yield f"### {instrument.prometheus_name}\n"
        unit = f", unit `{instrument.unit}`"
        yield f"{instrument.kind.capitalize()}; `{instrument.name}`{unit}. {instrument.help}\n"
        for attribute in instrument.attributes:
            yield from _label(attribute)
        if instrument.buckets:
            yield f"- buckets: {' '.join(f'{bound:g}' for bound in instrument.buckets)}"
        if instrument.attributes or instrument.buckets:
            yield ""


def _rows(metrics: Iterable[LibraryMetric | PipelineMetric]) -> Iterator[str]:
    for metric in metrics:
        labels = " ".join(f"`{name.replace('.', '_')}`" for name in metric.attributes)
        yield f"| `{metric.prometheus_name}` | {metric.kind} | {labels} | {metric.help} |"


def _label(attribute: Attribute) -> Iterator[str]:
    """The label and its values; each on a line of its own if they have meanings."""
    values, meanings = attribute.values, []
    if isinstance(values, Source):
        listed = f" ({values})"
    elif meanings := [value for value in values if isinstance(value, LabelValue)]:
        listed = ""
    else:
        listed = f" ({' '.join(f'`{value}`' for value in values)})"
    yield f"- `{attribute.name}`: {attribute.help}{listed}"
    for value in meanings:
        yield f"  - `{value}`: {value.meaning}"


def _fields(fields: Mapping[str, str]) -> Iterator[str]:
    yield "| attribute | meaning |"
    yield "| --- | --- |"
    for name, meaning in fields.items():
        yield f"| `{name}` | {meaning} |"
