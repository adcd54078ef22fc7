"""What the client's records say about the server's cache and providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.clients.client import Record
from bench.targets.monitoring import Monitoring

GENERATED = ("miss", "bypass")
"""Cache results of answers whose audio was generated for this request: its provider made one attempt that ended ok."""


def with_audio(records: Sequence[Record]) -> list[Record]:
    """Returns the records of answers with audio."""
    return [record for record in records if record.outcome == "ok"]


def ambiguous_count(records: Sequence[Record]) -> int:
    """Returns the number of valid requests without audio.

    The server may have looked up or generated their clip, and the answer does not say so.
    """
    return sum(record.clip is not None and record.outcome != "ok" for record in records)


def generated_answers(records: Sequence[Record]) -> Counter[str]:
    """Returns the number of answers whose audio was generated for them, by provider."""
    return Counter(record.provider for record in with_audio(records) if record.cache in GENERATED and record.provider)


def provider_names(records: Sequence[Record], after: Monitoring) -> list[str]:
    """Returns every provider that the records or the server name, in the server's order."""
    return list(dict.fromkeys((*after.providers, *after.attempts, *sorted(generated_answers(records)))))


def first_providers(records: Sequence[Record], after: Monitoring) -> dict[str, str]:
    """Returns the preferred provider of each voice: that of its hits, else the first one of the server."""
    first = next(iter(after.providers), "")
    voices = {record.voice: first for record in with_audio(records)}
    return voices | {record.voice: record.provider for record in with_audio(records) if record.cache == "hit"}


def fallback_answers(records: Sequence[Record], after: Monitoring) -> Counter[str]:
    """Returns the number of answers from another provider than the voice's preferred one, by provider."""
    first = first_providers(records, after)
    return Counter(
        record.provider
        for record in with_audio(records)
        if record.cache in GENERATED and record.provider and record.provider != first[record.voice]
    )


def regenerated_count(clip: Sequence[Record]) -> int:
    """Returns how many answers were generated although their audio was in the cache, or on its way.

    clip: records of requests for the same audio. If none of them used the cache, the count is 0. A stream and a whole
    answer do not share a synthesis: of concurrent requests, one of each kind may be generated.
    """
    if all(record.cache == "bypass" for record in clip):
        return 0
    generated = [record for record in clip if record.cache in GENERATED]
    first_kinds = {record.stream for record in generated if not any(ended_before(other, record) for other in clip)}
    return len(generated) - len(first_kinds)


def has_concurrent(record: Record, clip: Sequence[Record]) -> bool:
    """Returns whether another request for the same audio, of the same kind, was in flight at the same time."""
    return any(
        other.stream == record.stream and not ended_before(other, record) and not ended_before(record, other)
        for other in clip
        if other is not record
    )


def ended_before(record: Record, other: Record) -> bool:
    """Returns whether the record was answered before the other request was sent."""
    return record.started_at + record.seconds < other.started_at


def elapsed_seconds(records: Sequence[Record]) -> float:
    """Returns the seconds from the first request to the last answer."""
    ends = [record.started_at + record.seconds for record in records]
    return max(ends) - min(record.started_at for record in records) if records else 0.0
