"""Repeats for a plan, so that it uses the cache: texts sent again, concurrently, and without the cache."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace

from bench.clients.plan import PlannedRequest

REPEAT_EVERY = 3
"""One text in this many is sent again later."""
FRESH_EVERY = 4
"""One short text in this many is sent again with ``"cache": false``."""
FRESH_WORDS = 50
"""The maximum number of words in a text that is synthesized twice, so that a run does not take much longer."""
CONCURRENT_EVERY = 5
"""One text in this many is sent CONCURRENT times at once."""
CONCURRENT = 3


def with_repeats(rng: random.Random, requests: Sequence[PlannedRequest]) -> list[PlannedRequest]:
    """Returns the plan with repeats of some requests, each at a random place after its original.

    A repeat of a whole answer is a stream, and the other way round: both are served from the same clip.
    """
    valid = [request for request in requests if request.clip is not None]
    bursts = {request.clip for request in valid[::CONCURRENT_EVERY]}
    plan = [replace(request, times=CONCURRENT) if request.clip in bursts else request for request in requests]
    repeats = [variant(request, stream=not request.stream) for request in valid[1::REPEAT_EVERY]]
    short = [request for request in valid if request.text and request.text.words <= FRESH_WORDS]
    fresh = [variant(request, cache=False) for request in short[::FRESH_EVERY]]
    for repeat in (*repeats, *fresh):
        original = next(position for position, request in enumerate(plan) if request.clip == repeat.clip)
        plan.insert(rng.randint(original + 1, len(plan)), repeat)
    return plan


def variant(request: PlannedRequest, *, stream: bool | None = None, cache: bool = True) -> PlannedRequest:
    """Returns a request for the same audio in another form."""
    stream = request.stream if stream is None else stream
    fields = json.loads(request.body) | {"stream": stream} | ({} if cache else {"cache": False})
    return replace(request, body=json.dumps(fields).encode(), stream=stream, fresh=not cache)
