"""Measures texts in pieces over WebSockets against whole calls, and how fast an interruption frees the engine.

Both ways take turns on one server with its cache off. A session sends a word every 50 ms, as a language model writes;
its first audio counts from the word that shows the first clause to have ended. The whole call has that clause alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Sequence

import aiohttp

from bench.clients.figures import median
from bench.clients.load import Request, send, session_to
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.sockets_section import SocketsRound, render
from bench.targets.contenders import JSON
from bench.targets.process import running, ttscope

PATH = "/v1/speak?model=joe"
CLAUSE = "When the rain had stopped in the evening,"
REST = "we walked along the river bank and watched the boats until it was dark. "
WORD_SECONDS = 0.05
SESSIONS = (1, 16)
LONG = 6
"""How many times the text of a session that is interrupted has its sentence."""
REQUEST_SECONDS = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.sockets", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often both ways take turns (default %(default)s)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    rounds = asyncio.run(run(options.rounds))
    write_section("sockets", render(rounds, this_machine(), load))
    print(f"written: {RESULTS}")
    return 0


async def run(rounds: int) -> list[SocketsRound]:
    """Returns the figures of all rounds, for each number of sessions."""
    figures = []
    async with (
        running(ttscope(TTSCOPE_PROVIDERS="coqui")) as server,
        session_to(server.url, REQUEST_SECONDS) as session,
    ):
        await asyncio.gather(*(whole(session) for _ in range(4)))
        for number in range(rounds):
            for sessions in SESSIONS:
                calls = await asyncio.gather(*(whole(session) for _ in range(sessions)))
                firsts = await asyncio.gather(*(in_pieces(session) for _ in range(sessions)))
                generator = random.Random(number)
                ends = await asyncio.gather(
                    *(interrupted(session, generator.uniform(0.05, 1.0)) for _ in range(sessions))
                )
                figures.append(SocketsRound(sessions, median(calls), median(firsts), tuple(ends)))
                print(f"{sessions}: {median(calls):.3f} s whole, {median(firsts):.3f} s in pieces, {max(ends):.3f} s")
    return figures


async def whole(session: aiohttp.ClientSession) -> float:
    """Returns the time to first audio of a streamed call with the clause. Raises RuntimeError without audio."""
    body = json.dumps({"text": CLAUSE, "stream": True}).encode()
    reply = await send(session, Request("/tts", body, JSON, CLAUSE))
    if reply.first_audio is None:
        raise RuntimeError(f"no audio: {reply.status}")
    return reply.first_audio


async def in_pieces(session: aiohttp.ClientSession) -> float:
    """Returns the time from the word after the clause to the first audio of a text that is sent word by word."""
    decisive = len(CLAUSE.split())
    async with session.ws_connect(PATH) as socket:
        await socket.receive()
        receiving = asyncio.create_task(first_audio(socket))
        needed = 0.0
        for number, word in enumerate((CLAUSE + " " + REST).split()):
            if number == decisive:
                needed = time.monotonic()
            await socket.send_str(json.dumps({"type": "Speak", "text": f"{word} "}))
            await asyncio.sleep(WORD_SECONDS)
        return await receiving - needed


async def interrupted(session: aiohttp.ClientSession, after: float) -> float:
    """Returns the time from a Clear, ``after`` seconds after the first audio, until the server says that the engine is
    free of the text. Raises RuntimeError if the server says anything else."""
    async with session.ws_connect(PATH) as socket:
        await socket.receive()
        await socket.send_str(json.dumps({"type": "Speak", "text": f"{CLAUSE} {REST}" * LONG}))
        await first_audio(socket)
        await asyncio.sleep(after)
        start = time.monotonic()
        await socket.send_str(json.dumps({"type": "Clear"}))
        while True:
            frame = await socket.receive()
            if frame.type is aiohttp.WSMsgType.TEXT:
                if json.loads(frame.data)["type"] != "Cleared":
                    raise RuntimeError(frame.data)
                return time.monotonic() - start
            if frame.type is not aiohttp.WSMsgType.BINARY:
                raise RuntimeError("the socket was closed")


async def first_audio(socket: aiohttp.ClientWebSocketResponse) -> float:
    """Returns the moment of the first audio. Raises RuntimeError if the server sends something else."""
    frame = await socket.receive()
    if frame.type is not aiohttp.WSMsgType.BINARY:
        raise RuntimeError(f"no audio: {frame.data}")
    return time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
