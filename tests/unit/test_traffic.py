"""The traffic script finds every kind of disagreement, none where there is none, and its texts are what they claim."""

from __future__ import annotations

import io
import json
import random
import struct
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from bench.clients.client import Answer, Record, check_answer
from bench.clients.plan import BAD_REQUESTS, PlannedRequest, plan
from bench.clients.recording import WavError, read_wav
from bench.clients.texts import CHARACTER_RANGES, WORD_RANGES, Text, count_characters, count_words, range_of, text_in
from bench.targets.monitoring import Fallback, Monitoring, Provider
from bench.targets.snapshot import Snapshot, Statistics
from bench.traffic.agreement import AVERAGE, compare, compared_ranges
from bench.traffic.monitoring_comparison import WINDOW_SECONDS, compare_monitoring, findings
from bench.traffic.monitoring_report import MonitoringCheck
from bench.traffic.repeats import CONCURRENT, with_repeats

RATE = 22050
PAIRS = [("joe", "en"), ("joe", "en-us")]
HELLO = Text.from_content("(happy) Hello there, this is a test.")
EMPTY: dict[str, object] = {"count": 0, "avg": None, "min": None, "max": None, "p95": None, "p99": None}


def ok(seconds: float, text: Text = HELLO) -> Record:
    return Record(
        outcome="ok",
        status=200,
        error_type=None,
        voice="joe",
        language="en",
        words=text.words,
        characters=text.characters,
        word_range=text.word_range,
        character_range=text.character_range,
        speed=1.0,
        stream=False,
        started_at=0.0,
        seconds=seconds,
        first_byte_seconds=seconds,
        audio_seconds=2.0,
    )


def refused(error_type: str = "unknown_voice") -> Record:
    return replace(ok(0.01), outcome="rejected", status=404, error_type=error_type, word_range="", character_range="")


RECORDS = [*(ok(seconds) for seconds in (0.2, 0.3, 0.4)), refused(), refused("invalid_json")]


def account(records: Sequence[Record], factor: float = 0.9, uptime: float = 10.0) -> Snapshot:
    """What a truthful server would say that saw these requests and nothing else, its durations shorter by a factor."""
    successful = [record for record in records if record.outcome == "ok"]
    outcomes = Counter(record.outcome for record in records)
    data = {
        "total_requests": len(records),
        "requests_in_flight": 0,
        "uptime_seconds": uptime,
        "successful_requests": outcomes["ok"],
        "failed_requests": outcomes["error"],
        "rejected_requests": outcomes["rejected"],
        "cancelled_requests": 0,
        "errors_by_type": Counter(record.error_type for record in records if record.error_type),
        "by_word_count_range": {
            label: statistics([record.seconds * factor for record in successful if record.word_range == label])
            for label in WORD_RANGES
        },
        "by_character_count_range": {
            label: statistics([record.seconds * factor for record in successful if record.character_range == label])
            for label in CHARACTER_RANGES
        },
    }
    return Snapshot.parse(data)


def statistics(seconds: Sequence[float]) -> dict[str, object]:
    if not seconds:
        return EMPTY
    p95 = sorted(seconds)[int(0.95 * (len(seconds) - 1))]
    average = sum(seconds) / len(seconds)
    return {"count": len(seconds), "avg": average, "min": min(seconds), "max": max(seconds), "p95": p95, "p99": p95}


NOTHING = account([], uptime=1.0)


