"""The real pipeline: server, Collector, Prometheus, trace store, Alertmanager, run natively."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from otel.contract.cost_metrics import COST_METRICS
from otel.contract.event_fields import REQUEST_EVENT
from otel.contract.labels import STAGE
from otel.contract.metrics import CONTRACT
from otel.trace_store.store import DURATION, above, one_of
from server.explain import from_server, from_store, sentence
from stack.build import build
from stack.doctor import examine
from stack.installation import NativeInstallation
from stack.links import BrokenLinkError
from stack.programs import PROGRAMS
from stack.services import CONFIG, ROOT
from stack.settings import StackSettings
from tests import cardinality_client
from tests.http_calls import fetch, post, speak
from tests.integration.test_canary import CANARY, JSON, everywhere
from tests.server_process import LiveServer
from tests.stack import Stack, environment_of, eventually, settings_in

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

SHORT = "Hello world."
MEDIUM = "This sentence has quite a few more words than the short one, so that it falls into the next range."
LONG = " ".join([MEDIUM] * 2)
WORDS = {SHORT: "1-10", MEDIUM: "11-25", LONG: "26-50"}
SLOWLY = 0.25
"""The speed that makes a LONG text take more than a second on any machine that runs these tests."""
CLIENTS = 4
SPOKEN = [LONG] * 4 + [MEDIUM] * 10 + [SHORT] * 80
MOST_SPOKEN = 1500
"""Where it ends if traces are kept all the time."""
HOSTILE = 2_000
FAST_EXPORT = {
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_BSP_SCHEDULE_DELAY": "500",
    "OTEL_BLRP_SCHEDULE_DELAY": "500",
}
MOST_ARE_DROPPED = {"TTSCOPE_TRACES_PER_SECOND": "0"}
"""Only errors, the slow for their range, and the slowest of five minutes are kept."""
HISTOGRAMS = '{__name__=~"tts_.+"}'
OF_THE_SERVER = '{job="ttscope",__name__!~"ALERTS.*|traces_span_metrics.*"}'
"""Without the alerts about it, which are Prometheus's own: on a busy machine its telemetry may be late. And without the
Collector's counts of its spans."""
GPU_METRICS = {name for entry in CONTRACT if (name := entry.prometheus_name).startswith("tts_gpu_")}
NATIVE = {entry.prometheus_name for entry in CONTRACT if entry.kind == "histogram"}
"""The names of native histograms, which the text form of /prometheus does not have."""
ALL_STAGES = {"attempt", "POST /tts", *STAGE.values}


@dataclass(frozen=True)
class Spoken:
    """A spoken request as the client saw it."""

    words: str
    seconds: float
    headers: dict[str, str]

    @property
    def trace_id(self) -> str:
        return self.headers["X-Trace-ID"]

    @property
    def server_seconds(self) -> float:
        """Without the time on the way."""
        total = re.search(r"total;dur=([\d.]+)", self.headers["Server-Timing"])
        assert total is not None
        return float(total[1]) / 1000


@dataclass
class Run:
    """What was sent, and what was seen at that moment."""

    spoken: list[Spoken] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    """Requests by outcome."""
    accounted: dict[str, float] = field(default_factory=dict)
    """The same in Prometheus, before anything else was sent."""
    exposed: set[str] = field(default_factory=set)
    """The names on the server's own /prometheus, of which the text has no native histograms."""
    queried: set[str] = field(default_factory=set)
    """The names in Prometheus at the same time."""
    explained: str = ""
    """The first request, by the server's memory."""
    diagnosis: str | None = None
    """What the doctor found broken."""
    series: tuple[set[str], set[str]] = (set(), set())
    """Before and after the hostile requests."""

    @property
    def first(self) -> Spoken:
        return self.spoken[0]


def timed(url: str, text: str) -> Spoken:
    begun = time.monotonic()
    status, headers, _ = speak(url, text, speed=SLOWLY if text is LONG else 1.0)
    assert status == 200
    return Spoken(WORDS[text], time.monotonic() - begun, headers)


def speak_until_most_are_dropped(url: str) -> list[Spoken]:
    """SPOKEN, and then short texts until six of ten traces were dropped: on a machine that becomes busy each request
    is slow for its range, until that is what is usual."""
    spoken: list[Spoken] = []
    kept, texts = 0, SPOKEN
    with ThreadPoolExecutor(CLIENTS) as pool:
        while texts:
            last = list(pool.map(lambda text: timed(url, text), texts))
            spoken += last
            kept += sum(from_server(url, one.trace_id) is not None for one in last)  # it remembers a hundred
            texts = [SHORT] * 80 if kept > 0.4 * len(spoken) and len(spoken) < MOST_SPOKEN else []
    return spoken


