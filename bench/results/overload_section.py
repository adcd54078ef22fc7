"""The section of overload in the results: promises, requests by status, and vanished clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.clients.figures import Figures, median, percentile
from bench.clients.load import UNANSWERED, LoadRun, Reply
from bench.clients.recording import read_wav
from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine
from bench.targets.processor import ProcessorUsage
from bench.targets.vanishing import Vanishings

SERVED, REJECTED = 200, 429
SETTLING_SECONDS = 2.0
"""The time in which the queue fills; throughput under overload is counted after it."""
STAGES = {
    "streaming": "while its audio streams",
    "synthesis": "while its whole clip is made",
    "queue": "while it waits in the queue",
}


@dataclass(frozen=True, slots=True)
class OverloadResult:
    """The measurement of a server under overload."""

    busy: Figures
    """The figures of the server when it was busy, but not overloaded."""
    run: LoadRun
    health: tuple[float, ...]
    """The seconds of each answer of /health during the overload."""
    server_counts: Mapping[str, int]
    """Requests by outcome, as the server counted them."""
    processor: ProcessorUsage
    """The processor usage during the overload."""

    @property
    def offered(self) -> float:
        """The requests that were sent per second."""
        return len(self.run.replies) / self.run.seconds

    @property
    def audio_per_second(self) -> float:
        """The seconds of audio from the model in a second, in answers during the overload while the queue was full.

        Audio is counted and not requests: accepted texts are not quite as long as all texts.
        """
        first = min((reply.start for reply in self.run.replies), default=0.0)
        start, end = first + SETTLING_SECONDS, first + self.run.seconds
        served = [reply for reply in self.replies_with(SERVED) if start <= reply.end <= end]
        return sum(read_wav(reply.body).sounding_seconds for reply in served) / (end - start)

    @property
    def uncounted(self) -> int:
        """The requests without an answer, and those by which the server's counts differ from ours."""
        own_counts = {"ok": len(self.replies_with(SERVED)), "rejected": len(self.replies_with(REJECTED))}
        differences = sum(abs(count - self.server_counts.get(outcome, 0)) for outcome, count in own_counts.items())
        return differences + len(self.replies_with(UNANSWERED))

    def replies_with(self, status: int) -> list[Reply]:
        """Returns the replies with this status."""
        return [reply for reply in self.run.replies if reply.status == status]

    def seconds_of(self, status: int) -> list[float]:
        """Returns the seconds of the replies with this status."""
        return [reply.seconds for reply in self.replies_with(status)]


def render(result: OverloadResult, vanishings: Vanishings, machine: Machine, words: int, clients: int) -> str:
    """Returns the section as Markdown."""
    parts = [
        "## Overload, and clients that vanish",
        f"{machine.describe()} Texts of {words} words. Busy: {clients} clients, each waits for its answer; "
        f"{number(result.busy.requests_per_second)} requests/s. Overload: {number(result.offered)} requests/s for "
        f"{result.run.seconds:.0f} s, sent whatever the answers; the client that sends them runs on the same cores.",
        promise_table(overload_promises(result, vanishings)),
        processor_sentence(result),
        f"### What became of {len(result.run.replies)} requests\n\n{answers_table(result)}",
        f"### Vanished clients: to a free place, and to the next one's first audio\n\n{vanishings_table(vanishings)}",
    ]
    return "\n\n".join(parts)


def overload_promises(result: OverloadResult, vanishings: Vanishings) -> list[Promise]:
    """Returns the promises about an overloaded server."""
    rejections = [seconds * 1000 for seconds in result.seconds_of(REJECTED)]
    health = [seconds * 1000 for seconds in result.health]
    without_retry_after = [reply for reply in result.replies_with(REJECTED) if reply.retry_after is None]
    free_seconds = max(client.free_seconds for client in vanishings.clients)
    delay = max(client.next_first_audio or 0.0 for client in vanishings.clients) - median(vanishings.idle_first_audio)
    chunk = max(seconds for client in vanishings.clients for seconds in client.chunks)
    return [
        Promise("time to a rejection, p50", percentile(rejections, 0.5), " ms", at_most=10.0),
        Promise("time to a rejection, p99", percentile(rejections, 0.99), " ms", at_most=10.0),
        Promise(
            "audio/s served under overload, against busy",
            result.audio_per_second / result.busy.audio_per_second,
            "x",
            at_least=0.95,
        ),
        Promise("/health under overload, p99", percentile(health, 0.99), " ms", at_most=50.0),
        Promise("requests without an answer, or not in the server's account", result.uncounted, "", at_most=0),
        Promise("rejections without Retry-After", len(without_retry_after), "", at_most=0),
        Promise("a vanished client's place is free, in chunks", free_seconds / chunk, "x", at_most=1.0),
        Promise("first audio of the next client is later by, in chunks", delay / chunk, "x", at_most=1.0),
    ]


def processor_sentence(result: OverloadResult) -> str:
    """Returns a sentence about the processor usage, since client and rejections share the cores with synthesis."""
    usage, rejection_rate = result.processor, len(result.replies_with(REJECTED)) / result.run.seconds
    per_rejection = (
        f" ({number(usage.loop / rejection_rate * 1000)} ms for each of {number(rejection_rate)} refusals a second)"
        if rejection_rate
        else ""
    )
    return (
        f"Of {usage.cores} cores, while the overload lasted: {number(usage.engine)} for speech, "
        f"{number(usage.loop)} for the event loop{per_rejection}, "
        f"{number(usage.other_threads)} for the server's other threads, "
        f"{number(usage.client)} for the client, "
        f"{number(max(0.0, usage.idle))} idle."
    )


def answers_table(result: OverloadResult) -> str:
    """Returns a table of requests by status, with their times."""
    statuses = Counter(reply.status for reply in result.run.replies)
    rows = [
        (
            "unanswered" if status == UNANSWERED else str(status),
            str(count),
            *(number(percentile(result.seconds_of(status), share) * 1000) for share in (0.5, 0.95, 0.99)),
        )
        for status, count in sorted(statuses.items())
    ]
    health = [seconds * 1000 for seconds in result.health]
    health_row = ("/health", str(len(health)), *(number(percentile(health, share)) for share in (0.5, 0.95, 0.99)))
    return table(("status", "requests", "p50 ms", "p95 ms", "p99 ms"), [*rows, health_row])


def vanishings_table(vanishings: Vanishings) -> str:
    """Returns a table of the times to a free place and to the next client's first audio.

    It has the times of an idle server and of a chunk for comparison.
    """
    rows = []
    for stage, text in STAGES.items():
        clients = [client for client in vanishings.clients if client.stage == stage]
        next_times = [client.next_first_audio for client in clients if client.next_first_audio is not None]
        rows.append(
            (
                text,
                str(len(clients)),
                *median_and_maximum([client.free_seconds for client in clients]),
                *median_and_maximum(next_times),
            )
        )
    idle_times = vanishings.idle_first_audio
    rows.append(("for comparison: an idle server", str(len(idle_times)), "", "", *median_and_maximum(idle_times)))
    chunks = [seconds for client in vanishings.clients for seconds in client.chunks]
    rows.append(("for comparison: one chunk", str(len(chunks)), *median_and_maximum(chunks), "", ""))
    head = ("it vanishes", "times", "place free p50 ms", "longest", "next first audio p50 ms", "longest")
    return table(head, rows)


def median_and_maximum(seconds: Sequence[float]) -> tuple[str, str]:
    """Returns median and maximum in milliseconds."""
    return number(percentile(seconds, 0.5) * 1000), number(percentile(seconds, 1.0) * 1000)