class TestTexts:
    @pytest.mark.parametrize("language", ["en", "en-us", "de", "fr", "es", "sw"])
    @pytest.mark.parametrize("place", range(len(WORD_RANGES)))
    def test_lie_in_the_ranges_they_claim(self, language: str, place: int) -> None:
        rng = random.Random(place)
        for _ in range(20):
            text = text_in(rng, language, WORD_RANGES[place], CHARACTER_RANGES[place])
            assert text.word_range == WORD_RANGES[place]
            assert text.character_range == CHARACTER_RANGES[place]
            assert (text.words, text.characters) == (count_words(text.content), count_characters(text.content))

    def test_reach_both_bounds_of_a_range(self) -> None:
        rng = random.Random(7)
        assert {text_in(rng, "en", "11-25").words for _ in range(300)} == set(range(11, 26))

    def test_carry_tags_which_are_not_counted(self) -> None:
        rng = random.Random(7)
        assert any("(happy)" in text_in(rng, "en", "26-50").content for _ in range(50))

    @pytest.mark.parametrize(
        ("content", "words", "characters"),
        [
            ("", 0, 0),
            ("(happy)", 0, 0),
            ("(happy) Hello there.", 2, 12),
            ("Hello (sad) there.", 2, 12),
            ("book(s) (see page 3)", 4, 20),
            ("(WHO) said (yes)", 3, 16),
            ("wait - what", 2, 11),
        ],
    )
    def test_are_counted_without_tags(self, content: str, words: int, characters: int) -> None:
        assert (count_words(content), count_characters(content)) == (words, characters)

    @pytest.mark.parametrize(
        ("count", "label"), [(0, "0"), (1, "1-10"), (10, "1-10"), (11, "11-25"), (200, "101-200"), (201, "200+")]
    )
    def test_ranges_begin_and_end_where_they_say(self, count: int, label: str) -> None:
        assert range_of(count, WORD_RANGES) == label


class TestPlan:
    def test_six_rounds_cover_every_range_for_every_voice_and_language(self) -> None:
        requests = plan(random.Random(1), PAIRS, 6)
        words = {(request.language, request.text.word_range) for request in requests if request.text}
        characters = {(request.language, request.text.character_range) for request in requests if request.text}
        assert words == {(language, label) for _, language in PAIRS for label in WORD_RANGES}
        assert characters == {(language, label) for _, language in PAIRS for label in CHARACTER_RANGES}

    def test_twenty_rounds_send_every_bad_request_and_some_streams(self) -> None:
        requests = plan(random.Random(1), PAIRS, 20)
        assert {request.body for request in requests if request.refusals} == {
            bad.request().body for bad in BAD_REQUESTS
        }
        assert 0 < sum(request.stream for request in requests) < len(requests) / 2
        assert len(requests) == 20 * (len(PAIRS) + 1)

    def test_the_same_seed_sends_the_same(self) -> None:
        assert plan(random.Random(3), PAIRS, 8) == plan(random.Random(3), PAIRS, 8)
        assert plan(random.Random(3), PAIRS, 8) != plan(random.Random(4), PAIRS, 8)

    def test_leaves_out_languages_without_spaces(self) -> None:
        assert not any(request.text for request in plan(random.Random(1), [("yuki", "ja")], 6))