def exposed(url: str) -> list[Sample]:
    """The samples on the server's own /prometheus."""
    text = fetch(f"{url}/prometheus", "text/plain").decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def total(samples: list[Sample], name: str) -> float:
    return sum(sample.value for sample in samples if sample.name == name)


def leave_early(url: str) -> None:
    """Asks for a long speech and goes away when the server has begun with it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/tts", json.dumps({"text": " ".join([MEDIUM] * 10)}), JSON)
    assert eventually(lambda: total(exposed(url), "tts_requests_in_flight") == 1)
    connection.close()
    assert eventually(lambda: total(exposed(url), "tts_requests_in_flight") == 0)


def diagnosis(url: str, stack: Stack) -> str | None:
    """What the doctor finds broken."""
    try:
        examine(url, stack.settings, NativeInstallation(stack.settings))
    except BrokenLinkError as broken:
        return f"{broken}; next: {broken.cure}"
    return None


def settled_series(url: str, stack: Stack) -> set[str]:
    """All series in Prometheus of the server's, once everything has arrived."""
    for name in ("tts_requests_total", "http_server_request_duration_seconds_count"):
        here = total(exposed(url), name)
        assert eventually(lambda name=name, here=here: stack.value(f"sum({name})") >= here)
    return {json.dumps(labels, sort_keys=True) for labels in stack.series(OF_THE_SERVER)}


@pytest.fixture(scope="module")
def run(stack: Stack, data_dir: Path) -> Run:
    """Spoken, refused, abandoned and hostile requests through everything, and an orderly stop of the server."""
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoint,
        "TTSCOPE_CACHE_BYTES": "0",  # texts come again, and each is to be work
        **FAST_EXPORT,
        **MOST_ARE_DROPPED,
    }
    with LiveServer(data_dir, **environment) as server:
        url = server.wait_until_ready().url
        run = Run([timed(url, SHORT)])
        run.explained = sentence(eventually(lambda: from_server(url, run.first.trace_id)) or {})
        run.spoken += speak_until_most_are_dropped(url)
        run.sent = {"ok": len(run.spoken) + 1, "rejected": 4, "error": 0, "cancelled": 1}
        assert [speak(url, SHORT, voice_name="nobody")[0] for _ in range(3)] == [404] * 3
        assert speak(url, "")[0] in (400, 422)
        assert speak(url, SHORT, stream=True)[0] == 200
        leave_early(url)
        eventually(lambda: stack.value("sum(tts_requests_total)") == sum(run.sent.values()))
        rows = stack.query("sum by (outcome) (tts_requests_total)")
        run.accounted = {labels["outcome"]: value for labels, value in rows}
        run.exposed = {sample.name for sample in exposed(url)}
        eventually(lambda: run.exposed | NATIVE <= stack.metric_names(OF_THE_SERVER))
        run.queried = stack.metric_names(OF_THE_SERVER) - {"target_info"}
        run.diagnosis = diagnosis(url, stack)
        statuses = everywhere(url) | cardinality_client.send(url, 40)
        before = settled_series(url, stack)
        assert cardinality_client.send(url, HOSTILE) <= statuses
        run.series = (before, settled_series(url, stack))
        assert server.stop() == 0
    return run


def test_requests_sent_are_the_sum_of_outcomes_in_prometheus(run: Run) -> None:
    assert {outcome: run.accounted.get(outcome, 0) for outcome in run.sent} == run.sent


def test_durations_are_there_by_range(run: Run, stack: Stack) -> None:
    rows = stack.query("sum by (word_count_range) (tts_word_count_duration_seconds_count)")
    counts = {labels["word_count_range"]: value for labels, value in rows}
    sent = Counter(spoken.words for spoken in run.spoken)
    assert all(counts[label] >= times for label, times in sent.items())
    [bucket] = stack.query('sum(tts_word_count_duration_seconds_bucket{word_count_range="1-10",le="+Inf"})')
    assert bucket[1] == counts["1-10"]


def test_hostile_names_paths_methods_and_headers_add_no_series(run: Run) -> None:
    before, after = run.series
    assert before
    assert after - before == set()


