"""Does what the server says of its cache and providers agree with the answers? Each disagreement is one sentence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import isclose

from bench.clients.client import Record
from bench.targets.monitoring import FAILURES, FAULTY, RESULTS, Monitoring, growth

MADE = ("miss", "bypass")
"""Results whose audio was made for the very request, so that its provider made one attempt that ended ok."""
WINDOW_SECONDS = 300.0
"""Of the server's window over a provider's attempts."""
WINDOW_ATTEMPTS = 2000
"""The most that it holds."""
LOOK_SECONDS = 15.0
"""The window is as of the watch's last look, which is at most so long ago; the rest is for waiting here."""
RATE_ATTEMPTS = 20
"""Of fewer the server gives no success rate."""
ROUNDING = 0.0001
"""Of the rates in /metrics, which have four digits."""


def compare_monitoring(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Every disagreement between the records and what was counted between the two moments."""
    return [
        *compare_answers(records),
        *compare_cache(records, before, after),
        *compare_clips(records, before, after),
        *compare_outcomes(records, before, after),
        *(sentence for name in known(records, after) for sentence in compare_provider(name, records, before, after)),
        *compare_fallbacks(records, before, after),
        *compare_degraded(after),
    ]


def heard(records: Sequence[Record]) -> list[Record]:
    """Those that came with audio."""
    return [record for record in records if record.outcome == "ok"]


def unheard(records: Sequence[Record]) -> int:
    """Good requests without audio: the server may have looked for a clip, or made one, and the answer does not say."""
    return sum(record.clip is not None and record.outcome != "ok" for record in records)


def known(records: Sequence[Record], after: Monitoring) -> list[str]:
    """Every provider that either side names, in the server's order."""
    return list(dict.fromkeys((*after.providers, *after.attempts, *sorted(provider_counts(records)))))


def provider_counts(records: Sequence[Record]) -> Counter[str]:
    """Answers whose audio was made for them, by who made it."""
    return Counter(record.provider for record in heard(records) if record.cache in MADE and record.provider)


def compare_answers(records: Sequence[Record]) -> list[str]:
    """Every answer with audio says where it comes from."""
    silent = sum(record.cache not in RESULTS or not record.provider for record in heard(records))
    return [f"{silent} answers with audio do not say what the cache had or who spoke."] if silent else []


def compare_cache(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Results, in both accounts, and the rate that follows from them."""
    seen, spare = Counter(record.cache for record in heard(records)), unheard(records)
    sentences = []
    for place, later, earlier in (
        ("/metrics", after.cache, before.cache),
        ("/prometheus", after.counted, before.counted),
    ):
        counted = growth(later, earlier)
        sentences += [
            f"We saw {seen[result]} answers with the cache's result {result}, and {place} counted {counted[result]}."
            for result in sorted(set(RESULTS) | counted.keys())
            if not seen[result] <= counted[result] <= seen[result] + spare
        ]
    looked_up = sum(after.cache.values()) - after.cache["bypass"]
    rate = after.cache["hit"] / looked_up if looked_up else None
    if not same(rate, after.hit_rate):
        sentences.append(
            f"By /metrics {after.cache['hit']} of {looked_up} requests were hits, and the hit rate {after.hit_rate}."
        )
    return sentences


def compare_clips(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """What a repeated text must come to. Where a clip was pushed out, or not fit to be kept, it may be made again."""
    fresh = [record for record in heard(records) if record.fresh]
    passed = sum(record.cache != "bypass" for record in fresh)
    sentences = [f"{passed} of {len(fresh)} requests with cache false were not made anew."] if passed else []
    clips: dict[int, list[Record]] = defaultdict(list)
    for record in heard(records):
        if record.clip is not None and not record.fresh:
            clips[record.clip].append(record)
    alone = sum(
        record.cache == "coalesced" and not any(together(record, other) for other in clip if other is not record)
        for clip in clips.values()
        for record in clip
    )
    if alone:
        sentences.append(f"{alone} answers were coalesced with an equal request, and we sent none at that moment.")
    lost = after.fallbacks != before.fallbacks or after.evictions > before.evictions
    if not lost and after.audio_faults == before.audio_faults:
        again = sum(made_again(clip) for clip in clips.values())
        if again:
            sentences.append(f"{again} answers were made again, and the cache should have had them.")
    return sentences


def made_again(clip: Sequence[Record]) -> int:
    """How many answers were made though their audio was there, or on its way; none where all pass the cache by.

    Streams and whole answers do not wait for each other: of those at one moment, one of each kind may be made.
    """
    if all(record.cache == "bypass" for record in clip):
        return 0
    made = [record for record in clip if record.cache in MADE]
    due = {record.stream for record in made if not any(ended_before(other, record) for other in clip)}
    return len(made) - len(due)


def ended_before(one: Record, other: Record) -> bool:
    """Whether one was answered when the other was sent."""
    return one.started_at + one.seconds < other.started_at


def together(one: Record, other: Record) -> bool:
    """Whether both were under way at the same moment, and of one kind."""
    return one.stream == other.stream and not ended_before(one, other) and not ended_before(other, one)


def compare_outcomes(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Outcomes as Prometheus has them; /metrics is held against the records elsewhere."""
    seen = Counter(str(record.outcome) for record in records)
    counted = growth(after.outcomes, before.outcomes)
    return [
        f"We saw {seen[name]} requests end as {name}, and /prometheus counted {counted[name]}."
        for name in sorted(seen.keys() | counted.keys())
        if seen[name] != counted[name]
    ]


def compare_provider(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Attempts, availability and success rate of one provider."""
    spoke, spare = provider_counts(records)[name], unheard(records)
    attempts = growth(after.attempts.get(name, {}), before.attempts.get(name, {}))
    sentences = []
    if not spoke <= attempts["ok"] <= spoke + spare:
        sentences.append(
            f"{name} made the audio of {spoke} answers, and by /prometheus it was ok {attempts['ok']} times."
        )
    provider = after.providers.get(name)
    if provider is None:
        return [*sentences, f"/metrics says nothing of {name}."]
    if name not in after.available:
        return [*sentences, f"/prometheus does not say whether {name} is available."]
    if provider.available != after.available[name]:
        sentences.append(f"{name} is {status(provider.available)} by /metrics and not so by /prometheus.")
    if spoke and not provider.available and not any(attempts[outcome] for outcome in (*FAILURES, FAULTY)):
        sentences.append(f"{name} spoke and never failed, and /metrics has it as {status(False)}.")
    return sentences + compare_window(name, records, before, after)


def compare_window(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """The window holds this run's attempts, if it took no longer than that, and none that never were."""
    window = after.providers[name]
    attempts = after.judged(name) - before.judged(name)
    failures = after.failures(name) - before.failures(name)
    if attempts > WINDOW_ATTEMPTS or elapsed(records) > WINDOW_SECONDS - LOOK_SECONDS:
        attempts = failures = 0
    sentences = []
    if not attempts <= window.attempts <= after.judged(name):
        sentences.append(
            f"The window over {name} has {window.attempts} attempts: there were {attempts} in this run, "
            f"and {after.judged(name)} since the start."
        )
    if (window.success_rate is None) != (window.attempts < RATE_ATTEMPTS):
        sentences.append(f"The window over {name} has {window.attempts} attempts and the rate {window.success_rate}.")
    elif window.success_rate is not None:
        failed = (1 - window.success_rate) * window.attempts
        error = ROUNDING * window.attempts
        if not failures - error <= failed <= after.failures(name) + error:
            sentences.append(
                f"{name}'s success rate is {window.success_rate:.2%} of {window.attempts} by /metrics: by /prometheus "
                f"{failures} failed in this run, and {after.failures(name)} since the start."
            )
    return sentences


def elapsed(records: Sequence[Record]) -> float:
    """Seconds from the first request to the last answer."""
    ends = [record.started_at + record.seconds for record in records]
    return max(ends) - min(record.started_at for record in records) if records else 0.0


def first_choices(records: Sequence[Record], after: Monitoring) -> dict[str, str]:
    """The provider that is asked first for each voice: the one of its hits, else the first there is."""
    first = next(iter(after.providers), "")
    voices = {record.voice: first for record in heard(records)}
    return voices | {record.voice: record.provider for record in heard(records) if record.cache == "hit"}


def fallbacks_seen(records: Sequence[Record], after: Monitoring) -> Counter[str]:
    """Answers that another provider than the voice's first one made, by who made them."""
    first = first_choices(records, after)
    return Counter(
        record.provider
        for record in heard(records)
        if record.cache in MADE and record.provider and record.provider != first[record.voice]
    )


def compare_fallbacks(records: Sequence[Record], before: Monitoring, after: Monitoring) -> list[str]:
    """Whoever was fallen back to either spoke, which we saw, or made an attempt that came to nothing."""
    seen, spare = fallbacks_seen(records, after), unheard(records)
    counted: Counter[str] = Counter()
    for fallback, count in growth(after.fallbacks, before.fallbacks).items():
        counted[fallback.following] += count
    sentences = []
    for name in sorted(seen.keys() | counted.keys()):
        attempts = growth(after.attempts.get(name, {}), before.attempts.get(name, {}))
        vain = attempts.total() - attempts["ok"]
        if not seen[name] <= counted[name] <= seen[name] + vain + spare:
            sentences.append(
                f"{name} spoke for another provider in {seen[name]} answers, "
                f"and by /prometheus requests went on to it {counted[name]} times."
            )
    return sentences


def compare_degraded(after: Monitoring) -> list[str]:
    """Both accounts name the same; what they name is a finding, and no disagreement."""
    return [
        f"{provider} is degraded ({kind}) by {'/metrics' if known else '/prometheus'} alone."
        for known, named in ((True, after.degraded - after.gauged), (False, after.gauged - after.degraded))
        for kind, provider in sorted(named)
    ]


def findings(before: Monitoring, after: Monitoring, records: Sequence[Record]) -> list[str]:
    """What is not well with the server, though it says so itself."""
    degraded = [f"{provider} is degraded: {kind}." for kind, provider in sorted(after.degraded)]
    failed = {name: after.failures(name) - before.failures(name) for name in known(records, after)}
    fell = growth(after.fallbacks, before.fallbacks)
    return [
        *degraded,
        *(f"{count} attempts of {name} failed." for name, count in failed.items() if count),
        *(
            f"{count} requests went on from {one.failed} to {one.following}: {one.reason}."
            for one, count in sorted(fell.items())
        ),
    ]


def same(one: float | None, other: float | None) -> bool:
    """Equal as far as rounding goes, or both unknown."""
    if one is None or other is None:
        return one is other
    return isclose(one, other, abs_tol=ROUNDING)


def status(available: bool) -> str:
    """In a word."""
    return "available" if available else "not available"