class TestComparison:
    def test_finds_nothing_where_both_agree(self) -> None:
        assert compare(RECORDS, NOTHING, account(RECORDS)) == []

    def test_subtracts_what_was_there_before(self) -> None:
        earlier = [ok(9.0), refused()]
        before, after = account(earlier), account([*earlier, *RECORDS], uptime=20.0)
        assert compare(RECORDS, before, after) == []
        assert compared_ranges(RECORDS, after.since(before))[0].server.max is None

    def test_a_lost_request(self) -> None:
        assert disagreements(RECORDS, account(RECORDS[1:])) >= {
            "The server counted only 4 of our 5 requests.",
            "We saw 3 requests end as ok, and the server counted 2.",
            "We saw 3 requests of 1-10 words end ok, and the server counted 2.",
            "We saw 3 requests of 1-50 characters end ok, and the server counted 2.",
        }

    def test_another_client(self) -> None:
        assert any("another client" in sentence for sentence in disagreements(RECORDS, account([*RECORDS, ok(0.2)])))

    def test_a_restart(self) -> None:
        assert disagreements(RECORDS, account(RECORDS, uptime=0.5)) == {
            "The server was restarted during the run, so its counts began anew."
        }

    def test_a_wrong_outcome(self) -> None:
        after = account(RECORDS)
        after.outcomes.update(ok=2, cancelled=1)
        assert disagreements(RECORDS, after) == {
            "We saw 3 requests end as ok, and the server counted 2.",
            "We saw 0 requests end as cancelled, and the server counted 1.",
        }

    def test_outcomes_that_do_not_add_up(self) -> None:
        after = account(RECORDS)
        after.outcomes.update(rejected=1)
        assert "The server's outcomes (3 + 1) do not add up to its 5 requests." in disagreements(RECORDS, after)

    def test_a_request_still_in_flight(self) -> None:
        assert disagreements(RECORDS, replace(account(RECORDS), in_flight=1)) == {
            "All is quiet, and the server says that 1 requests are in flight."
        }

    def test_a_wrong_error_type(self) -> None:
        after = account(RECORDS)
        after.errors.update(unknown_voice=0, internal_error=1)
        assert disagreements(RECORDS, after) == {
            "We saw 1 errors of type unknown_voice, and the server counted 0.",
            "We saw 0 errors of type internal_error, and the server counted 1.",
        }

    def test_a_request_in_the_wrong_range(self) -> None:
        after = account(RECORDS)
        after.words.update({"1-10": Statistics(2, 0.5), "11-25": Statistics(1, 0.2)})
        assert disagreements(RECORDS, after) == {
            "We saw 3 requests of 1-10 words end ok, and the server counted 2.",
            "We saw 0 requests of 11-25 words end ok, and the server counted 1.",
        }

    def test_a_range_that_we_do_not_know(self) -> None:
        after = account(RECORDS)
        after.words["0"] = Statistics(1, 0.2)
        assert disagreements(RECORDS, after) == {"We saw 0 requests of 0 words end ok, and the server counted 1."}

    def test_durations_longer_than_the_client_waited(self) -> None:
        sentences = disagreements(RECORDS, account(RECORDS, factor=1.5))
        assert {sentence.partition(" is ")[0] for sentence in sentences} == {
            f"The {figure} of {subject}"
            for figure in ("average", "p95", "maximum")
            for subject in ("1-10 words", "1-50 characters")
        }

    def test_an_average_that_is_too_short(self) -> None:
        records = [ok(2.0)]
        share = (2.0 * (1 - AVERAGE.share) - AVERAGE.seconds) / 2.0
        assert disagreements(records, account(records, factor=share + 0.001)) == set()
        assert any(
            "The average of 1-10 words is 2.000 s" in sentence
            for sentence in disagreements(records, account(records, share - 0.001))
        )

    def test_a_quantile_within_its_accuracy_is_no_disagreement(self) -> None:
        after = account(RECORDS, factor=1.0)
        after.words["1-10"] = replace(after.words["1-10"], p95=0.4 * 1.009)
        assert disagreements(RECORDS, after) == set()

    def test_faults_of_single_answers(self) -> None:
        records = [replace(ok(0.2), faults=(f"the audio is silent: {name}",), request_id=name) for name in ("a", "b")]
        assert disagreements(records, account(records)) == {
            "2 answers, the first to request a: the audio is silent: a."
        }


def disagreements(records: Sequence[Record], after: Snapshot) -> set[str]:
    return set(compare(records, NOTHING, after))


class TestRepeats:
    def requests(self) -> list[PlannedRequest]:
        return with_repeats(random.Random(1), plan(random.Random(1), PAIRS, 20))

    def test_come_after_their_original_and_ask_for_the_same_audio(self) -> None:
        first: dict[int | None, PlannedRequest] = {}
        repeats = 0
        for request in self.requests():
            if request.clip is None:
                continue
            original = first.setdefault(request.clip, request)
            if request is not original:
                repeats += 1
                assert spoken_fields(request) == spoken_fields(original)
                assert request.fresh or request.stream != original.stream
        assert repeats > 10

    def test_nothing_of_the_plan_is_lost(self) -> None:
        bodies = {request.body for request in self.requests()}
        assert bodies > {request.body for request in plan(random.Random(1), PAIRS, 20)}

    def test_some_come_at_once_and_some_pass_the_cache_by(self) -> None:
        requests = self.requests()
        assert {request.times for request in requests if request.clip is not None} == {1, CONCURRENT}
        assert {request.times for request in requests if request.clip is None} == {1}
        fresh = [request for request in requests if request.fresh]
        assert fresh
        assert [json.loads(request.body).get("cache") for request in fresh] == [False] * len(fresh)