def test_prometheus_and_the_server_itself_use_the_same_names(run: Run) -> None:
    assert run.queried - NATIVE == run.exposed


def test_every_histogram_is_classic_and_native(run: Run) -> None:
    assert {f"{name}_bucket" for name in run.queried & NATIVE} == run.queried & {f"{name}_bucket" for name in NATIVE}


def test_every_name_of_the_contract_is_in_prometheus(run: Run) -> None:
    families = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in run.queried}
    names = {
        name
        for entry in CONTRACT
        if not (name := entry.prometheus_name).startswith(("tts_drift_", "tts_change_", "tts_build_"))
    }
    expiries = {"tts_key_expiry_seconds", "tts_certificate_expiry_timestamp_seconds"}  # of keys and TLS alone
    shared = {"tts_shared_store_age_seconds"}  # of a shared store alone
    priced = {entry.prometheus_name for entry in COST_METRICS}  # with a price list alone
    heard = {name for name in names if name.startswith(("tts_word_error_rate", "tts_verification_", "tts_probe_"))}
    streamed = {"tts_utterance_first_audio_seconds", "tts_utterance_interruption_seconds"}  # of sockets alone
    played = {name for name in names if name.startswith("tts_playback_")}  # of players alone
    assert (
        names - families <= GPU_METRICS | expiries | shared | priced | heard | streamed | played
    )  # where no GPU is, and no clip is recognised


def test_the_trace_opens_with_all_stages(run: Run, stack: Stack) -> None:
    spans = eventually(lambda: stack.spans(run.first.trace_id))
    assert {span["name"] for span in spans} == ALL_STAGES


SLOW_ONES = (one_of("tts.word_count_range", "26-50"), above(DURATION, 1.0))


def test_a_search_finds_the_slow_of_a_range(run: Run, stack: Stack) -> None:
    slow = {spoken.trace_id for spoken in run.spoken if spoken.words == "26-50" and spoken.server_seconds > 1.1}
    assert slow
    assert eventually(lambda: slow <= stack.search(*SLOW_ONES))
    others = {spoken.trace_id for spoken in run.spoken if spoken.words != "26-50" or spoken.seconds < 1.0}
    assert others & stack.search(*SLOW_ONES) == set()


def test_the_ten_slowest_that_the_client_saw_are_there_whole(run: Run, stack: Stack) -> None:
    slowest = sorted(run.spoken, key=lambda spoken: spoken.seconds)[-10:]
    for spoken in slowest:
        spans = eventually(lambda trace_id=spoken.trace_id: stack.spans(trace_id))
        assert {span["name"] for span in spans} == ALL_STAGES
        ids = {span["spanId"] for span in spans}
        assert [span["name"] for span in spans if span.get("parentSpanId") not in ids] == ["POST /tts"]


def test_the_trace_store_explains_a_request_as_the_server_does(run: Run, stack: Stack) -> None:
    for identifier in (run.first.trace_id, run.first.headers["X-Request-ID"]):
        assert sentence(from_store(stack.traces, identifier) or {}) == run.explained


def test_the_doctor_finds_the_chain_whole(run: Run) -> None:
    assert run.diagnosis is None


def test_its_event_is_in_the_file(run: Run, stack: Stack) -> None:
    [event] = eventually(lambda: [event for event in stack.events() if event["traceId"] == run.first.trace_id])
    attributes = {attribute["key"]: attribute["value"] for attribute in event["attributes"]}
    assert event["eventName"] == "tts.request"
    assert attributes["tts.word_count"] == {"intValue": "2"}
    assert attributes["tts.request_id"] == {"stringValue": run.first.headers["X-Request-ID"]}


def test_there_is_an_event_for_every_request(run: Run, stack: Stack) -> None:
    def requests() -> int:
        return sum(event.get("eventName") == REQUEST_EVENT for event in stack.events())

    total = stack.value("sum(tts_requests_total)")
    assert eventually(lambda: requests() == total), (requests(), total)


def test_every_exemplar_opens_though_most_traces_are_dropped(run: Run, stack: Stack) -> None:
    exemplars = {exemplar["labels"]["trace_id"] for exemplar in stack.exemplars(HISTOGRAMS)}
    assert exemplars
    assert [trace_id for trace_id in exemplars if not eventually(lambda one=trace_id: stack.spans(one))] == []
    kept = {spoken.trace_id for spoken in run.spoken} & stack.search(one_of("tts.outcome", "ok"))
    assert 20 <= len(kept) < len(run.spoken) / 2


