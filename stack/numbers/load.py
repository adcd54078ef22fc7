"""The known load: short texts of three ranges of words, some of them new, the others answered from the cache."""

from __future__ import annotations

import json
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from otel.support.api_key import authorization

WORDS = {"1-10": 6, "11-25": 16, "26-50": 32}
"""The number of words of a text, by the range that it falls into."""
VOCABULARY = (
    "apple bell cat door east fish gate hill ink jar key lamp moon nest oak pen queen rain sand tree "
    "urn vine wall yarn zinc ant bread coat drum egg fern goat hat ice jam kite leaf milk nut owl"
)
REPEATS = 6
"""How often each text is sent: the first must be made, so one of six durations is long, and five are short."""
CLIENTS = 2
TIMEOUT_SECONDS = 120.0
TOTAL = re.compile(r"\btotal;dur=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request of the load."""

    words: str
    """The range of the text's words, by our own count."""
    status: int
    """0 without an answer."""
    seconds: float
    """The server's own time, as the header Server-Timing tells it, to 10 us; NaN if it does not."""
    waited: float
    """The time until the last byte was here."""


def first_of_each() -> list[tuple[str, str]]:
    """Returns range and text of a request of each range, with a new text."""
    return [(words, _text(number)) for words, number in WORDS.items()]


def plan(requests: int) -> list[tuple[str, str]]:
    """Returns range and text of ``requests`` requests for each range: first the new texts, then their repeats."""
    new, repeats = [], []
    for words, number in WORDS.items():
        texts = [(words, _text(number)) for _ in range(-(-requests // REPEATS))]
        new += texts
        repeats += [texts[each % len(texts)] for each in range(requests - len(texts))]
    random.shuffle(new)
    random.shuffle(repeats)
    return new + repeats


def send(url: str, requests: Sequence[tuple[str, str]]) -> Iterator[Answer]:
    """Sends the requests, CLIENTS at a time; yields the answers in their order."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield from pool.map(lambda request: _speak(url, *request), requests)


def _text(number: int) -> str:
    words = random.choices(VOCABULARY.split(), k=number)  # noqa: S311 - no secret
    return f"{' '.join(words).capitalize()}."


def _speak(url: str, words: str, text: str) -> Answer:
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(f"{url}/tts", body, {"Content-Type": "application/json", **authorization()})  # noqa: S310 - our own
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            response.read()
            total = TOTAL.search(response.headers.get("Server-Timing", ""))
            status = response.status
    except urllib.error.HTTPError as error:
        status, total = error.code, None
    except OSError:
        status, total = 0, None
    return Answer(words, status, float(total[1]) / 1e3 if total else float("nan"), time.perf_counter() - begun)
