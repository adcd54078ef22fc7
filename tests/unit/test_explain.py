"""The explanation of a request: one sentence, in plain words."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from server import explain
from server.explain import sentence
from server.slowness import SlowReason

SPOKEN = {
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


def test_every_reason_has_its_words() -> None:
    for reason in SlowReason:
        assert ", because " in sentence({**SPOKEN, "tts.slow_reason": str(reason)})


def test_tempos_strings_are_numbers_too() -> None:
    assert sentence({key: str(value) for key, value in SPOKEN.items()}) == sentence(SPOKEN)


def test_tempo_is_asked_about_more_than_the_last_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(explain, "_get", asked.append)
    assert explain.from_tempo("http://tempo", SPOKEN["tts.request_id"]) is None
    question = parse_qs(urlsplit(asked[0]).query)
    assert int(question["end"][0]) - int(question["start"][0]) == 7 * 24 * 3600  # the most that Tempo takes
