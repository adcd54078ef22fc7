"""The parts of ``python -m stack.doctor --numbers``: the load, the reading of a scrape, the comparison."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from otel.contract.labels import OTHER, WORD_COUNT_RANGE
from otel.contract.metrics import WORD_COUNT_DURATION
from otel.contract.ranges import WORDS
from otel.sdk.exposition import PROTOBUF, Exposition
from otel.sdk.histograms import HistogramStore
from stack.numbers import load
from stack.numbers.exposition import Buckets, histograms
from stack.numbers.figures import ALL, SHARES, Figures, Place, bounds, disagreements
from stack.numbers.report import table
from tests.distributions import TOLERANCE, log_normal, nearest_rank

DURATIONS = [number / 100 for number in range(1, 101)]
"""10 ms to 1 s."""
OURS = {"1-10": DURATIONS, "11-25": [2.0], "26-50": [], ALL: [*DURATIONS, 2.0]}
RIGHT = Figures(100, 0.505, {0.5: 0.5, 0.95: 0.95, 0.99: 0.99})


@pytest.mark.parametrize("requests", [1, 6, 60, 200])
def test_the_load_has_as_many_requests_of_each_range_and_one_of_six_is_new(requests: int) -> None:
    plan = load.plan(requests)
    assert Counter(words for words, _ in plan) == dict.fromkeys(load.WORDS, requests)
    assert all(WORDS.label(len(text.split())) == words for words, text in plan)
    new = -(-requests // load.REPEATS)
    assert Counter(words for words, _ in set(plan)) == dict.fromkeys(load.WORDS, new)
    assert len(set(plan[: 3 * new])) == 3 * new  # they come first, so that their repeats are in the cache


def scrape(store: HistogramStore) -> dict[str, Buckets]:
    body = Exposition([], store).render(PROTOBUF)
    return histograms(body, WORD_COUNT_DURATION, WORD_COUNT_RANGE)


def test_a_scrape_is_read_as_it_was_recorded() -> None:
    """Two series of a range are added; what was there before is left out."""
    store = HistogramStore()
    names = [attribute.name for attribute in WORD_COUNT_DURATION.attributes]
    values = log_normal(random.Random(1), 400, median=0.5)

    def record(seconds: list[float], words: str, voice: str) -> None:
        labels = {**dict.fromkeys(names, OTHER), WORD_COUNT_RANGE.name: words, "voice_name": voice}
        for each in seconds:
            store.record(WORD_COUNT_DURATION.name, each, tuple(labels.values()), None)

    record([0.0, 60.0], "1-10", "joe")
    before = scrape(store)
    record(values[:200], "1-10", "joe")
    record(values[200:], "1-10", "kan")
    record([1.0], "11-25", "joe")
    after = scrape(store)
    assert (before["1-10"].count, before["1-10"].quantile(0.5)) == (2, 0.0)
    assert set(after) == {"1-10", "11-25"}
    figures = after["1-10"].since(before["1-10"]).figures()
    assert (figures.count, figures.mean) == (400, pytest.approx(sum(values) / 400))
    expected = {share: nearest_rank(values, share) for share in SHARES}
    assert figures.quantiles == pytest.approx(expected, rel=TOLERANCE)
    assert Buckets().figures() == Figures(0, None, {})


def test_a_quantile_may_be_one_rank_off_and_a_twentieth_more() -> None:
    allowed = bounds(DURATIONS, 0.5)
    assert (allowed.low, allowed.value, allowed.high) == (0.49, 0.5, 0.51)
    assert allowed.allow(0.49 * 0.951)
    assert allowed.allow(0.51 * 1.049)
    assert not allowed.allow(0.49 * 0.949)
    assert not allowed.allow(0.51 * 1.051)
    assert not allowed.allow(float("nan"))
    only = bounds([2.0], 0.99)
    assert (only.low, only.high) == (2.0, 2.0)


def told(words: str, figures: Figures) -> list[str]:
    return list(disagreements(OURS, Place("GET /metrics", {words: figures})))


def test_places_that_say_the_same_or_less_agree() -> None:
    assert told("1-10", RIGHT) == []
    assert told("1-10", Figures(quantiles={0.95: 0.94})) == []
    assert told("1-10", Figures(100, 0.5059)) == []
    assert told("26-50", Figures(0)) == []
    assert told(ALL, Figures(101)) == []


@pytest.mark.parametrize(
    ("words", "figures", "sentence"),
    [
        ("1-10", Figures(99, 7.0), "GET /metrics counts 99 requests of 1-10 words, and the client 100."),
        ("26-50", Figures(1), "GET /metrics counts 1 requests of 26-50 words, and the client 0."),
        (ALL, Figures(102), "GET /metrics counts 102 requests in all, and the client 101."),
        (
            "1-10",
            Figures(100, 0.5061),
            "GET /metrics says that requests of 1-10 words took 0.5061 s on average, and the client 0.5050 s: more "
            "than 1 ms apart.",
        ),
        (
            "1-10",
            Figures(100, 0.505, {0.5: 0.5, 0.95: 1.02}),
            "GET /metrics says that the p95 of requests of 1-10 words is 1.0200 s, and the client 0.9500 s: more than "
            "5% and more than one rank apart.",
        ),
        (
            "11-25",
            Figures(1, float("nan")),
            "GET /metrics says that requests of 11-25 words took nan s on average, and the client 2.0000 s: more than "
            "1 ms apart.",
        ),
    ],
)
def test_a_disagreement_is_a_sentence(words: str, figures: Figures, sentence: str) -> None:
    assert told(words, figures) == [sentence]


def test_the_table_has_a_row_for_each_place_that_says_something() -> None:
    places = [
        Place("the client", {"1-10": RIGHT, ALL: Figures(101)}),
        Place("GET /metrics", {"1-10": Figures(99, 0.25)}),
    ]
    assert list(table(places)) == [
        "",
        "1-10 words            requests      mean       p50       p95       p99",
        "  the client               100    0.5050    0.5000    0.9500    0.9900",
        "  GET /metrics              99    0.2500         -         -         -",
        "",
        "all requests          requests      mean       p50       p95       p99",
        "  the client               101         -         -         -         -",
    ]
