"""Measures rooms of Home Assistant that speak at once over Wyoming's protocol; writes its section of RESULTS.md.

The servers run already, each with its cache off, and take turns with the same texts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from bench.clients.figures import median, paired_ratio
from bench.clients.passage import Reader
from bench.results.file import RESULTS, number, table, write_section
from bench.results.machine import Machine, this_machine

ROOMS = 5
TURNS = 5
WORDS = 30


@dataclass(frozen=True, slots=True)
class Address:
    """A server of Wyoming's protocol."""

    name: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RoomTimes:
    """What the rooms of one server waited for in one turn, in seconds."""

    first_audio: float
    """The median over the rooms."""
    last_first_audio: float
    """The longest of all rooms."""
    total: float
    """Until all rooms had all of their audio."""
    audio: float
    """The audio of all rooms together."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.rooms", description=__doc__)
    parser.add_argument("servers", nargs="+", metavar="NAME=HOST:PORT", type=address, help="the first is compared with")
    parser.add_argument("--rooms", type=int, default=ROOMS)
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    results = {
        in_pieces: asyncio.run(take_turns(options.servers, options.rooms, options.turns, in_pieces=in_pieces))
        for in_pieces in (False, True)
    }
    write_section("rooms", render(results, this_machine(), options.rooms, load))
    print(f"written: {RESULTS}")
    return 0


def address(text: str) -> Address:
    """Returns an address of the command line. Raises ValueError."""
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    return Address(name, host, int(port))


async def take_turns(
    servers: Sequence[Address], rooms: int, turns: int, *, in_pieces: bool
) -> dict[Address, list[RoomTimes]]:
    """Returns the turns of each server, after one that is not counted."""
    results: dict[Address, list[RoomTimes]] = {server: [] for server in servers}
    reader = Reader(seed=int(in_pieces))
    for each in range(turns + 1):
        texts = [reader.take(WORDS) for _ in range(rooms)]
        for server in servers:
            turn = await speak_at_once(server, texts, in_pieces=in_pieces)
            if each:
                results[server].append(turn)
    return results


async def speak_at_once(server: Address, texts: Sequence[str], *, in_pieces: bool) -> RoomTimes:
    """Returns the figures of one room for each text."""
    begun = time.perf_counter()
    rooms = await asyncio.gather(*(speak(server, text, in_pieces=in_pieces) for text in texts))
    first = [first_audio for first_audio, _ in rooms]
    return RoomTimes(median(first), max(first), time.perf_counter() - begun, sum(audio for _, audio in rooms))


async def speak(server: Address, text: str, *, in_pieces: bool) -> tuple[float, float]:
    """Returns the seconds to the first audio, and the seconds of all audio, as Home Assistant asks for it."""
    first, audio = 0.0, 0.0
    async with AsyncTcpClient(server.host, server.port) as client:
        begun = time.perf_counter()
        if in_pieces:
            await client.write_event(SynthesizeStart().event())
            for word in text.split(" "):
                await client.write_event(SynthesizeChunk(f"{word} ").event())
            await client.write_event(SynthesizeStop().event())
        else:
            await client.write_event(Synthesize(text).event())
        while (event := await client.read_event()) is not None:
            if AudioChunk.is_type(event.type):
                first = first or time.perf_counter() - begun
                audio += AudioChunk.from_event(event).seconds
            elif SynthesizeStopped.is_type(event.type) or (AudioStop.is_type(event.type) and not in_pieces):
                return first, audio
    raise SystemExit(f"{server.name} ended the connection before the text was spoken")


def render(results: dict[bool, dict[Address, list[RoomTimes]]], machine: Machine, rooms: int, load: float) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before it."""
    parts = [
        "## Rooms of Home Assistant",
        f"{machine.describe()} {rooms} rooms speak {WORDS} words each at once, by Wyoming's protocol; medians of the "
        f"turns. Load average before it: {load:.1f}.",
    ]
    titles = {False: "The text whole (`synthesize`)", True: "The text in words (`synthesize-chunk`)"}
    for in_pieces, servers in results.items():
        parts += [f"### {titles[in_pieces]}", results_table(servers)]
    return "\n\n".join(parts)


def results_table(servers: dict[Address, list[RoomTimes]]) -> str:
    """Returns the figures of each server, and how many times as long it takes as the first one."""
    base = next(iter(servers.values()))
    columns = ("server", "first audio, median room", "first audio, last room", "all audio", "audio", "total, ratio")
    rows = [
        (
            server.name,
            *(f"{number(median(values))} s" for values in zip(*map(_figures, turns), strict=True)),
            number(paired_ratio([turn.total for turn in turns], [turn.total for turn in base])),
        )
        for server, turns in servers.items()
    ]
    return table(columns, rows)


def _figures(turn: RoomTimes) -> tuple[float, float, float, float]:
    return turn.first_audio, turn.last_first_audio, turn.total, turn.audio


if __name__ == "__main__":
    sys.exit(main())
