"""What a plan needs so that the cache shows itself: texts sent again, at the same moment, and past the cache."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace

from bench.clients.plan import Planned

AGAIN_EVERY = 3
"""One text in so many is sent again later on."""
FRESH_EVERY = 4
"""One text in so many is sent again with ``"cache": false``, if it is short."""
FRESH_WORDS = 50
"""Words of the longest text that is made twice: a run should not take much longer than without its repeats."""
TOGETHER_EVERY = 5
"""One text in so many is sent several times at the same moment."""
TOGETHER = 3


def with_repeats(rng: random.Random, requests: Sequence[Planned]) -> list[Planned]:
    """The plan with requests for audio that it asks for already; each comes somewhere after its original.

    A text that is sent again is asked for as a stream if it was a whole answer, and the other way round: both are
    served from the same clip.
    """
    good = [request for request in requests if request.clip is not None]
    bursts = {request.clip for request in good[::TOGETHER_EVERY]}
    found = [replace(request, times=TOGETHER) if request.clip in bursts else request for request in requests]
    again = [other(request, stream=not request.stream) for request in good[1::AGAIN_EVERY]]
    short = [request for request in good if request.text and request.text.words <= FRESH_WORDS]
    fresh = [other(request, cache=False) for request in short[::FRESH_EVERY]]
    for repeat in (*again, *fresh):
        original = next(place for place, request in enumerate(found) if request.clip == repeat.clip)
        found.insert(rng.randint(original + 1, len(found)), repeat)
    return found


def other(request: Planned, *, stream: bool | None = None, cache: bool = True) -> Planned:
    """A request for the same audio, asked for in another way."""
    stream = request.stream if stream is None else stream
    fields = json.loads(request.body) | {"stream": stream} | ({} if cache else {"cache": False})
    return replace(request, body=json.dumps(fields).encode(), stream=stream, fresh=not cache)