def spoken_fields(request: PlannedRequest) -> dict[str, object]:
    fields = json.loads(request.body)
    return {name: fields[name] for name in ("text", "voice_name", "language", "speed")}


def audio_record(clip: int, cache: str, at: float, provider: str = "coqui", *, fresh: bool = False) -> Record:
    return replace(ok(0.5), clip=clip, cache=cache, started_at=at, provider=provider, fresh=fresh)


ANSWERS = [
    audio_record(1, "miss", 0.0),
    audio_record(1, "coalesced", 0.1),
    audio_record(1, "hit", 2.0),
    audio_record(1, "bypass", 3.0, fresh=True),
    audio_record(2, "bypass", 4.0),
    audio_record(2, "bypass", 6.0),
    *(audio_record(number, "miss", number) for number in range(10, 30)),
    refused(),
]
"""Two requests for a clip at once, two later, one of them past the cache; a clip too long to be kept, twice; others."""


def bodies(
    records: Sequence[Record], failures: int = 0, fallbacks: Sequence[Fallback] = ()
) -> tuple[dict[str, object], str]:
    """What a truthful server would say in /metrics and /prometheus that saw these requests, and nothing else."""
    cache = Counter(record.cache for record in records if record.cache)
    attempts = Counter(record.provider for record in records if record.cache in ("miss", "bypass"))
    counts = {"coqui": attempts["coqui"] + failures, "onnx": attempts["onnx"]}
    rates = {"coqui": 1 - failures / counts["coqui"] if counts["coqui"] >= 20 else None, "onnx": None}
    looked_up = cache.total() - cache["bypass"]
    summary = {
        "cache": {
            **{result: cache[result] for result in ("hit", "miss", "coalesced", "bypass")},
            "hit_rate": cache["hit"] / looked_up if looked_up else None,
            "bytes": 0,
            "entries": 0,
            "evictions": 0,
        },
        "providers": {
            name: {"available": True, "window": {"attempts": counts[name], "success_rate": rates[name]}}
            for name in ("coqui", "onnx")
        },
        "degraded": [],
    }
    outcomes = Counter(record.outcome for record in records)
    lines = [
        *(f'tts_cache_requests_total{{result="{result}"}} {count}' for result, count in cache.items()),
        *(f'tts_requests_total{{outcome="{name}",voice_name="joe"}} {count}' for name, count in outcomes.items()),
        *(f'tts_provider_requests_total{{provider="{name}",outcome="ok"}} {attempts[name]}' for name in counts),
        f'tts_provider_requests_total{{provider="coqui",outcome="error"}} {failures}',
        *(f'tts_provider_available{{provider="{name}"}} 1' for name in counts),
        *(
            f'tts_provider_fallbacks_total{{from="{source}",to="{target}",reason="{reason}"}} {count}'
            for (source, target, reason), count in Counter(fallbacks).items()
        ),
        'tts_degraded{kind="latency",provider="coqui"} 0',
        'tts_audio_faults_total{fault="silent",voice_name="joe"} 0',
    ]
    return summary, "\n".join([*lines, ""])


def monitoring_of(records: Sequence[Record], failures: int = 0, fallbacks: Sequence[Fallback] = ()) -> Monitoring:
    return Monitoring.parse(*bodies(records, failures, fallbacks))


EMPTY_MONITORING = monitoring_of([])
TRUTH = monitoring_of(ANSWERS)
TO_ONNX = Fallback("coqui", "onnx", "error")


def disagreements_of(
    after: Monitoring, records: Sequence[Record] = ANSWERS, before: Monitoring = EMPTY_MONITORING
) -> set[str]:
    return set(compare_monitoring(records, before, after))


def of_coqui(**changes: object) -> Monitoring:
    return replace(TRUTH, providers=TRUTH.providers | {"coqui": replace(TRUTH.providers["coqui"], **changes)})


