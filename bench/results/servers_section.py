"""The section of three servers in the results: promises, a table for each number of clients, and a plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.clients.figures import GFLOP_PER_AUDIO_SECOND, Figures, median, paired_ratio, percentile
from bench.results.file import Promise, number, promise_table, table
from bench.results.machine import Machine
from bench.results.plot import Series, bars
from bench.targets.process import Memory

PLOT = "servers.png"
BUSIEST = 16
"""The number of clients for which throughput is promised."""
TTSCOPE, STREAM, COQUI, PIPER = "ttscope", "ttscope, stream", "tts-server", "piper"
HEAD = ("", "requests/s", "audio s/s", "of peak", "p50 s", "p95 s", "first audio p50 s", "p95 s", "failed")


@dataclass(slots=True)
class ContenderFigures:
    """The figures of one contender."""

    name: str
    turns: dict[int, list[Figures]] = field(default_factory=dict)
    """The figures of each round, by number of clients."""
    probes: list[Figures] = field(default_factory=list)
    """The figures of each round for texts of 80 words and one client."""
    memory: Memory = field(default_factory=lambda: Memory(0, 0))

    def throughput(self, clients: int) -> list[float]:
        """Returns the requests per second of each round."""
        return [turn.requests_per_second for turn in self.turns[clients]]

    def first_audio(self) -> list[float]:
        """Returns the median time to first audio of 80 words in each round."""
        return [median(turn.first_audio) for turn in self.probes]

    def share_of_peak(self, clients: int, peak: float) -> float:
        """Returns the used share of the machine's matrix-multiply peak, as the median of the rounds."""
        return median([turn.share_of_peak(peak) for turn in self.turns[clients]])

    def audio_seconds(self) -> float:
        """Returns the seconds of audio from the model for all texts."""
        return sum(turn.model_seconds for turns in self.turns.values() for turn in turns)


def render(contenders: Sequence[ContenderFigures], peak: float, rounds: int, machine: Machine) -> str:
    """Returns the section as Markdown, and draws its plot."""
    by_name = {side.name: side for side in contenders}
    draw(contenders)
    clients = sorted(contenders[0].turns)
    parts = [
        "## Three servers, one voice",
        f"{machine.describe()} Matrix-multiply peak {number(peak)} GFLOP/s (float32, all cores), measured before each "
        f"round; the voice costs {GFLOP_PER_AUDIO_SECOND} GFLOP per second of audio.",
        f"Rounds: {rounds}. Throughput is the median of rounds, ratios are medians of the rounds' own ratios, "
        "latencies are of all requests. The servers take turns with the same texts (4 to 90 words, 28 in the mean); "
        "those that are not measured are stopped by SIGSTOP. `ttscope, stream` is the process of `ttscope`, asked with "
        '`"stream": true`; the others send nothing before all is done. Audio is what the model made: silence that a '
        "server puts between and after sentences is left out.",
        promise_table(server_promises(by_name, peak, machine)),
        f"![Requests per second, and time to first audio, by number of clients]({PLOT})",
        *(f"### {count} client{'s' * (count > 1)}\n\n{turns_table(contenders, count, peak)}" for count in clients),
        f"### Memory, and first audio of 80 words to one client\n\n{sizes_table(contenders)}",
    ]
    return "\n\n".join(parts)


def server_promises(sides: dict[str, ContenderFigures], peak: float, machine: Machine) -> list[Promise]:
    """Returns the promises about these servers."""
    ttscope, stream, coqui, piper = (sides[name] for name in (TTSCOPE, STREAM, COQUI, PIPER))
    bound = 1.2 if machine.has_bf16 else 1.0
    rows = []
    for other, minimum in ((coqui, 3.0), (piper, bound)):
        ratio = paired_ratio(ttscope.throughput(BUSIEST), other.throughput(BUSIEST))
        rows.append(Promise(f"requests/s at {BUSIEST} clients, against {other.name}", ratio, "x", at_least=minimum))
    for other in (coqui, piper):
        ratio = paired_ratio(other.first_audio(), stream.first_audio())
        rows.append(Promise(f"sooner to first audio, 80 words, than {other.name}", ratio, "x", at_least=5.0))
    for other in (coqui, piper):
        ratio = ttscope.memory.current / other.memory.current
        rows.append(Promise(f"memory after the run, against {other.name}", ratio, "x", at_most=0.5))
    share = ttscope.share_of_peak(BUSIEST, peak) * 100
    rows.append(Promise(f"of the matrix-multiply peak at {BUSIEST} clients", share, " %", at_least=65.0))
    return rows


def turns_table(contenders: Sequence[ContenderFigures], clients: int, peak: float) -> str:
    """Returns a table of all contenders for one number of clients."""
    rows = []
    for side in contenders:
        turns = side.turns[clients]
        latencies = [seconds for turn in turns for seconds in turn.latencies]
        first = [seconds for turn in turns for seconds in turn.first_audio]
        rows.append(
            (
                side.name,
                number(median(side.throughput(clients))),
                number(median([turn.audio_per_second for turn in turns])),
                f"{side.share_of_peak(clients, peak):.0%}",
                number(percentile(latencies, 0.5)),
                number(percentile(latencies, 0.95)),
                number(percentile(first, 0.5)),
                number(percentile(first, 0.95)),
                str(sum(turn.failures for turn in turns)),
            )
        )
    return table(HEAD, rows)


def sizes_table(contenders: Sequence[ContenderFigures]) -> str:
    """Returns a table of memory and time to first audio, and of the audio for the same texts relative to the first."""
    reference = contenders[0].audio_seconds()
    rows = [
        (
            side.name,
            number(median(side.first_audio())),
            number(side.memory.current / 1e9),
            number(side.memory.peak / 1e9),
            number(side.audio_seconds() / reference),
        )
        for side in contenders
    ]
    return table(("", "first audio s", "memory GB", "peak GB", "audio of the same texts"), rows)


def draw(contenders: Sequence[ContenderFigures]) -> None:
    """Draws throughput and time to first audio side by side."""
    clients = sorted(contenders[0].turns)

    def series(value: Callable[[ContenderFigures, int], float]) -> list[Series]:
        return [Series(side.name, clients, [value(side, count) for count in clients]) for side in contenders]

    def throughput(side: ContenderFigures, count: int) -> float:
        return median(side.throughput(count))

    def first_audio(side: ContenderFigures, count: int) -> float:
        return median([seconds for turn in side.turns[count] for seconds in turn.first_audio])

    bars(PLOT, "clients", {"requests/s": series(throughput), "time to first audio, s": series(first_audio)})
