"""Renders the reference of telemetry, docs/telemetry.md, from the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from otel.contract.buckets import SCALE
from otel.contract.conventions import BY_NAME, CONVENTIONS, OMISSIONS
from otel.contract.event_fields import (
    ATTEMPT_FIELDS,
    CHANGE_EVENT,
    DRIFT_EVENT,
    MACHINE_EVENT,
    REQUEST_EVENT,
    REQUEST_FIELDS,
    STAGE_FIELDS,
    ChangeField,
    DriftField,
    MachineField,
)
from otel.contract.labels import OTHER, Attribute, Source
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS, SPAN_CALLS, LibraryMetric
from otel.contract.metrics import CONTRACT
from otel.contract.pipeline import COLLECTOR, COLLECTOR_AGENT, JAEGER, PIPELINE_METRICS, PipelineMetric
from otel.contract.playback_fields import LISTEN_SPAN, PLAYBACK_EVENT, PLAYBACK_SPAN, PlaybackField
from otel.contract.values import LabelValue, Stage
from otel.sdk.histograms import PER_DOUBLING
from otel.sdk.sampling import ENOUGH, SAMPLE, SLOW_QUANTILE, SLOWEST, WINDOW_SECONDS

GROWTH = 2 ** (1 / PER_DOUBLING) - 1
"""How much a bound of a native histogram is above the one below."""
INTRODUCTION = f"""# Telemetry

Generated from the contract in `otel/` by `make docs`; the tests fail when it is not up to date.

## Metrics

The headings are names in Prometheus. The OpenTelemetry name beside them becomes the same name in Prometheus' OTLP
receiver. Labels take the listed values; any other value becomes `{OTHER}`, so that no client can add a series.

Each histogram exists twice, with the same labels and the same readings:

| series | what it is | its use |
| --- | --- | --- |
| `NAME_bucket`, `NAME_count`, `NAME_sum` | classic, with the buckets listed below | exact counts, sums and shares |
| `NAME` | native, scale {SCALE}: a bound is {GROWTH:.1%} above the one below | quantiles, at most {GROWTH:.1%} off |

By OTLP they are two metrics of one name, a Histogram and an ExponentialHistogram. A scrape has the native one in
Prometheus' protobuf format only: set `scrape_native_histograms: true` and `always_scrape_classic_histograms: true`.
A bucket keeps its newest exemplar until it gets another: every scraper sees the same ones, and each OTLP exporter sends
each of them once. The 95th percentile by word range is

```
histogram_quantile(0.95, sum by (word_count_range) (rate(tts_word_count_duration_seconds[5m])))
```
"""
LIBRARIES = """## Metrics of the libraries

OpenTelemetry's aiohttp instrumentation makes `http_server_*` for every request, scrapes and `/health` included. The SDK
makes `otel_sdk_*` about its exports, only where it exports over OTLP. Losses are counted by
`otel_sdk_processor_span_processed_total{error_type="queue_full"}` and
`otel_sdk_exporter_span_exported_total{error_type!=""}`, and by the same metrics of `log`. These series begin with the
first loss.

| name | kind | labels | meaning |
| --- | --- | --- | --- |
"""
PIPELINE = f"""## Metrics of the pipeline

The metrics of Collector, Prometheus, Jaeger or Tempo, and Alertmanager about themselves that panels and alerts use. The
Collector's job is `{COLLECTOR}`. Its agents in Kubernetes have the job `{COLLECTOR_AGENT}`, and their pod's name as
instance. Counters of dropped items begin with the first loss. Jaeger (job `{JAEGER}`) is built from the Collector's
components, so its `otelcol_*` metrics have the same names.

`{SPAN_CALLS.prometheus_name}` is what the Collector counts of the servers' spans, with their job and instance. With
`tts_outcome="error"` it must equal `tts_requests_total{{outcome="error"}}`. It can lack the spans of the last 5 seconds
before the Collector ended, and has some twice while the trace store's queue is full and servers send them again.

| name | kind | labels | meaning |
| --- | --- | --- | --- |
"""
TRACES = f"""## Traces

A trace has the SERVER span of one request for audio, and below it a span for every part of a stage
({", ".join(f"`{stage}`" for stage in Stage)}), separately for each sentence, and a span `attempt` for each attempt of a
provider to speak. Traces are tail-sampled, that is, when the request ends. Sampled are

- failures of the server;
- slow requests: longer than {SLOW_QUANTILE:.0%} of the last {SAMPLE} of the same word range (once there are {ENOUGH}),
  or among the {SLOWEST} slowest of the last {WINDOW_SECONDS / 60:.0f} minutes;
- of all others, rejected ones included, the first few of every second (`TTSCOPE_TRACES_PER_SECOND`).

Only sampled traces are exported, held in memory (`GET /traces`) and linked by the exemplars of histograms, so every
exemplar leads to a trace. `OTEL_TRACES_SAMPLER` can sample all or none of them instead.