class TestMonitoring:
    def test_nothing_is_found_where_both_agree(self) -> None:
        assert disagreements_of(TRUTH) == set()
        assert findings(EMPTY_MONITORING, TRUTH, ANSWERS) == []

    def test_what_was_there_before_is_subtracted(self) -> None:
        earlier = [audio_record(1, "miss", -9.0), audio_record(1, "hit", -8.0)]
        assert disagreements_of(monitoring_of([*earlier, *ANSWERS]), before=monitoring_of(earlier)) == set()

    @pytest.mark.parametrize("result", ["hit", "miss", "coalesced", "bypass"])
    def test_a_cache_result_that_one_source_counts_wrong(self, result: str) -> None:
        count = TRUTH.prometheus_cache[result]
        assert disagreements_of(replace(TRUTH, prometheus_cache=TRUTH.prometheus_cache | {result: count + 1})) == {
            f"We saw {count} answers with the cache's result {result}, and /prometheus counted {count + 1}."
        }
        assert (
            f"We saw {count} answers with the cache's result {result}, and /metrics counted {count - 1}."
            in disagreements_of(replace(TRUTH, cache=TRUTH.cache | {result: count - 1}))
        )

    def test_a_hit_rate_that_does_not_follow(self) -> None:
        assert disagreements_of(replace(TRUTH, hit_rate=0.9)) == {
            "By /metrics 1 of 23 requests were hits, and the hit rate 0.9."
        }
        assert len(disagreements_of(replace(TRUTH, hit_rate=None))) == 1

    def test_a_request_without_audio_may_have_been_looked_up(self) -> None:
        busy = replace(refused("queue_full"), clip=40)
        after = replace(monitoring_of([*ANSWERS, busy]), cache=TRUTH.cache | {"miss": TRUTH.cache["miss"] + 1})
        lookups = sum(after.cache.values()) - after.cache["bypass"]
        assert disagreements_of(replace(after, hit_rate=1 / lookups), [*ANSWERS, busy]) == set()

    def test_answers_that_do_not_say_where_they_come_from(self) -> None:
        assert "1 answers with audio do not say what the cache had or who spoke." in disagreements_of(
            TRUTH, [*ANSWERS[1:], replace(ANSWERS[0], provider="")]
        )

    def test_outcomes_that_prometheus_has_wrong(self) -> None:
        assert disagreements_of(replace(TRUTH, outcomes=TRUTH.outcomes | {"error": 1})) == {
            "We saw 0 requests end as error, and /prometheus counted 1."
        }


class TestMonitoredClips:
    """What the answers' own results must be, whatever the counts say."""

    def disagreements_of(self, *records: Record, after: Monitoring | None = None) -> set[str]:
        return disagreements_of(after or monitoring_of(records), records)

    def test_a_text_made_again_later(self) -> None:
        sentence = "1 answers were made again, and the cache should have had them."
        for first in ("miss", "hit"):
            assert self.disagreements_of(audio_record(1, first, 0.0), audio_record(1, "miss", 2.0)) == {sentence}

    def test_equal_requests_at_once_that_were_made_twice(self) -> None:
        twice = (audio_record(1, "miss", 0.0), audio_record(1, "miss", 0.1), audio_record(1, "coalesced", 0.1))
        assert self.disagreements_of(*twice) == {"1 answers were made again, and the cache should have had them."}

    def test_a_stream_and_a_whole_answer_do_not_wait_for_each_other(self) -> None:
        stream = replace(audio_record(1, "miss", 0.0), stream=True)
        assert self.disagreements_of(stream, audio_record(1, "miss", 0.1)) == set()
        assert len(self.disagreements_of(stream, audio_record(1, "miss", 2.0))) == 1
        assert len(self.disagreements_of(stream, audio_record(1, "miss", 0.1), audio_record(1, "miss", 0.2))) == 1
        assert len(self.disagreements_of(stream, audio_record(1, "coalesced", 0.1))) == 1

    def test_an_evicted_clip_may_be_made_again(self) -> None:
        records = (audio_record(1, "miss", 0.0), audio_record(1, "miss", 2.0))
        assert self.disagreements_of(*records, after=replace(monitoring_of(records), evictions=1)) == set()

    def test_a_clip_with_a_fault_may_be_made_again(self) -> None:
        records = (audio_record(1, "miss", 0.0), audio_record(1, "miss", 2.0))
        assert self.disagreements_of(*records, after=replace(monitoring_of(records), audio_faults=1)) == set()

    def test_a_coalesced_answer_without_a_concurrent_request(self) -> None:
        assert self.disagreements_of(audio_record(1, "miss", 0.0), audio_record(1, "coalesced", 2.0)) == {
            "1 answers were coalesced with an equal request, and we sent none at that moment."
        }

    def test_a_hit_where_fresh_audio_was_asked_for(self) -> None:
        assert self.disagreements_of(audio_record(1, "miss", 0.0), audio_record(1, "hit", 2.0, fresh=True)) == {
            "1 of 1 requests with cache false were not made anew."
        }


