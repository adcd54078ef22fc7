"""Measures how right predictions are on real synthesis, beside the range of words; writes its section of RESULTS.md.

A server speaks texts of all lengths under changing load. The drift job trains on these events, the server takes up the
model, and further requests, which no training has seen, are compared with their predictions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.clients.load import Request, send, session_to
from bench.clients.texts import cut
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.prediction_section import PredictedRequest, Results, plot, render
from bench.targets.process import DATA_DIR, ROOT, running, ttscope

LENGTHS = ((1, 10), (11, 25), (26, 50), (51, 100), (101, 200))
"""The words of texts, a range at a time."""
CLIENTS = (1, 2, 4, 8)
"""The clients of each block of requests, in turn: the load that predictions must know."""
BLOCK = 20
FIGURES = ("{}%", "${}.99", "No. {}", "{} km", "the year {}")
FORMATS = ("wav", "wav", "mp3", "opus")
STREAM_SHARE, FIGURES_SHARE = 0.3, 0.3
REQUEST_SECONDS = 600.0
TAKEN_UP_SECONDS = 60.0
OK, NO_ROOM = 200, 429
LEAST_ROWS, LEAST_TRAINING = 200, 220
"""The least requests that a training can be told to use, and the least that are sent for it: one that falls back to
another provider is not used."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests are sent for the training, and how many afterwards."""

    training: int
    later: int
    seed: int
    longest: int
    """The words of the longest texts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.prediction", description=__doc__)
    parser.add_argument("--training", type=int, default=600, help="requests to train on (default %(default)s)")
    parser.add_argument("--later", type=int, default=300, help="requests to judge on (default %(default)s)")
    parser.add_argument("--longest", type=int, default=200, help="words of the longest texts (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--try", dest="trial", action="store_true", help="print the section instead of writing it")
    options = parser.parse_args(arguments)
    plan = Plan(max(LEAST_TRAINING, options.training), options.later, options.seed, options.longest)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(plan, Path(folder)))
    section = render(results, this_machine(), load)
    if options.trial:
        print(section)
        return 0
    plot(results.later)
    write_section("prediction", section)
    print(f"written: {RESULTS}")
    return 0


async def measure(plan: Plan, folder: Path) -> Results:
    """Returns the requests of both phases and the training's result; ``folder`` is the server's data folder."""
    (folder / "voices").symlink_to((ROOT / DATA_DIR / "voices").resolve())
    rng = random.Random(plan.seed)
    program = ttscope(TTSCOPE_DATA_DIR=str(folder), TTSCOPE_DEADLINE_SECONDS=f"{REQUEST_SECONDS:g}")
    async with running(program) as server, session_to(server.url, REQUEST_SECONDS) as session:
        await speak(session, texts(rng, plan.training, plan.longest))
        await asyncio.to_thread(wait_for_events, folder, plan.training)
        decision = await asyncio.to_thread(train, folder)
        await taken_up(session, decision)
        begun = time.time()
        await speak(session, texts(rng, plan.later, plan.longest))
    spoken = requests_in(folder)
    model = describe(folder)
    before, later = ([own for own in spoken if (own.time >= begun) is late] for late in (False, True))
    return Results(decision, before, later, model)


def texts(rng: random.Random, count: int, longest: int) -> list[Request]:
    """Returns requests of up to ``longest`` words, some with figures, some streamed, in several formats and speeds."""
    requests = []
    lengths = [(low, min(high, longest)) for low, high in LENGTHS if low <= longest]
    for number in range(count):
        words = cut(rng, "en", rng.randint(*lengths[number % len(lengths)])).split()
        if rng.random() < FIGURES_SHARE:
            for _ in range(1 + len(words) // 10):
                words.insert(rng.randrange(len(words)), rng.choice(FIGURES).format(rng.randint(1, 9999)))
        text = " ".join(words)
        fields = {
            "text": text,
            "stream": rng.random() < STREAM_SHARE,
            "response_format": rng.choice(FORMATS),
            "speed": rng.choice((1.0, 1.0, 1.25)),
        }
        requests.append(Request("/tts", json.dumps(fields).encode(), "application/json", text))
    rng.shuffle(requests)
    return requests


async def speak(session: aiohttp.ClientSession, requests: Sequence[Request]) -> None:
    """Sends the requests in blocks of BLOCK, with another number of clients each. What the server has no room for is
    sent again when it says. Raises SystemExit if a request fails otherwise."""
    for number, start in enumerate(range(0, len(requests), BLOCK)):
        waiting = iter(requests[start : start + BLOCK])
        clients = (client(session, waiting) for _ in range(CLIENTS[number % len(CLIENTS)]))
        if failed := [status for status in await asyncio.gather(*clients) if status != OK]:
            raise SystemExit(f"a request was answered with {failed[0]}")


async def client(session: aiohttp.ClientSession, waiting: Iterator[Request]) -> int:
    """Sends one request after the other, until none is left or one fails; returns the last status."""
    for request in waiting:
        while (reply := await send(session, request)).status == NO_ROOM:  # noqa: ASYNC110 - the server says when
            await asyncio.sleep(float(reply.retry_after or 1))
        if reply.status != OK:
            return reply.status
    return OK


def wait_for_events(folder: Path, count: int) -> None:
    """Waits until the events of ``count`` requests are in the files. Raises SystemExit after TAKEN_UP_SECONDS."""
    deadline = time.monotonic() + TAKEN_UP_SECONDS
    while len(requests_in(folder)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(requests_in(folder))} of {count} events were written")
        time.sleep(0.5)


def train(folder: Path) -> str:
    """Trains by the drift job's command, and returns what it printed first. Raises SystemExit if it fails."""
    command = (
        sys.executable,
        "-m",
        "drift",
        "train",
        "--events",
        f"{folder / 'events'}",
        "--state",
        f"{folder / 'drift'}",
    )
    own = {"TTSCOPE_DRIFT_MLFLOW_ENABLED": "false", "TTSCOPE_DRIFT_PREDICTION_ROWS": str(LEAST_ROWS)}
    done = subprocess.run(  # noqa: S603 - our own command
        command, env={**os.environ, **own}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the training failed:\n{done.stdout}{done.stderr[-2000:]}")
    return done.stdout.splitlines()[0]


async def taken_up(session: aiohttp.ClientSession, decision: str) -> None:
    """Waits until the server uses the model. Raises SystemExit if it does not, or if none was promoted."""
    deadline, state = time.monotonic() + TAKEN_UP_SECONDS, decision
    while decision.startswith("promoted") and time.monotonic() < deadline:
        async with session.get("/metrics") as response:
            state = (await response.json())["prediction"]["state"]
        if state == "in_use":
            return
        await asyncio.sleep(0.5)
    raise SystemExit(f"the server does not use the model: {state}")


def requests_in(folder: Path) -> list[PredictedRequest]:
    """Returns the requests in the server's event files, in order."""
    lines = [line for path in sorted((folder / "events").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    records = [
        record
        for line in lines
        for logs in json.loads(line)["resourceLogs"]
        for scope in logs["scopeLogs"]
        for record in scope["logRecords"]
    ]
    return sorted((_request(record) for record in records if _is_predicted(record)), key=lambda own: own.time)


def _is_predicted(record: dict[str, Any]) -> bool:
    return any(attribute["key"] == "tts.predicted_duration" for attribute in record["attributes"])


def _request(record: dict[str, Any]) -> PredictedRequest:
    fields = {each["key"]: next(iter(each["value"].values())) for each in record["attributes"]}
    return PredictedRequest(
        time=int(record["timeUnixNano"]) / 1e9,
        words=int(fields["tts.word_count"]),
        word_range=fields["tts.word_count_range"],
        streamed=bool(fields["tts.streamed"]),
        requests_ahead=int(fields["tts.requests_ahead"]),
        duration=float(fields["tts.duration"]),
        p50=float(fields["tts.predicted_duration"]),
        p95=float(fields["tts.predicted_duration_p95"]),
        first_audio=float(fields["tts.time_to_first_audio"]),
        predicted_first_audio=float(fields["tts.predicted_first_audio"]),
        predictor=fields["tts.predictor"],
    )


def describe(folder: Path) -> dict[str, Any]:
    """Returns what ``python -m otel.prediction`` says of the model."""
    command = (sys.executable, "-m", "otel.prediction", f"{folder / 'drift' / 'prediction' / 'model.json'}")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    described: dict[str, Any] = json.loads(done.stdout)
    return described


if __name__ == "__main__":
    sys.exit(main())