A caller's trace is continued, by its `traceparent` or by the formats of `OTEL_PROPAGATORS`. If the caller does not
sample it, our span is a root span that links to it. Sockets take it in their query and messages too
([voice_agents.md](voice_agents.md#one-trace-from-turn-to-ear)). `tracestate` and baggage are dropped. Messages of
exceptions are not recorded.
"""
STAGES_INTRODUCTION = """The span of a stage has the attributes
"""
ATTEMPTS_INTRODUCTION = """The span of an attempt has the attributes
"""
REQUEST_INTRODUCTION = f"""## The event `{REQUEST_EVENT}`, and the attributes of the SERVER span

Each request for audio makes one OTLP log record, whatever its outcome. The server also writes it to
`DATA_DIR/events/requests.jsonl`, or to `refused.jsonl` if the outcome is `rejected`. The SERVER span has the same
attributes. None of them holds what a client wrote.
"""
CONVENTIONS_INTRODUCTION = """## Semantic conventions

These names of OpenTelemetry are emitted beside ours, which begin with `tts`. A name in `development` may change with a
version of the conventions, and then changes here; ours do not. [registry](registry/) has ours and these in the format
of OpenTelemetry Weaver.

| name | stability | defined in | where | ours |
| --- | --- | --- | --- | --- |
"""
OMISSIONS_INTRODUCTION = """\
The names of spans are ours: `POST /tts`, as the conventions for HTTP ask, and `attempt`, where those for generative AI
ask for the operation and the model. Not emitted are

| name | reason |
| --- | --- |
"""
PLAYBACK_INTRODUCTION = f"""## The event `{PLAYBACK_EVENT}`, and the attributes of the spans of a playback

Each playback that a player reports ([playback](playback.md)) makes one OTLP log record, after that of its request. The
server also writes it to `DATA_DIR/events/requests.jsonl`. If the request's trace is sampled, it gets a span
`{LISTEN_SPAN}` from the click to the end (where the player has begun the trace), and a span `{PLAYBACK_SPAN}` from the
first sound to the end. Both have the same attributes. Seconds are from the listener's click unless stated otherwise.
"""
MACHINE_INTRODUCTION = f"""## The event `{MACHINE_EVENT}`

With `TTSCOPE_PRICES_FILE` the server makes one OTLP log record each minute, and one at its end: what its machine's time
was used for. It is written to `DATA_DIR/events/requests.jsonl` too. `python -m drift report --cost` reads it.
"""
DRIFT_INTRODUCTION = f"""## The event `{DRIFT_EVENT}`

The drift job (`service.name` ttscope-drift) makes one OTLP log record for each window that it has judged. It may send
a record twice if it is interrupted while it sends it.
"""
CHANGE_INTRODUCTION = f"""
## The event `{CHANGE_EVENT}`

The drift job makes one OTLP log record when its sequential tests find a change, when the change ends, and when they
have judged a new build ([drift](../drift/README.md#changes-within-minutes)). It may send a record twice.
"""


def render() -> str:
    """Returns the page as Markdown."""
    parts = [INTRODUCTION, *_metrics(), LIBRARIES + "\n".join(_rows((*HTTP_METRICS, *SDK_METRICS))) + "\n"]
    parts += [PIPELINE + "\n".join(_rows((*PIPELINE_METRICS, SPAN_CALLS))) + "\n", TRACES]
    for about, fields in ((STAGES_INTRODUCTION, STAGE_FIELDS), (ATTEMPTS_INTRODUCTION, ATTEMPT_FIELDS)):
        parts += [about, *_fields({field: field.meaning for field in fields}), ""]
    parts += [REQUEST_INTRODUCTION, *_fields(REQUEST_FIELDS), ""]
    parts += [CONVENTIONS_INTRODUCTION + "\n".join(_conventions()) + "\n"]
    parts += [OMISSIONS_INTRODUCTION + "\n".join(f"| `{each.name}` | {each.reason} |" for each in OMISSIONS) + "\n"]
    parts += [PLAYBACK_INTRODUCTION, *_fields({field: field.meaning for field in PlaybackField}), ""]
    parts += [MACHINE_INTRODUCTION, *_fields({field: field.meaning for field in MachineField}), ""]
    parts += [DRIFT_INTRODUCTION, *_fields({field: field.meaning for field in DriftField})]
    parts += [CHANGE_INTRODUCTION, *_fields({field: field.meaning for field in ChangeField})]
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
    """Returns the lines of a label: its values are on lines of their own if they have meanings."""
    values, meanings = attribute.values, []
    if isinstance(values, Source):
        listed = f" ({values})"
    elif meanings := [value for value in values if isinstance(value, LabelValue)]:
        listed = ""
    else:
        listed = f" ({' '.join(f'`{value}`' for value in values)})"
    yield f"- `{attribute.prometheus_name}`: {attribute.help}{listed}"
    for value in meanings:
        yield f"  - `{value}`: {value.meaning}"


def _fields(fields: Mapping[str, str]) -> Iterator[str]:
    yield "| attribute | meaning |"
    yield "| --- | --- |"
    for name, meaning in fields.items():
        convention = BY_NAME.get(name)
        source = f"; {convention.source.title}, {convention.stability}" if convention else ""
        yield f"| `{name}` | {meaning}{source} |"


def _conventions() -> Iterator[str]:
    for each in CONVENTIONS:
        ours = ", ".join(f"`{name}`" for name in each.ours)
        defined = f"[{each.source.title}]({each.source.schema_url})"
        yield f"| `{each.name}` | {each.stability} | {defined} | {each.signals} | {ours} |"