def test_the_collector_reports_on_itself(run: Run, stack: Stack) -> None:
    assert eventually(lambda: stack.value('sum(otelcol_exporter_sent_spans_total{job="otelcol-ttscope"})') > 0)
    assert stack.value('sum(otelcol_exporter_send_failed_metric_points_total{job="otelcol-ttscope"})') == 0


def test_recording_rules_give_a_line_for_each_range(run: Run, stack: Stack) -> None:
    assert eventually(lambda: len(stack.query("word_count_range:tts_word_count_duration_seconds:p95_5m")) >= 2)
    assert stack.query("outcome:tts_requests:rate5m")


def forms(text: str) -> tuple[bytes, bytes]:
    return text.lower().encode(), text.lower().encode("utf-16-le")


def everything(stack: Stack) -> dict[str, bytes]:
    """All that the stores hold: their files, and, since they compress, all that their calls give back."""
    traces = {f"trace {trace_id}": json.dumps(stack.spans(trace_id)).encode() for trace_id in stack.search()}
    assert traces
    series = {"series": json.dumps(stack.series('{__name__=~".+"}')).encode()}
    return {**stack.files(), **traces, **series}


def test_the_canary_is_in_no_store_and_no_log(run: Run, stack: Stack) -> None:
    found = everything(stack)
    assert {"logs/collector.log", f"logs/{stack.trace_store}.log", "collector/events/requests.jsonl"} <= set(found)
    assert [name for name, content in found.items() if any(form in content.lower() for form in forms(CANARY))] == []


@pytest.fixture(scope="module")
def silent_url(data_dir: Path) -> Iterator[str]:
    """A server that exports nothing."""
    with LiveServer(data_dir) as server:
        yield server.wait_until_ready().url


def test_scraping_the_server_gives_the_same_names(run: Run, stack: Stack, silent_url: str) -> None:
    assert speak(silent_url, SHORT)[0] == 200
    assert speak(silent_url, SHORT, voice_name="nobody")[0] == 404
    assert speak(silent_url, SHORT, stream=True)[0] == 200
    address = silent_url.removeprefix("http://")
    (stack.folder / "prometheus" / "scrape.yml").write_text(json.dumps([{"targets": [address]}]))
    pushed = {name for name in run.queried if name.startswith("tts_")}
    selector = f'{{instance="{address}",__name__=~"tts_.+"}}'
    assert eventually(lambda: pushed <= stack.metric_names(selector)), pushed - stack.metric_names(selector)
    assert stack.metric_names(selector) == pushed
    assert eventually(lambda: stack.value(f'sum(tts_requests_total{{instance="{address}"}})') == 3)
    [exemplar, *_] = eventually(lambda: stack.exemplars(f'{{instance="{address}"}}'))
    assert len(exemplar["labels"]["trace_id"]) == 32


