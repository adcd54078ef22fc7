"""The plan of a run: the requests, their order, and the expected result of each."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from bench.clients.texts import CHARACTER_RANGES, WORD_RANGES, Text, is_countable, text_in

STREAM_EVERY = 4
"""One text in this many is requested as a stream."""
SPEEDS = (1.0, 1.0, 1.0, 1.25)
TOO_LONG = 200_000
"""Characters in a text far above the server's limit (default 5,000), whose body is below the limit of 256 KiB."""
TOO_LARGE = 300_000


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request to send, and the expected answer."""

    body: bytes
    text: Text | None = None
    """The text to speak; None for a request that must be rejected."""
    voice: str = ""
    language: str = ""
    speed: float = 1.0
    stream: bool = False
    refusals: frozenset[tuple[int, str]] = frozenset()
    """The possible (status, code) of its rejection; empty for a valid request."""
    method: str = "POST"
    content_type: str = "application/json"
    clip: int | None = None
    """A number that requests for the same audio share; None if no audio is expected."""
    fresh: bool = False
    """Whether the request has ``"cache": false``."""
    times: int = 1
    """The number of times that it is sent, all at once."""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A kind of invalid request."""

    refusals: frozenset[tuple[int, str]]
    fields: Mapping[str, object] = field(default_factory=dict)
    """The fields of the JSON body, unless ``body`` is given."""
    body: bytes | None = None
    method: str = "POST"
    content_type: str = "application/json"

    def request(self) -> PlannedRequest:
        """Returns the request to send."""
        body = json.dumps(dict(self.fields)).encode() if self.body is None else self.body
        return PlannedRequest(body, refusals=self.refusals, method=self.method, content_type=self.content_type)


def refusal(status: int, code: str) -> frozenset[tuple[int, str]]:
    """Returns a set of one possible rejection."""
    return frozenset({(status, code)})


HELLO: dict[str, object] = {"text": "Hello."}
BAD_REQUESTS = (
    BadRequest(refusal(404, "unknown_voice"), HELLO | {"voice_name": "nobody-speaks-like-this"}),
    BadRequest(refusal(400, "invalid_json"), body=b'{"text": "Hello'),
    BadRequest(refusal(422, "nothing_to_speak"), {"text": ""}),
    BadRequest(refusal(422, "invalid_request"), {"voice_name": "joe"}),
    BadRequest(refusal(415, "unsupported_media_type"), HELLO, content_type="text/plain"),
    BadRequest(refusal(422, "unsupported_language"), HELLO | {"language": "tlh"}),
    BadRequest(refusal(422, "unsupported_format"), HELLO | {"response_format": "parchment"}),
    BadRequest(refusal(413, "text_too_long") | refusal(413, "body_too_large"), {"text": "lorem " * (TOO_LONG // 6)}),
    BadRequest(refusal(413, "body_too_large"), {"text": "lorem " * (TOO_LARGE // 6)}),
    BadRequest(refusal(400, "invalid_text"), {"text": "Hello\x00world."}),
    BadRequest(refusal(405, "method_not_allowed"), body=b"", method="GET"),
    BadRequest(refusal(422, "invalid_request"), HELLO | {"speed": 99}),
    BadRequest(refusal(422, "invalid_request"), {"text": ["not", "a", "string"]}),
    BadRequest(refusal(422, "invalid_request"), HELLO | {"volume": 11}),
    BadRequest(refusal(422, "nothing_to_speak"), {"text": "(happy) (sad)"}),
)
"""An example of every rejection that a client can cause by what it sends."""


def plan(rng: random.Random, catalogue: Sequence[tuple[str, str]], iterations: int) -> list[PlannedRequest]:
    """Returns ``iterations`` rounds over the (voice, language) pairs of the catalogue, shuffled.

    A round has one text for each pair and one bad request. The word ranges take turns, and each pair starts with
    another one, so six rounds cover every word range for every pair. In the first six rounds (and in every other six)
    the text is also in the character range of the same position; in between it lies anywhere in its word range,
    bounds included.
    """
    bad = cycle(BAD_REQUESTS)
    requests: list[PlannedRequest] = []
    for iteration in range(iterations):
        diagonal = iteration // len(WORD_RANGES) % 2 == 0
        for position, (voice, language) in enumerate(catalogue):
            if is_countable(language):
                turn = iteration + position
                stream = turn % STREAM_EVERY == STREAM_EVERY - 1
                request = valid_request(rng, voice, language, turn, diagonal=diagonal, stream=stream)
                requests.append(replace(request, clip=len(requests)))
        requests.append(next(bad).request())
    rng.shuffle(requests)
    return requests


def valid_request(
    rng: random.Random, voice: str, language: str, turn: int, *, diagonal: bool, stream: bool
) -> PlannedRequest:
    """Returns a valid request, whose text is in the range whose turn it is."""
    position = turn % len(WORD_RANGES)
    text = text_in(rng, language, WORD_RANGES[position], CHARACTER_RANGES[position] if diagonal else None)
    speed = rng.choice(SPEEDS)
    fields = {"text": text.content, "voice_name": voice, "language": language, "speed": speed, "stream": stream}
    return PlannedRequest(json.dumps(fields).encode(), text, voice, language, speed, stream)
