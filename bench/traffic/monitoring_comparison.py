"""Compares what the server says of its cache and providers with the answers; each disagreement is one sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import isclose

from bench.clients.client import Record
from bench.targets.monitoring import FAILURES, FAULTY, RESULTS, Monitoring, increase
from bench.traffic.records import (
    ambiguous_count,
    elapsed_seconds,
    fallback_answers,
    generated_answers,
    has_concurrent,
    provider_names,
    regenerated_count,
    with_audio,
)

WINDOW_SECONDS = 300.0
"""The length of the server's window over a provider's attempts."""
WINDOW_ATTEMPTS = 2000
"""The maximum number of attempts in that window."""
UPDATE_SECONDS = 15.0
"""The maximum time since the server's last update of the window, including our own wait for it."""
MIN_RATE_ATTEMPTS = 20
"""The minimum number of attempts for which the server gives a success rate."""
ROUNDING = 0.0001
"""The resolution of the rates in /metrics, which have four digits."""


def compare_monitoring(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Returns every disagreement between the records and the server's counts between the two times."""
    names = provider_names(records, after)
    return [
        *compare_answers(records),
        *compare_cache(records, before, after),
        *compare_clips(records, before, after),
        *compare_outcomes(records, before, after),
        *(sentence for name in names for sentence in compare_provider(name, records, before, after)),
        *compare_fallbacks(records, before, after),
        *compare_degraded(after),
    ]


def compare_answers(records: Sequence[Record]) -> list[str]:
    """Every answer with audio must name its cache result and its provider."""
    unlabelled = sum(record.cache not in RESULTS or not record.provider for record in with_audio(records))
    return [f"{unlabelled} answers with audio do not say what the cache had or who spoke."] if unlabelled else []


def compare_cache(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """The cache's results in /metrics and in /prometheus must match the answers, and the hit rate must match both."""
    answers, ambiguous = Counter(record.cache for record in with_audio(records)), ambiguous_count(records)
    sentences = []
    for path, counted in (
        ("/metrics", increase(after.cache, before.cache)),
        ("/prometheus", increase(after.prometheus_cache, before.prometheus_cache)),
    ):
        sentences += [
            f"We saw {answers[result]} answers with the cache's result {result}, and {path} counted {counted[result]}."
            for result in sorted(set(RESULTS) | counted.keys())
            if not answers[result] <= counted[result] <= answers[result] + ambiguous
        ]
    lookups = sum(after.cache.values()) - after.cache["bypass"]
    hit_rate = after.cache["hit"] / lookups if lookups else None
    if not is_equal(hit_rate, after.hit_rate):
        sentences.append(
            f"By /metrics {after.cache['hit']} of {lookups} requests were hits, and the hit rate {after.hit_rate}."
        )
    return sentences


def compare_clips(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """A repeated text must be a hit or coalesced.

    It may be generated again if clips were evicted, came from a fallback, or had a fault that kept them out of the
    cache.
    """
    fresh = [record for record in with_audio(records) if record.fresh]
    cached = sum(record.cache != "bypass" for record in fresh)
    sentences = [f"{cached} of {len(fresh)} requests with cache false were not made anew."] if cached else []
    clips: dict[int, list[Record]] = defaultdict(list)
    for record in with_audio(records):
        if record.clip is not None and not record.fresh:
            clips[record.clip].append(record)
    single = sum(
        record.cache == "coalesced" and not has_concurrent(record, clip) for clip in clips.values() for record in clip
    )
    if single:
        sentences.append(f"{single} answers were coalesced with an equal request, and we sent none at that moment.")
    may_be_missing = (
        after.fallbacks != before.fallbacks
        or after.evictions > before.evictions
        or after.audio_faults != before.audio_faults
    )
    regenerated = 0 if may_be_missing else sum(regenerated_count(clip) for clip in clips.values())
    if regenerated:
        sentences.append(f"{regenerated} answers were made again, and the cache should have had them.")
    return sentences


def compare_outcomes(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """The outcomes in /prometheus must match the records; agreement.py compares those in /metrics."""
    outcomes = Counter(str(record.outcome) for record in records)
    counted = increase(after.outcomes, before.outcomes)
    return [
        f"We saw {outcomes[name]} requests end as {name}, and /prometheus counted {counted[name]}."
        for name in sorted(outcomes.keys() | counted.keys())
        if outcomes[name] != counted[name]
    ]


def compare_provider(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """A provider's attempts, availability and success rate must match its answers."""
    generated, ambiguous = generated_answers(records)[name], ambiguous_count(records)
    attempts = increase(after.attempts.get(name, {}), before.attempts.get(name, {}))
    sentences = []
    if not generated <= attempts["ok"] <= generated + ambiguous:
        sentences.append(
            f"{name} made the audio of {generated} answers, and by /prometheus it was ok {attempts['ok']} times."
        )
    provider = after.providers.get(name)
    if provider is None:
        return [*sentences, f"/metrics says nothing of {name}."]
    if name not in after.available:
        return [*sentences, f"/prometheus does not say whether {name} is available."]
    if provider.available != after.available[name]:
        sentences.append(f"{name} is {availability(provider.available)} by /metrics and not so by /prometheus.")
    if generated and not provider.available and not any(attempts[outcome] for outcome in (*FAILURES, FAULTY)):
        sentences.append(f"{name} spoke and never failed, and /metrics has it as {availability(False)}.")
    return sentences + compare_window(name, records, before, after)


def compare_window(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """The window must hold this run's attempts, unless the run was longer, and no more than all attempts."""
    window = after.providers[name]
    attempts = after.judged_attempts(name) - before.judged_attempts(name)
    failures = after.failures(name) - before.failures(name)
    if attempts > WINDOW_ATTEMPTS or elapsed_seconds(records) > WINDOW_SECONDS - UPDATE_SECONDS:
        attempts = failures = 0
    sentences = []
    if not attempts <= window.attempts <= after.judged_attempts(name):
        sentences.append(
            f"The window over {name} has {window.attempts} attempts: there were {attempts} in this run, "
            f"and {after.judged_attempts(name)} since the start."
        )
    if (window.success_rate is None) != (window.attempts < MIN_RATE_ATTEMPTS):
        sentences.append(f"The window over {name} has {window.attempts} attempts and the rate {window.success_rate}.")
    elif window.success_rate is not None:
        window_failures = (1 - window.success_rate) * window.attempts
        error = ROUNDING * window.attempts
        if not failures - error <= window_failures <= after.failures(name) + error:
            sentences.append(
                f"{name}'s success rate is {window.success_rate:.2%} of {window.attempts} by /metrics: by /prometheus "
                f"{failures} failed in this run, and {after.failures(name)} since the start."
            )
    return sentences


def compare_fallbacks(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Each fallback to a provider must be an answer from it, or an attempt of it that was not ok."""
    answers, ambiguous = fallback_answers(records, after), ambiguous_count(records)
    counted: Counter[str] = Counter()
    for fallback, count in increase(after.fallbacks, before.fallbacks).items():
        counted[fallback.to_provider] += count
    sentences = []
    for name in sorted(answers.keys() | counted.keys()):
        attempts = increase(after.attempts.get(name, {}), before.attempts.get(name, {}))
        unsuccessful = attempts.total() - attempts["ok"]
        if not answers[name] <= counted[name] <= answers[name] + unsuccessful + ambiguous:
            sentences.append(
                f"{name} spoke for another provider in {answers[name]} answers, "
                f"and by /prometheus requests went on to it {counted[name]} times."
            )
    return sentences


def compare_degraded(after: Monitoring) -> list[str]:
    """The degraded providers must be the same in /metrics and /prometheus; that they are degraded is a finding."""
    return [
        f"{provider} is degraded ({kind}) by {path} alone."
        for path, degraded in (
            ("/metrics", after.degraded - after.prometheus_degraded),
            ("/prometheus", after.prometheus_degraded - after.degraded),
        )
        for kind, provider in sorted(degraded)
    ]


def findings(before: Monitoring, after: Monitoring, records: Sequence[Record]) -> list[str]:
    """Returns the problems that the server itself reports: degraded providers, failed attempts, and fallbacks."""
    failures = {name: after.failures(name) - before.failures(name) for name in provider_names(records, after)}
    fallbacks = increase(after.fallbacks, before.fallbacks)
    return [
        *(f"{provider} is degraded: {kind}." for kind, provider in sorted(after.degraded)),
        *(f"{count} attempts of {name} failed." for name, count in failures.items() if count),
        *(
            f"{count} requests went on from {fallback.from_provider} to {fallback.to_provider}: {fallback.reason}."
            for fallback, count in sorted(fallbacks.items())
        ),
    ]


def is_equal(rate: float | None, other: float | None) -> bool:
    """Returns whether two rates are equal but for rounding, or both None."""
    if rate is None or other is None:
        return rate is other
    return isclose(rate, other, abs_tol=ROUNDING)


def availability(available: bool) -> str:
    """Returns the availability of a provider in words."""
    return "available" if available else "not available"