def test_the_doctor_names_the_link_that_is_broken(
    stack: Stack, silent_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stack.doctor.PATIENCE_SECONDS", 2.0)
    silent = diagnosis(silent_url, stack)
    assert silent is not None
    assert silent.startswith("server -> Collector")
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={stack.endpoint}" in silent
    elsewhere = settings_in(tmp_path)
    with pytest.raises(BrokenLinkError, match="the Collector lives: not at"):
        examine(silent_url, elsewhere, NativeInstallation(elsewhere))
    with pytest.raises(BrokenLinkError, match="the server lives: not at"):
        examine(elsewhere.url(elsewhere.prometheus_port), stack.settings, NativeInstallation(stack.settings))


FENCED = "Zanziword"
"""What the Collector itself must take out."""
PRIVATE = ("url.query", "url.full", "url.path", "client.address", "user_agent.original", "exception.message")


def attributes(*names: str) -> list[dict[str, object]]:
    return [{"key": name, "value": {"stringValue": FENCED}} for name in names]


def send(stack: Stack, signal_name: str, body: dict[str, object]) -> None:
    url = stack.settings.url(stack.settings.collector_http_port)
    assert post(f"{url}/v1/{signal_name}", body)[0] == 200


def test_the_collector_takes_out_what_another_program_would_give_away(stack: Stack) -> None:
    begun = time.time_ns()
    now, soon = str(begun), str(begun + 1000)  # Jaeger adds a warning to a span of no time
    private = attributes(*PRIVATE, "network.peer.address", "exception.stacktrace")
    trace_id = "5b8efff798038103d269b633813fc60c"
    span = {
        "traceId": trace_id,
        "spanId": "eee19b7ec3c1b174",
        "name": "GET",
        "kind": 2,
        "startTimeUnixNano": now,
        "endTimeUnixNano": soon,
        "attributes": [*private, {"key": "http.route", "value": {"stringValue": "/tts"}}],
        "events": [{"timeUnixNano": now, "name": "exception", "attributes": private}],
        "status": {"code": 2, "message": FENCED},
    }
    point = {"asInt": "1", "timeUnixNano": now, "attributes": private}
    send(stack, "traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    send(
        stack,
        "logs",
        {
            "resourceLogs": [
                {"scopeLogs": [{"logRecords": [{"timeUnixNano": now, "attributes": private, "traceId": trace_id}]}]}
            ]
        },
    )
    metric = {"name": "foreign", "gauge": {"dataPoints": [point]}}
    send(stack, "metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    [stored] = eventually(lambda: stack.spans(trace_id))
    assert [attribute["key"] for attribute in stored["attributes"]] == ["http.route"]
    assert [event.get("attributes", []) for event in stored["events"]] == [[]]
    assert eventually(lambda: stack.series("foreign")) == [{"__name__": "foreign"}]
    assert eventually(lambda: [event for event in stack.events() if event.get("traceId") == trace_id])
    found = everything(stack)
    assert [name for name, content in found.items() if any(form in content.lower() for form in forms(FENCED))] == []


COMMANDS = {
    "Collector": ("collector", "validate", f"--config=file:{CONFIG / 'collector.yaml'}"),
    "Prometheus": ("promtool", "check", "config", "{data}/prometheus/prometheus.yml"),
    "rules": ("promtool", "check", "rules", str(CONFIG / "prometheus-rules.yml")),
    "Jaeger": ("jaeger", "validate", f"--config=file:{CONFIG / 'jaeger.yaml'}"),
    "Alertmanager": ("amtool", "check-config", str(ROOT / "alerting" / "alertmanager" / "alertmanager.yml")),
}

if (TEMPO := StackSettings().tempo_program) is not None:
    del COMMANDS["Jaeger"]
    verify = ("-config.expand-env=true", "-config.verify=true")
    COMMANDS["Tempo"] = (TEMPO, f"-config.file={CONFIG / 'tempo.yaml'}", *verify)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_programs_accept_their_configuration(
    command: tuple[str, ...], binaries: dict[str, Path], stack: Stack, tmp_path: Path
) -> None:
    name, *arguments = command
    arguments = [argument.format(data=stack.folder) for argument in arguments]
    done = subprocess.run(
        [binaries.get(name, name), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in (done.stdout + done.stderr).lower()


def test_a_second_build_has_nothing_to_do(binaries: dict[str, Path]) -> None:
    said: list[str] = []
    assert build(PROGRAMS.values(), said.append) == binaries
    assert said == []


def test_the_command_runs_it_and_stops_it(binaries: dict[str, Path], tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "stack", "--without-server"],
        cwd=ROOT,
        env={**os.environ, **environment_of(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            output = next((line for line in lines if line.startswith("ready after")), None)
            assert output, "it has ended"
            assert fetch(f"{settings.url(settings.prometheus_port)}/-/ready", "*/*")
            assert fetch(settings.url(settings.mlflow_port), "text/html")  # the drift job's runs
            assert fetch(settings.url(settings.dashboard_port), "text/html")  # the live dashboard
            drift = settings.drift_folder / "last_run.json"
            assert eventually(lambda: drift.exists() and json.loads(drift.read_text())["succeeded"])
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            assert settings.trace_store_url in rest
            assert process.wait(60) == 0
        finally:
            process.terminate()  # not killed: it would leave the programs behind
    rules = tmp_path / "prometheus" / "rules"  # copies of the repository's, with its modes
    stored = [path for path in tmp_path.rglob("*") if not {settings.drift_folder, rules} & {path, *path.parents}]
    assert {path.relative_to(tmp_path).parts[0] for path in stored} >= {"collector", "prometheus", "logs", "mlflow"}
    assert not [path for path in stored if path.lstat().st_mode & 0o077]  # nobody else on the machine reads them
    with pytest.raises(urllib.error.URLError):
        fetch(settings.url(settings.prometheus_port))
