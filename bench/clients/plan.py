"""The plan of a run: which requests are sent, in which order, and what each must come to."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from bench.clients.texts import CHARACTER_RANGES, WORD_RANGES, Text, is_countable, text_in

STREAM_EVERY = 4
"""One text in so many is asked for as a stream."""
SPEEDS = (1.0, 1.0, 1.0, 1.25)
TOO_LONG = 200_000
"""Characters: far above the server's limit on a text (5,000 unless set), and below the one on a body (256 KiB)."""
TOO_LARGE = 300_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A request to send, and what we expect of the answer."""

    body: bytes
    text: Text | None = None
    """What should be spoken; None for a request that must be refused."""
    voice: str = ""
    language: str = ""
    speed: float = 1.0
    stream: bool = False
    refusals: frozenset[tuple[int, str]] = frozenset()
    """The (status, code) that may refuse it; empty for a good request."""
    method: str = "POST"
    content_type: str = "application/json"
    clip: int | None = None
    """The same number in all requests for the same audio; None where none should come."""
    fresh: bool = False
    """It asks for audio that was not made before."""
    times: int = 1
    """How often it is sent, all at the same moment."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A way to be refused."""

    refusals: frozenset[tuple[int, str]]
    fields: Mapping[str, object] = field(default_factory=dict)
    """The JSON body, unless ``body`` is given."""
    body: bytes | None = None
    method: str = "POST"
    content_type: str = "application/json"

    def planned(self) -> Planned:
        """The request that goes about it this way."""
        body = json.dumps(dict(self.fields)).encode() if self.body is None else self.body
        return Planned(body, refusals=self.refusals, method=self.method, content_type=self.content_type)


def one(status: int, code: str) -> frozenset[tuple[int, str]]:
    """The only refusal there is for a mistake."""
    return frozenset({(status, code)})


HELLO: dict[str, object] = {"text": "Hello."}
BAD = (
    Bad(one(404, "unknown_voice"), HELLO | {"voice_name": "nobody-speaks-like-this"}),
    Bad(one(400, "invalid_json"), body=b'{"text": "Hello'),
    Bad(one(422, "nothing_to_speak"), {"text": ""}),
    Bad(one(422, "invalid_request"), {"voice_name": "joe"}),
    Bad(one(415, "unsupported_media_type"), HELLO, content_type="text/plain"),
    Bad(one(422, "unsupported_language"), HELLO | {"language": "tlh"}),
    Bad(one(422, "unsupported_format"), HELLO | {"response_format": "parchment"}),
    Bad(one(413, "text_too_long") | one(413, "body_too_large"), {"text": "lorem " * (TOO_LONG // 6)}),
    Bad(one(413, "body_too_large"), {"text": "lorem " * (TOO_LARGE // 6)}),
    Bad(one(400, "invalid_text"), {"text": "Hello\x00world."}),
    Bad(one(405, "method_not_allowed"), body=b"", method="GET"),
    Bad(one(422, "invalid_request"), HELLO | {"speed": 99}),
    Bad(one(422, "invalid_request"), {"text": ["not", "a", "string"]}),
    Bad(one(422, "invalid_request"), HELLO | {"volume": 11}),
    Bad(one(422, "nothing_to_speak"), {"text": "(happy) (sad)"}),
)
"""Every kind of refusal that a client can bring about by what it sends."""


def plan(rng: random.Random, catalogue: Sequence[tuple[str, str]], iterations: int) -> list[Planned]:
    """So many rounds over the (voice, language) pairs of the catalogue, shuffled.

    A round asks each pair for one text and sends one bad request. The word ranges take turns, each pair beginning with
    another, so six rounds cover every word range for every pair; in the first six (and every other six) the text is in
    the character range of the same place too, in between it lies anywhere in its word range, bounds included.
    """
    bad = cycle(BAD)
    requests: list[Planned] = []
    for iteration in range(iterations):
        diagonal = iteration // len(WORD_RANGES) % 2 == 0
        for place, (voice, language) in enumerate(catalogue):
            if is_countable(language):
                turn = iteration + place
                stream = turn % STREAM_EVERY == STREAM_EVERY - 1
                request = good(rng, voice, language, turn, diagonal=diagonal, stream=stream)
                requests.append(replace(request, clip=len(requests)))
        requests.append(next(bad).planned())
    rng.shuffle(requests)
    return requests


def good(rng: random.Random, voice: str, language: str, turn: int, *, diagonal: bool, stream: bool) -> Planned:
    """A request that must be spoken, its text in the range whose turn it is."""
    which = turn % len(WORD_RANGES)
    text = text_in(rng, language, WORD_RANGES[which], CHARACTER_RANGES[which] if diagonal else None)
    speed = rng.choice(SPEEDS)
    fields = {"text": text.content, "voice_name": voice, "language": language, "speed": speed, "stream": stream}
    return Planned(json.dumps(fields).encode(), text, voice, language, speed, stream)
