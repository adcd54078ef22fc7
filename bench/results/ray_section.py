"""The section of Ray in the results: throughput and first audio of replicas against the server alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.clients.figures import median, paired_ratio
from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine

ALONE, ONE_REPLICA, TWO_REPLICAS = "server alone", "1 replica", "2 replicas"
LEAST_GAIN = 1.6
"""The least throughput of two replicas, as a multiple of one's."""
LEAST_SHARE = 0.9
"""The least throughput of one replica, as a share of that of the server alone."""
MOST_DELAY = 0.015
"""The most seconds by which first audio is later than from the server alone."""


@dataclass(frozen=True, slots=True)
class RayRound:
    """The figures of one way in one round."""

    audio_per_second: float
    """Seconds of audio per second with all clients."""
    first_audio: float
    """The median time to first audio of one client, in seconds."""
    failures: int


def render(turns: Mapping[str, Sequence[RayRound]], clients: int, machine: Machine, load: float) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before it."""
    rows = [
        (
            name,
            number(median([turn.audio_per_second for turn in each])),
            number(1e3 * median([turn.first_audio for turn in each])),
            str(sum(turn.failures for turn in each)),
        )
        for name, each in turns.items()
    ]
    throughput = {name: [turn.audio_per_second for turn in each] for name, each in turns.items()}
    delays = [
        replica.first_audio - alone.first_audio for replica, alone in zip(turns[ONE_REPLICA], turns[ALONE], strict=True)
    ]
    promises = (
        Promise(
            "2 replicas against 1", paired_ratio(throughput[TWO_REPLICAS], throughput[ONE_REPLICA]), "x", LEAST_GAIN
        ),
        Promise(
            "1 replica against the server alone",
            paired_ratio(throughput[ONE_REPLICA], throughput[ALONE]),
            "x",
            LEAST_SHARE,
        ),
        Promise("first audio later by", 1e3 * median(delays), " ms", at_most=1e3 * MOST_DELAY),
    )
    return "\n\n".join(
        [
            "## Replicas in a Ray cluster",
            f"{machine.describe()} The server alone has one core, and so has each replica. Clients, the server before "
            f"the replicas and Ray's head node may use all of them. Throughput with {clients} clients that send one "
            "stream after the other; first audio with one client. The three take turns, "
            f"{len(turns[ALONE])} rounds; ratios are the medians of the rounds' own. Load average before: {load:.1f}.",
            table(("", "audio seconds per second", "first audio ms, median", "failed"), rows),
            promise_table(promises),
        ]
    )
