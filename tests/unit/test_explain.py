"""Tests the explanation of a request: one sentence, in plain words."""

from __future__ import annotations

from typing import Any

from otel.contract.values import Cancellation, SlowReason
from otel.trace_store.store import StoredSpan, TraceSearch, TraceSummary
from server.explain import from_store, sentence

SPOKEN: dict[str, Any] = {
    "tts.request_id": "8eb46c98-829f-4230-bbe2-50973e8e5c81",
    "tts.endpoint": "/tts",
    "tts.outcome": "ok",
    "tts.voice_name": "joe",
    "tts.word_count_range": "26-50",
    "tts.duration": 3.7,
    "tts.stage.normalize": 0.0002,
    "tts.stage.queue": 2.2,
    "tts.stage.infer": 0.5,
    "tts.stage.decode": 1.0,
    "tts.stage.send": 99.0,
}
WHO = "Request 8eb46c98-829f-4230-bbe2-50973e8e5c81 (/tts, joe, 26-50 words) "
SHARES = ": queue 59% (2.20 s), decode 27% (1.00 s), infer 14% (500 ms)."


def test_a_slow_request() -> None:
    features = {**SPOKEN, "tts.usual_duration": 1.85, "tts.slow_reason": "queue"}
    assert sentence(features) == (
        WHO + "took 3.70 s, 2.0 times the usual 1.85 s of its range, because it waited for other requests" + SHARES
    )


def test_an_ordinary_request() -> None:
    features = {**SPOKEN, "tts.usual_duration": 3.6}
    assert sentence(features) == WHO + "took 3.70 s, about as usual for its range (3.60 s)" + SHARES


def test_one_of_the_first_requests() -> None:
    assert sentence(SPOKEN) == WHO + "took 3.70 s" + SHARES


def test_a_failed_a_refused_and_an_abandoned_request() -> None:
    failed = {**SPOKEN, "tts.outcome": "error", "tts.error_type": "engine_failed"}
    assert "took 3.70 s and failed as engine_failed" in sentence(failed)
    refused = {key: SPOKEN[key] for key in ("tts.request_id", "tts.endpoint")}
    refused |= {"tts.outcome": "rejected", "tts.error_type": "unknown_voice", "tts.stage.normalize": 0.01}
    assert sentence(refused).endswith("(/tts) was refused as unknown_voice before any synthesis.")
    assert "was given up, since the client left" in sentence({**SPOKEN, "tts.outcome": "cancelled"})


def test_a_cancelled_request_says_why() -> None:
    for reason in Cancellation:
        fields = {**SPOKEN, "tts.outcome": "cancelled", "tts.cancellation": str(reason)}
        assert f"was given up: {reason.meaning}" in sentence(fields)


def test_every_reason_has_its_words() -> None:
    for reason in SlowReason:
        assert ", because " in sentence({**SPOKEN, "tts.slow_reason": str(reason)})


def test_numbers_may_be_strings() -> None:
    assert sentence({key: str(value) for key, value in SPOKEN.items()}) == sentence(SPOKEN)


class Store:
    """A trace store with one trace; ``asked`` records the searches."""

    name = "a store"

    def __init__(self) -> None:
        self.asked: list[TraceSearch] = []
        request = StoredSpan("a", "", "POST /tts", 1.0, 3.7, attributes=SPOKEN)
        self.spans = (StoredSpan("b", "a", "decode", 1.5, 1.0), request)

    def check(self) -> None: ...

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        return self.spans if trace_id == TRACE else ()

    def search(self, search: TraceSearch) -> tuple[TraceSummary, ...]:
        self.asked.append(search)
        return (TraceSummary(TRACE, 1.0, 3.7, "POST /tts"),) if search.fits(SPOKEN, search.end, 3.7) else ()


TRACE = "a" * 32


def test_a_trace_store_finds_a_request_by_either_id() -> None:
    store = Store()
    assert from_store(store, TRACE) == SPOKEN
    assert store.asked == []
    assert from_store(store, SPOKEN["tts.request_id"]) == SPOKEN
    assert from_store(store, "b" * 32) is None
    assert from_store(store, "00000000-0000-0000-0000-000000000000") is None


def test_a_trace_store_is_asked_about_all_the_time_that_it_keeps_traces_for() -> None:
    store = Store()
    from_store(store, SPOKEN["tts.request_id"])
    [asked] = store.asked
    assert asked.end - asked.start == 14 * 24 * 3600
