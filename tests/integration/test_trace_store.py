"""The contract of a trace store, by the real Jaeger; by Tempo, where there is one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from otel.trace_store.jaeger import PAGE, Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import (
    DURATION,
    SUMMARISED,
    Condition,
    TraceSearch,
    TraceStoreError,
    Value,
    above,
    at_least,
    one_of,
    present,
    request_attributes,
)
from otel.trace_store.tempo import Tempo
from tests.stack import Stack, built, eventually

pytestmark = pytest.mark.timeout(1800)  # the first test builds the programs, if they are not in the cache

REQUESTS = 3 * PAGE + 50
SPREAD_SECONDS = 1800
OTHER_SERVICE = "another-server"
MOST = 10 * REQUESTS


@dataclass
class Sent:
    """A request's trace as it was sent."""

    trace_id: str
    service: str
    started: float
    seconds: float
    attributes: dict[str, Value]
    request: ReadableSpan
    stages: list[ReadableSpan] = field(default_factory=list)


def provider(service: str, stack: Stack) -> TracerProvider:
    endpoint = stack.settings.address(stack.settings.traces_otlp_port)
    made = TracerProvider(resource=Resource({"service.name": service, "service.instance.id": "one"}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, insecure=True), max_queue_size=10_000))
    return made


def attributes_of(number: int, chance: random.Random) -> dict[str, Value]:
    """Every third request is slow for a reason, every seventh failed, and one has a voice that no other has."""
    voice = "rare voice" if number == 3 else chance.choice(("joe", "joey", "amy|bo", "a.b"))
    given: dict[str, Value] = {
        "tts.request_id": f"00000000-0000-4000-8000-{number:012x}",
        "tts.voice_name": voice,
        "tts.outcome": "error" if number % 7 == 0 else "ok",
        "tts.word_count_range": chance.choice(("1-10", "11-25", "200+")),
        "tts.word_count": number,
        "tts.stage.decode": chance.choice((0.0, 0.25, 1.5)),
    }
    return given | ({"tts.slow_reason": "queue"} if number % 3 == 0 else {})


