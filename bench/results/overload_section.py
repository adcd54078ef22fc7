"""The section of overload in the results: what was promised, what became of every request, and vanished clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.clients.figures import Figures, median, percentile
from bench.clients.load import UNANSWERED, Reply, Turn
from bench.clients.recording import read_wav
from bench.results.file import Promise, number, promises, table
from bench.results.machine import Machine
from bench.targets.processor import Processor
from bench.targets.vanishing import Vanishings

SERVED, REJECTED = 200, 429
SETTLING_SECONDS = 2.0
"""The queue fills in these; throughput under overload is counted after them."""
STAGES = {
    "streaming": "while its audio streams",
    "synthesis": "while its whole clip is made",
    "queue": "while it waits in the queue",
}


@dataclass(frozen=True, slots=True)
class Flood:
    """More requests than the server can serve."""

    busy: Figures
    """What it did when it was busy, but not overloaded."""
    turn: Turn
    health: tuple[float, ...]
    """Seconds of every answer of /health meanwhile."""
    counted: Mapping[str, int]
    """Requests by outcome, by the server's own account."""
    processor: Processor
    """Whose time it was while the overload lasted."""

    @property
    def offered(self) -> float:
        """Requests per second that were sent."""
        return len(self.turn.replies) / self.turn.seconds

    @property
    def audio_per_second(self) -> float:
        """Seconds of audio from the model in a second, in answers while the overload lasted and the queue was full.

        Not requests: what is let in is not quite as long as what was asked for.
        """
        first = min((reply.begun for reply in self.turn.replies), default=0.0)
        begun, ended = first + SETTLING_SECONDS, first + self.turn.seconds
        served = [reply for reply in self.of(SERVED) if begun <= reply.ended <= ended]
        return sum(read_wav(reply.body).sounding_seconds for reply in served) / (ended - begun)

    @property
    def uncounted(self) -> int:
        """Requests by which the server's account differs from ours, or that got no answer."""
        ours = {"ok": len(self.of(SERVED)), "rejected": len(self.of(REJECTED))}
        differences = sum(abs(count - self.counted.get(outcome, 0)) for outcome, count in ours.items())
        return differences + len(self.of(UNANSWERED))

    def of(self, status: int) -> list[Reply]:
        """The replies with this status."""
        return [reply for reply in self.turn.replies if reply.status == status]

    def times(self, status: int) -> list[float]:
        """How long those took."""
        return [reply.seconds for reply in self.of(status)]


def render(flood: Flood, vanishings: Vanishings, machine: Machine, words: int, clients: int) -> str:
    """The section as Markdown."""
    parts = [
        "## Overload, and clients that vanish",
        f"{machine.describe()} Texts of {words} words. Busy: {clients} clients, each waits for its answer; "
        f"{number(flood.busy.requests_per_second)} requests/s. Overload: {number(flood.offered)} requests/s for "
        f"{flood.turn.seconds:.0f} s, sent whatever the answers; the client that sends them runs on the same cores.",
        promises(kept(flood, vanishings)),
        processor_account(flood),
        f"### What became of {len(flood.turn.replies)} requests\n\n{answers_table(flood)}",
        f"### Vanished clients: to a free place, and to the next one's first audio\n\n{vanishings_table(vanishings)}",
    ]
    return "\n\n".join(parts)


def kept(flood: Flood, vanishings: Vanishings) -> list[Promise]:
    """What is promised of a server with too much to do."""
    rejections = [seconds * 1000 for seconds in flood.times(REJECTED)]
    health = [seconds * 1000 for seconds in flood.health]
    without = [reply for reply in flood.of(REJECTED) if reply.retry_after is None]
    freed = max(one.freed for one in vanishings.clients)
    later = max(one.next_first_audio or 0.0 for one in vanishings.clients) - median(vanishings.idle_first_audio)
    chunk = max(seconds for one in vanishings.clients for seconds in one.chunks)
    return [
        Promise("time to a rejection, p50", percentile(rejections, 0.5), " ms", at_most=10.0),
        Promise("time to a rejection, p99", percentile(rejections, 0.99), " ms", at_most=10.0),
        Promise(
            "audio/s served under overload, against busy",
            flood.audio_per_second / flood.busy.audio_per_second,
            "x",
            at_least=0.95,
        ),
        Promise("/health under overload, p99", percentile(health, 0.99), " ms", at_most=50.0),
        Promise("requests without an answer, or not in the server's account", flood.uncounted, "", at_most=0),
        Promise("rejections without Retry-After", len(without), "", at_most=0),
        Promise("a vanished client's place is free, in chunks", freed / chunk, "x", at_most=1.0),
        Promise("first audio of the next client is later by, in chunks", later / chunk, "x", at_most=1.0),
    ]


def processor_account(flood: Flood) -> str:
    """Where the machine's time goes, since the client and the refusals share it with the speech."""
    used, refused = flood.processor, len(flood.of(REJECTED)) / flood.turn.seconds
    each = (
        f" ({number(used.loop / refused * 1000)} ms for each of {number(refused)} refusals a second)" if refused else ""
    )
    return (
        f"Of {used.cores} cores, while the overload lasted: {number(used.engine)} for speech, "
        f"{number(used.loop)} for the event loop{each}, {number(used.others)} for the server's other threads, "
        f"{number(used.client)} for the client, "
        f"{number(max(0.0, used.rest))} idle."
    )


def answers_table(flood: Flood) -> str:
    """Requests by status, with their times."""
    statuses = Counter(reply.status for reply in flood.turn.replies)
    rows = [
        (
            "unanswered" if status == UNANSWERED else str(status),
            str(count),
            *(number(percentile(flood.times(status), share) * 1000) for share in (0.5, 0.95, 0.99)),
        )
        for status, count in sorted(statuses.items())
    ]
    health = [seconds * 1000 for seconds in flood.health]
    asked = ("/health", str(len(health)), *(number(percentile(health, share)) for share in (0.5, 0.95, 0.99)))
    return table(("status", "requests", "p50 ms", "p95 ms", "p99 ms"), [*rows, asked])


def vanishings_table(vanishings: Vanishings) -> str:
    """Times to a free place and to the next client's first audio, beside an idle server and what a chunk takes."""
    rows = []
    for stage, text in STAGES.items():
        left = [one for one in vanishings.clients if one.stage == stage]
        heard = [one.next_first_audio for one in left if one.next_first_audio is not None]
        rows.append((text, str(len(left)), *times([one.freed for one in left]), *times(heard)))
    idle = vanishings.idle_first_audio
    rows.append(("for comparison: an idle server", str(len(idle)), "", "", *times(idle)))
    chunks = [seconds for one in vanishings.clients for seconds in one.chunks]
    rows.append(("for comparison: one chunk", str(len(chunks)), *times(chunks), "", ""))
    head = ("it vanishes", "times", "place free p50 ms", "longest", "next first audio p50 ms", "longest")
    return table(head, rows)


def times(seconds: Sequence[float]) -> tuple[str, str]:
    """Median and longest, in milliseconds."""
    return number(percentile(seconds, 0.5) * 1000), number(percentile(seconds, 1.0) * 1000)