class TestMonitoredProviders:
    def test_attempts_that_are_not_the_answers(self) -> None:
        generated = TRUTH.attempts["coqui"]["ok"]
        for count in (generated - 1, generated + 1):
            after = replace(TRUTH, attempts=TRUTH.attempts | {"coqui": {"ok": count}})
            assert (
                f"coqui made the audio of {generated} answers, and by /prometheus it was ok {count} times."
                in disagreements_of(after)
            )

    def test_a_provider_that_answered_and_is_not_available(self) -> None:
        away = replace(of_coqui(available=False), available=TRUTH.available | {"coqui": False})
        assert disagreements_of(away) == {"coqui spoke and never failed, and /metrics has it as not available."}

    def test_a_provider_that_is_available_in_one_source_only(self) -> None:
        assert disagreements_of(replace(TRUTH, available=TRUTH.available | {"onnx": False})) == {
            "onnx is available by /metrics and not so by /prometheus."
        }

    def test_a_provider_that_is_missing_in_one_source(self) -> None:
        assert disagreements_of(replace(TRUTH, available={"coqui": True})) == {
            "/prometheus does not say whether onnx is available."
        }
        assert disagreements_of(replace(TRUTH, providers={"coqui": TRUTH.providers["coqui"]})) == {
            "/metrics says nothing of onnx."
        }

    def test_a_window_with_more_or_fewer_attempts_than_there_were(self) -> None:
        for lie in (23, 25):
            assert disagreements_of(of_coqui(attempts=lie)) == {
                f"The window over coqui has {lie} attempts: there were 24 in this run, and 24 since the start."
            }

    def test_a_window_may_have_dropped_old_attempts(self) -> None:
        late = [*ANSWERS, audio_record(50, "miss", WINDOW_SECONDS)]
        after = monitoring_of(late)
        coqui = replace(after.providers["coqui"], attempts=20)
        assert disagreements_of(replace(after, providers=after.providers | {"coqui": coqui}), late) == set()

    def test_a_success_rate_that_does_not_follow(self) -> None:
        assert disagreements_of(of_coqui(success_rate=0.9)) == {
            "coqui's success rate is 90.00% of 24 by /metrics: by /prometheus 0 failed in this run, "
            "and 0 since the start."
        }
        assert disagreements_of(of_coqui(success_rate=None)) == {
            "The window over coqui has 24 attempts and the rate None."
        }

    def test_a_success_rate_that_hides_failures(self) -> None:
        records = [*ANSWERS, *(audio_record(number, "miss", number, "onnx") for number in (60, 61))]
        after = monitoring_of(records, failures=2, fallbacks=[TO_ONNX] * 2)
        assert disagreements_of(after, records) == set()
        perfect = replace(
            after, providers=after.providers | {"coqui": Provider(available=True, attempts=26, success_rate=1.0)}
        )
        assert disagreements_of(perfect, records) == {
            "coqui's success rate is 100.00% of 26 by /metrics: by /prometheus 2 failed in this run, "
            "and 2 since the start."
        }

    def test_fallbacks_without_an_answer(self) -> None:
        assert disagreements_of(replace(TRUTH, fallbacks={TO_ONNX: 1})) == {
            "onnx spoke for another provider in 0 answers, and by /prometheus requests went on to it 1 times."
        }

    def test_fallbacks_that_were_not_counted(self) -> None:
        records = [*ANSWERS, audio_record(60, "miss", 60.0, "onnx")]
        assert disagreements_of(monitoring_of(records, failures=1), records) == {
            "onnx spoke for another provider in 1 answers, and by /prometheus requests went on to it 0 times."
        }

    def test_the_usual_provider_of_a_voice_is_that_of_its_hits(self) -> None:
        records = [audio_record(1, "miss", 0.0, "onnx"), audio_record(1, "hit", 2.0, "onnx")]
        assert disagreements_of(monitoring_of(records), records) == set()

    def test_degradation_is_a_finding_unless_only_one_source_reports_it(self) -> None:
        kinds = frozenset({("latency", "coqui")})
        degraded = replace(TRUTH, degraded=kinds, prometheus_degraded=kinds)
        assert disagreements_of(degraded) == set()
        assert findings(EMPTY_MONITORING, degraded, ANSWERS) == ["coqui is degraded: latency."]
        assert disagreements_of(replace(TRUTH, degraded=kinds)) == {"coqui is degraded (latency) by /metrics alone."}
        assert disagreements_of(replace(TRUTH, prometheus_degraded=kinds)) == {
            "coqui is degraded (latency) by /prometheus alone."
        }

    def test_failures_and_fallbacks_are_findings(self) -> None:
        records = [*ANSWERS, audio_record(60, "miss", 60.0, "onnx")]
        after = monitoring_of(records, failures=1, fallbacks=[TO_ONNX])
        assert findings(EMPTY_MONITORING, after, records) == [
            "1 attempts of coqui failed.",
            "1 requests went on from coqui to onnx: error.",
        ]

    def test_the_report_has_the_counts_of_answers_and_server(self) -> None:
        row = MonitoringCheck.compile(ANSWERS, EMPTY_MONITORING, TRUTH, []).row()
        assert {row["result"]: (row["answers"], row["metrics"], row["prometheus"]) for row in row["cache"]} == {
            "hit": (1, 1, 1),
            "miss": (21, 21, 21),
            "coalesced": (1, 1, 1),
            "bypass": (3, 3, 3),
        }
        assert [(row["provider"], row["answers"], row["ok"]) for row in row["providers"]] == [
            ("coqui", 24, 24),
            ("onnx", 0, 0),
        ]
        assert (row["success_rate"], row["server_success_rate"]) == (1.0, 1.0)

    def test_a_summary_with_another_shape_is_refused(self) -> None:
        with pytest.raises(KeyError):
            Monitoring.parse({"cache": {}}, "")