def send(number: int, provider: TracerProvider, service: str, now: int, chance: random.Random) -> Sent:
    """A request with a stage below it that has attributes of the same names, and takes longer than the request."""
    tracer = provider.get_tracer("test")
    start = now - chance.randrange(SPREAD_SECONDS * 10**9)
    duration = chance.choice((1_000_000, 400_000_000, 1_000_000_000, 2_500_000_000))
    attributes = attributes_of(number, chance)
    request = tracer.start_span("POST /tts", kind=SpanKind.SERVER, start_time=start, attributes=attributes)
    decoy = {"tts.stage": "decode", "tts.outcome": "decoy", "tts.voice_name": "decoy"}
    context = set_span_in_context(request)
    stage = tracer.start_span("decode", context, start_time=start + 10_000, attributes=decoy)
    stage.end(start + 5_000_000_000)
    if attributes["tts.outcome"] == "error":
        request.set_status(StatusCode.ERROR)
    request.end(start + duration)
    assert isinstance(request, ReadableSpan)
    assert isinstance(stage, ReadableSpan)
    trace_id = format(request.get_span_context().trace_id, "032x")
    return Sent(trace_id, service, start / 1e9, duration / 1e9, attributes, request, [stage])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The trace store alone."""
    stack = Stack(tmp_path_factory.mktemp("stack"), built())
    try:
        stack.start(stack.trace_store)
        yield stack
    finally:
        stack.kill(*stack.supervisor.names)


@pytest.fixture(scope="module")
def sent(stack: Stack) -> list[Sent]:
    """Requests of two services within the last half hour, all of them stored."""
    chance, now = random.Random(1), time.time_ns()
    requests: list[Sent] = []
    for service, share in (("ttscope", REQUESTS), (OTHER_SERVICE, 20)):
        exporting = provider(service, stack)
        requests += [send(len(requests) + n, exporting, service, now, chance) for n in range(share)]
        exporting.shutdown()
    assert eventually(lambda: len(ids(stack, search())) == len(requests))
    return requests


def search(*groups: tuple[Condition, ...], services: tuple[str, ...] = (), limit: int = MOST) -> TraceSearch:
    now = time.time()
    return TraceSearch(now - 2 * SPREAD_SECONDS, now + 60, groups, services, limit)


def ids(stack: Stack, search: TraceSearch) -> set[str]:
    return {found.trace_id for found in stack.traces.search(search)}


def fitting(sent: list[Sent], search: TraceSearch) -> set[str]:
    return {
        one.trace_id
        for one in sent
        if search.fits(one.attributes, one.started, one.seconds) and one.service in (search.services or (one.service,))
    }


SEARCHES = {
    "everything": (),
    "a range": ((one_of("tts.word_count_range", "200+"),),),
    "a voice, and not one that begins like it": ((one_of("tts.voice_name", "joe"),),),
    "a voice with a space": ((one_of("tts.voice_name", "rare voice"),),),
    "two voices with signs of a pattern": ((one_of("tts.voice_name", "amy|bo", "a.b"),),),
    "an outcome": ((one_of("tts.outcome", "error"),),),
    "slower than a second": ((above(DURATION, 1.0),),),
    "a second and slower": ((at_least(DURATION, 1.0),),),
    "long in a stage": ((above("tts.stage.decode", 0.25),),),
    "slow for a reason": ((present("tts.slow_reason"),),),
    "failed or slow for a reason": ((one_of("tts.outcome", "error"), present("tts.slow_reason")),),
    "a number": ((at_least("tts.word_count", 300),),),
    "a request": ((one_of("tts.request_id", f"00000000-0000-4000-8000-{5:012x}"),),),
    "all at once": (
        (one_of("tts.word_count_range", "200+", "11-25"),),
        (one_of("tts.outcome", "ok"),),
        (at_least(DURATION, 0.4),),
        (above("tts.stage.decode", 0),),
    ),
}


@pytest.mark.parametrize("conditions", SEARCHES.values(), ids=SEARCHES)
def test_a_search_finds_the_requests_that_fulfil_its_conditions(
    stack: Stack, sent: list[Sent], conditions: tuple[tuple[Condition, ...], ...]
) -> None:
    asked = search(*conditions)
    expected = fitting(sent, asked)
    assert expected
    assert ids(stack, asked) == expected


@pytest.mark.parametrize("services", [("ttscope",), (OTHER_SERVICE,), ("ttscope", OTHER_SERVICE), ("nobody",)])
def test_a_search_is_for_some_services(stack: Stack, sent: list[Sent], services: tuple[str, ...]) -> None:
    asked = search(services=services)
    assert ids(stack, asked) == fitting(sent, asked)


@pytest.mark.parametrize(
    "condition", [one_of("tts.outcome", "decoy"), above(DURATION, 3), one_of("tts.stage", "decode")]
)
def test_a_search_looks_at_requests_and_not_at_their_stages(
    stack: Stack, sent: list[Sent], condition: Condition
) -> None:
    assert ids(stack, search((condition,))) == set()


def test_a_search_is_for_a_time(stack: Stack, sent: list[Sent]) -> None:
    middle = time.time() - SPREAD_SECONDS / 2
    asked = TraceSearch(middle - 300, middle + 300, limit=MOST)
    well_inside = TraceSearch(asked.start + 2, asked.end - 2)  # Tempo takes whole seconds
    assert fitting(sent, well_inside)
    assert fitting(sent, well_inside) <= ids(stack, asked)
    assert ids(stack, asked) <= fitting(sent, TraceSearch(asked.start - 10, asked.end + 10))


def test_what_is_found_is_summarised_the_newest_first(stack: Stack, sent: list[Sent]) -> None:
    found = stack.traces.search(search())
    by_id = {one.trace_id: one for one in sent}
    assert [summary.started for summary in found] == sorted((summary.started for summary in found), reverse=True)
    for summary in found:
        request = by_id[summary.trace_id]
        assert summary.started == pytest.approx(request.started, abs=1e-5)
        assert summary.seconds == pytest.approx(request.seconds, abs=1e-5)
        assert summary.name == "POST /tts"
        assert summary.attributes == {k: v for k, v in request.attributes.items() if k in SUMMARISED}


def test_a_search_has_a_limit(stack: Stack, sent: list[Sent]) -> None:
    found = stack.traces.search(search(limit=7))
    assert len(found) == 7
    if isinstance(stack.traces, Jaeger):
        newest = sorted(sent, key=lambda request: -request.started)[:7]
        assert [summary.trace_id for summary in found] == [request.trace_id for request in newest]


def test_a_trace_opens_whole(stack: Stack, sent: list[Sent]) -> None:
    for request in sent[:50]:
        spans = {span.name: span for span in stack.traces.trace(request.trace_id)}
        assert spans.keys() == {"POST /tts", "decode"}
        root, stage = spans["POST /tts"], spans["decode"]
        assert (root.parent, stage.parent) == ("", root.identifier)
        assert root.attributes == request.attributes
        assert root.start == pytest.approx(request.started, abs=1e-6)
        assert root.seconds == pytest.approx(request.seconds, abs=1e-6)
        assert root.failed is (request.attributes["tts.outcome"] == "error")
        assert stage.seconds == pytest.approx(5, abs=0.001)
        assert request_attributes((root,)) == request.attributes


def test_a_trace_that_is_not_there_has_no_spans(stack: Stack) -> None:
    assert stack.traces.trace("0" * 31 + "1") == ()


def test_it_is_known_which_store_answers(stack: Stack, tmp_path: Path) -> None:
    stack.traces.check()
    ask = JsonOverHttp(stack.settings.trace_store_url)
    other = Jaeger(ask) if isinstance(stack.traces, Tempo) else Tempo(ask)
    with pytest.raises(TraceStoreError):
        other.check()


def test_what_was_acknowledged_is_there_after_a_crash(stack: Stack, sent: list[Sent]) -> None:
    if isinstance(stack.traces, Tempo):
        stack.supervisor.stop(stack.trace_store)  # a crash takes what came in its last half second
    else:
        stack.kill(stack.trace_store)
    stack.start(stack.trace_store)
    assert eventually(lambda: ids(stack, search()) == fitting(sent, search()))
    assert all(stack.traces.trace(request.trace_id) for request in sent)
