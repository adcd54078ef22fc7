"""Tests the hierarchy of errors, their statuses, and their bodies in OpenAI's format."""

from __future__ import annotations

import json

import pytest

from server.errors import InvalidJson, InvalidRequest, MethodNotAllowed, QueueFull, SpeechError, all_errors, error_type
from server.middleware.envelope import error_response
from server.routes.openai_api import SpeechRequest
from server.routes.requests import SMALL_BODY, TtsRequest, media_type, parse, parse_tts

STATUSES = {400, 401, 403, 404, 405, 408, 413, 414, 415, 416, 421, 422, 426, 429, 431, 500, 503, 504}


@pytest.mark.parametrize("cls", all_errors(), ids=error_type)
def test_every_error_is_complete(cls: type[SpeechError]) -> None:
    assert cls.status in STATUSES
    assert cls.__doc__
    assert cls.side == ("server" if cls.status >= 500 or cls is QueueFull else "client")
    assert cls.kind in {"invalid_request_error", "rate_limit_error", "insufficient_quota", "server_error"}
    assert cls.refusal or cls.status in (500, 504)


def test_the_name_of_the_class_is_the_type() -> None:
    assert error_type(QueueFull) == "queue_full"


def test_the_answer_has_openais_shape() -> None:
    response = error_response(QueueFull("no room", retry_after=7))
    assert response.status == 429
    assert response.headers["Retry-After"] == "7"
    assert json.loads(response.text or "") == {
        "error": {"message": "no room", "type": "rate_limit_error", "param": None, "code": "queue_full"}
    }


def test_a_refused_method_says_which_are_taken() -> None:
    response = error_response(MethodNotAllowed({"POST"}))
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b"[" * 100_000, "invalid_json", None),
        (b'{"text": "\\ud800"}', "invalid_json", None),
        (b'{"text": 1e99999999}', "invalid_request", "text"),
        (b"[]", "invalid_request", None),
        (b'"text"', "invalid_request", None),
        (b"{}", "invalid_request", "text"),
        (b'{"text": null}', "invalid_request", "text"),
        (b'{"text": 1}', "invalid_request", "text"),
        (b'{"text": "a", "speed": "fast"}', "invalid_request", "speed"),
        (b'{"text": "a", "speed": true}', "invalid_request", "speed"),
        (b'{"text": "a", "speed": 0.2}', "invalid_request", "speed"),
        (b'{"text": "a", "speed": NaN}', "invalid_request", "speed"),
        (b'{"text": "a", "stream": "yes"}', "invalid_request", "stream"),
        (b'{"text": "a", "loudness": -90}', "invalid_request", "loudness"),
        (b'{"text": "a", "loudness": -16, "stream": true}', "invalid_request", "loudness"),
        (b'{"text": "a", "voice": "joe"}', "invalid_request", None),
        (b'{"text": "a", "response_format": "midi"}', "unsupported_format", "response_format"),
        (b'{"text": "a", "sample_rate": 12000}', "invalid_request", "sample_rate"),
        (b'{"text": "a", "sample_rate": "8000"}', "invalid_request", "sample_rate"),
        (b'{"text": "a", "encoding": "pcm_s24le"}', "invalid_request", "encoding"),
        (b'{"text": "a", "encoding": "pcm_mulaw", "response_format": "mp3"}', "unsupported_format", "encoding"),
        (b'{"text": "a", "sample_rate": 24000, "response_format": "opus"}', "unsupported_format", "sample_rate"),
    ],
)
def test_bad_bodies_are_refused_by_name(body: bytes, code: str, param: str | None) -> None:
    with pytest.raises(SpeechError) as refusal:
        parse_tts(body)
    assert (refusal.value.error_type, refusal.value.param) == (code, param)


def test_a_refusal_never_repeats_the_value() -> None:
    for body in (
        b'{"text": "SECRET',
        b'{"text": "a", "response_format": "SECRET"}',
        b'{"text": "a", "speed": "SECRET"}',
    ):
        with pytest.raises(SpeechError) as refusal:
            parse_tts(body)
        assert "SECRET" not in refusal.value.message


def test_huge_numbers_do_no_harm() -> None:
    with pytest.raises(InvalidJson):
        parse_tts(b'{"text": "a", "speed": ' + b"9" * 100_000 + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "a", "my secret words": 1}',
        b'{"my secret words": {"my secret words": 1}}',
        b'{"model": "m", "input": "a", "voice": {"my secret words": 1}}',
        b'{"model": "m", "input": "a", "voice": {"id": "joe", "my secret words": 1}}',
        b'{"text": {"my secret words": 1}}',
        b'{"text": "a", "voice_name": ["my secret words"]}',
    ],
)
@pytest.mark.parametrize("padding", [b"", b" " * SMALL_BODY])
def test_a_name_that_the_client_made_up_is_not_repeated(body: bytes, padding: bytes) -> None:
    for model in (TtsRequest, SpeechRequest):
        with pytest.raises(SpeechError) as refusal:
            parse(model, body + padding)
        assert "secret" not in refusal.value.message
        assert refusal.value.param is None or refusal.value.param in model.model_fields


def made_up(count: int) -> bytes:
    return b"{%b}" % b",".join(b'"k%d":1' % n for n in range(count))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"text":"a","rest":%b}' % made_up(23_000), None),
        (made_up(23_000), None),
        (b'{"text":"a",' + made_up(23_000)[1:], None),
        (b'{"model":"m","input":"a","voice":%b}' % made_up(23_000), "voice"),
        (b'{"model":"m","input":[%b0]}' % (b"0," * 100_000), "input"),
    ],
)
def test_thousands_of_members_make_no_thousands_of_errors(
    body: bytes, param: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(SpeechRequest, "model_validate_json", made.append)
    with pytest.raises(InvalidRequest) as refusal:
        parse(SpeechRequest, body)
    assert refusal.value.param == param
    assert made == []  # pydantic, which would create an error for each, was not called


def test_a_long_text_is_no_hindrance() -> None:
    text = "a: {b}, " * 30_000
    assert parse_tts(json.dumps({"text": text, "speed": 1.5}).encode()).text == text
    assert (
        parse(SpeechRequest, json.dumps({"model": "m", "input": text, "voice": {"id": "joe"}}).encode()).input == text
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" application/json ;", "application/json"),
        ("", ""),
        ("(" * 8000, "(" * 8000),
        ("a;b*=\"'", "a"),
    ],
)
def test_the_media_type_is_read_whatever_follows(header: str, expected: str) -> None:
    assert media_type(header) == expected


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"model": "m", "input": "a", "voice": "joe", "response_format": "midi"}']
)
def test_openais_call_is_refused_in_the_same_words(body: bytes) -> None:
    with pytest.raises(SpeechError) as refused:
        parse(SpeechRequest, body)
    assert refused.value.status in (400, 422)
