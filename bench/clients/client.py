"""The client: sends one planned request, measures its times, and records the faults of its answer."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import aiohttp
from multidict import CIMultiDictProxy

from bench.clients.plan import PlannedRequest
from bench.clients.recording import WavError, read_wav

Outcome = Literal["ok", "rejected", "error", "unanswered"]
OVERLOAD_STATUSES = frozenset({429, 503})
"""Statuses of rejections because of overload; they count as rejections, as those of bad input do."""
ID_FORMATS = {"X-Trace-ID": re.compile(r"[0-9a-f]{32}"), "X-Request-ID": re.compile(r"[\w.:-]{1,128}")}
DURATION = re.compile(r"\s*([\w-]+)\s*;\s*dur=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """One request as the client measured it; a row of the data for analysis."""

    outcome: Outcome
    status: int
    """The status of the answer; 0 without an answer."""
    error_type: str | None
    voice: str
    language: str
    words: int
    characters: int
    word_range: str
    character_range: str
    speed: float
    stream: bool
    started_at: float
    """The start in seconds since the epoch."""
    seconds: float
    """The time from sending the request to the last byte of the answer."""
    first_byte_seconds: float | None
    audio_seconds: float | None
    stages: dict[str, float] = field(default_factory=dict)
    """The milliseconds of each stage in the header Server-Timing."""
    request_id: str = ""
    trace_id: str = ""
    clip: int | None = None
    """A number that requests for the same audio share."""
    fresh: bool = False
    """Whether the request had ``"cache": false``."""
    cache: str = ""
    """The cache's result in the header X-TTS-Cache; empty without it."""
    provider: str = ""
    """The provider in the header X-TTS-Provider; empty without it."""
    faults: tuple[str, ...] = ()
    """The faults of the answer in words; what differs between answers follows a colon."""

    def row(self) -> dict[str, Any]:
        """Returns the record for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, headers and body, and its times."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    started_at: float
    first_byte_seconds: float
    seconds: float


async def send_request(session: aiohttp.ClientSession, request: PlannedRequest) -> Record:
    """Sends a request and checks the answer. A connection that fails or times out makes a record too."""
    started_at, start = time.time(), time.perf_counter()
    try:
        answer = await read_answer(session, request, started_at, start)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        fault = f"no complete answer: {type(error).__name__} {error}".rstrip()
        return record(request, "unanswered", 0, started_at, time.perf_counter() - start, faults=(fault,))
    return check_answer(request, answer)


async def read_answer(
    session: aiohttp.ClientSession, request: PlannedRequest, started_at: float, start: float
) -> Answer:
    """Sends a request and reads its answer to the end. Raises what aiohttp raises."""
    headers = {"Content-Type": request.content_type} if request.body else None
    async with session.request(request.method, "/tts", data=request.body or None, headers=headers) as response:
        first, _ = await response.content.readchunk()
        first_byte = time.perf_counter() - start
        body = first + await response.read()
        return Answer(response.status, response.headers, body, started_at, first_byte, time.perf_counter() - start)


def check_answer(request: PlannedRequest, answer: Answer) -> Record:
    """Returns the record of an answer, with its faults."""
    stages = {name: float(value) for name, value in DURATION.findall(answer.headers.get("Server-Timing", ""))}
    faults = header_faults(answer)
    error_type, audio_seconds = None, None
    outcome: Outcome = "ok"
    if answer.status == 200:
        audio_seconds, more_faults = audio_faults(request, answer)
        faults += more_faults + timing_faults(request, answer, stages)
    else:
        outcome = "rejected" if answer.status < 500 or answer.status in OVERLOAD_STATUSES else "error"
        error_type = error_code(answer.body)
    return record(
        request,
        outcome,
        answer.status,
        answer.started_at,
        answer.seconds,
        error_type=error_type,
        first_byte_seconds=answer.first_byte_seconds,
        audio_seconds=audio_seconds,
        stages=stages,
        request_id=answer.headers.get("X-Request-ID", ""),
        trace_id=answer.headers.get("X-Trace-ID", ""),
        cache=answer.headers.get("X-TTS-Cache", ""),
        provider=answer.headers.get("X-TTS-Provider", ""),
        faults=tuple(faults + status_faults(request, answer.status, error_type)),
    )


def header_faults(answer: Answer) -> list[str]:
    """Returns the faults in the headers that every answer has."""
    return [
        f"the header {name} is not as it should be: {answer.headers.get(name, 'missing')}"
        for name, shape in ID_FORMATS.items()
        if not shape.fullmatch(answer.headers.get(name, ""))
    ]


def audio_faults(request: PlannedRequest, answer: Answer) -> tuple[float | None, list[str]]:
    """Returns the audio's duration, and the faults of the audio and of the headers with the ranges."""
    if request.text is None:
        return None, []
    expected = {
        "X-TTS-Word-Count-Range": request.text.word_range,
        "X-TTS-Character-Count-Range": request.text.character_range,
    }
    faults = [
        f"the header {name} is wrong: {answer.headers.get(name, 'missing')}, and by our count {label}"
        for name, label in expected.items()
        if answer.headers.get(name) != label
    ]
    try:
        recording = read_wav(answer.body)
    except WavError as error:
        return None, [*faults, f"the answer is not a 16 bit mono WAV file: {error}"]
    fault = recording.fault(request.text.characters, request.speed)
    return recording.seconds, faults + ([fault] if fault else [])


def timing_faults(request: PlannedRequest, answer: Answer, stages: dict[str, float]) -> list[str]:
    """Returns the faults of Server-Timing: no stages, or a total above what we measured.

    A stream has no total, because its headers are sent before its end.
    """
    if not stages:
        return ["the header Server-Timing has no stages"]
    total = stages.get("total")
    if total is None:
        return [] if request.stream else ["the header Server-Timing has no total"]
    if total > answer.seconds * 1000:
        return [f"Server-Timing says more than we waited: {total:.0f} ms of {answer.seconds * 1000:.0f} ms"]
    return []


def status_faults(request: PlannedRequest, status: int, error_type: str | None) -> list[str]:
    """Returns a fault if the status is not the expected one. Overload may reject any valid request."""
    if request.refusals:
        expected = " or ".join(f"{status} {code}" for status, code in sorted(request.refusals))
        return (
            []
            if (status, error_type) in request.refusals
            else [f"a bad request came to {status} {error_type}, and it should be {expected}"]
        )
    return [] if status == 200 or status in OVERLOAD_STATUSES else [f"a good request came to {status} {error_type}"]


def error_code(body: bytes) -> str | None:
    """Returns the code in an error's JSON body; None if the body does not have the shape of an error."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, TypeError, KeyError):
        return None
    return code if isinstance(code, str) else None


def record(
    request: PlannedRequest, outcome: Outcome, status: int, started_at: float, seconds: float, **answer_fields: Any
) -> Record:
    """Returns the record of a request, with the fields that come from its answer."""
    text = request.text
    return Record(
        outcome=outcome,
        status=status,
        voice=request.voice,
        language=request.language,
        words=text.words if text else 0,
        characters=text.characters if text else 0,
        word_range=text.word_range if text else "",
        character_range=text.character_range if text else "",
        speed=request.speed,
        stream=request.stream,
        clip=request.clip,
        fresh=request.fresh,
        started_at=started_at,
        seconds=seconds,
        **({"error_type": None, "first_byte_seconds": None, "audio_seconds": None} | answer_fields),
    )