GOOD = PlannedRequest(b"{}", HELLO, "joe", "en")
HEADERS = {
    "X-Request-ID": "b3f1",
    "X-Trace-ID": "0af7651916cd43dd8448eb211c80319c",
    "X-TTS-Word-Count-Range": "1-10",
    "X-TTS-Character-Count-Range": "1-50",
    "Server-Timing": "queue;dur=1.5, infer;dur=150.25, total;dur=160",
}


def wav(seconds: float = 2.0, loudness: float = 0.1, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        tone = np.sin(np.arange(int(seconds * RATE)) / 20) * loudness * 2**0.5 * 32767
        writer.writeframes(tone.astype("<i2").repeat(channels).tobytes())
    return file.getvalue()


def streamed(data: bytes) -> bytes:
    """The same file as a stream writes it, with sizes it does not know yet."""
    return data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]


def answer(status: int = 200, body: bytes | None = None, seconds: float = 0.2, **headers: str | None) -> Answer:
    all_headers = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    present = CIMultiDict({name: value for name, value in all_headers.items() if value is not None})
    return Answer(status, CIMultiDictProxy(present), wav() if body is None else body, 0.0, 0.1, seconds)


def error(code: str) -> bytes:
    return json.dumps(
        {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": code}}
    ).encode()


class TestClient:
    def test_a_good_answer_has_no_fault(self) -> None:
        record = check_answer(GOOD, answer())
        assert (record.outcome, record.faults, record.audio_seconds) == ("ok", (), 2.0)
        assert record.stages == {"queue": 1.5, "infer": 150.25, "total": 160.0}

    def test_an_answer_says_where_its_audio_comes_from(self) -> None:
        record = check_answer(replace(GOOD, clip=3, fresh=True), answer(X_TTS_Cache="bypass", X_TTS_Provider="onnx"))
        assert (record.clip, record.fresh, record.cache, record.provider) == (3, True, "bypass", "onnx")

    def test_a_stream_has_neither_length_nor_total(self) -> None:
        reply = answer(body=streamed(wav()), Server_Timing="queue;dur=1.5")
        assert check_answer(replace(GOOD, stream=True), reply).faults == ()
        assert check_answer(GOOD, reply).faults == ("the header Server-Timing has no total",)

    @pytest.mark.parametrize(
        ("reply", "fault"),
        [
            (answer(body=wav(loudness=0.001)), "the audio is silent"),
            (answer(body=wav(seconds=0.1)), "does not suit its text: 0.1 s for 28 characters"),
            (answer(body=wav(seconds=60)), "does not suit its text: 60.0 s for 28 characters"),
            (answer(body=b"ID3"), "not a 16 bit mono WAV"),
            (answer(X_TTS_Word_Count_Range="11-25"), "X-TTS-Word-Count-Range is wrong: 11-25, and by our count 1-10"),
            (answer(X_TTS_Character_Count_Range=None), "X-TTS-Character-Count-Range is wrong: missing"),
            (answer(X_Trace_ID="12"), "the header X-Trace-ID is not as it should be: 12"),
            (answer(X_Request_ID=None), "the header X-Request-ID is not as it should be: missing"),
            (answer(Server_Timing=None), "Server-Timing has no stages"),
            (answer(seconds=0.1), "Server-Timing says more than we waited: 160 ms of 100 ms"),
            (answer(status=500, body=error("engine_failed")), "a good request came to 500 engine_failed"),
            (answer(status=404, body=b"<h1>Not Found</h1>"), "a good request came to 404 None"),
        ],
    )
    def test_every_fault_is_found(self, reply: Answer, fault: str) -> None:
        assert any(fault in disagreements_of for disagreements_of in check_answer(GOOD, reply).faults)

    def test_overload_is_a_rejection_and_not_a_fault(self) -> None:
        record = check_answer(GOOD, answer(status=429, body=error("queue_full")))
        assert (record.outcome, record.error_type, record.faults) == ("rejected", "queue_full", ())

    def test_a_bad_request_must_be_refused_as_it_should(self) -> None:
        bad = BAD_REQUESTS[0].request()
        assert check_answer(bad, answer(status=404, body=error("unknown_voice"))).faults == ()
        assert check_answer(bad, answer(status=422, body=error("invalid_request"))).faults == (
            "a bad request came to 422 invalid_request, and it should be 404 unknown_voice",
        )
        assert check_answer(bad, answer()).faults == (
            "a bad request came to 200 None, and it should be 404 unknown_voice",
        )


class TestRecording:
    def test_is_read_with_and_without_a_known_length(self) -> None:
        for data in (wav(), streamed(wav())):
            recording = read_wav(data)
            assert (recording.sample_rate, recording.seconds) == (RATE, 2.0)
            assert recording.loudness == pytest.approx(0.1, rel=0.01)

    @pytest.mark.parametrize(
        ("data", "complaint"),
        [
            (b"", "does not begin"),
            (wav()[:-2], "promises"),
            (wav(channels=2), "2 channels"),
            (wav()[:12], "no data"),
            (wav()[:12] + struct.pack("<4sI", b"data", 0), "before its format"),
            (wav(seconds=0), "0 bytes"),
        ],
    )
    def test_broken_files_are_named(self, data: bytes, complaint: str) -> None:
        with pytest.raises(WavError, match=complaint):
            read_wav(data)
