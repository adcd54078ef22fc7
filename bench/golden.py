"""Golden audio: records digests of clips with their seeds in a file, and checks whether a server still makes them.

The same seed makes the same samples on one kind of processor in one number format (docs/seeds.md), so that a check
after an upgrade, or between servers, tells whether anything in the sound has changed. A server that computes in another
way is not compared.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from bench.clients.api_key import authorization
from bench.clients.load import Request, send, session_to
from bench.clients.passage import Reader

SAME, DIFFERENT, INCOMPARABLE, FAILED = 0, 1, 3, 4
"""The exit statuses; argparse has 2."""
LENGTHS = (3, 12, 40, 120)
"""The words of the texts that are recorded unless others are given: from one short sentence to several long ones."""
KIND = ("processor", "number_format")
"""What must be equal for a comparison."""
FORM = 1
"""The version of the file."""
REQUEST_SECONDS = 300.0
RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
"""The sample rates in Hz that POST /tts can be asked for."""


class GoldenError(Exception):
    """A reason why nothing is compared, and the exit ``status``."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class GoldenClip:
    """A clip that the server made, by what makes it again."""

    text: str
    voice_name: str
    seed: int
    settings: dict[str, Any]
    """Further fields of POST /tts."""
    size: int
    """The bytes of the answer."""
    sha256: str
    """The digest of the answer."""

    def body(self, *, stream: bool) -> dict[str, Any]:
        """Returns the request that makes it."""
        own = {"text": self.text, "voice_name": self.voice_name, "seed": self.seed, "cache": False, "stream": stream}
        return {**self.settings, **own}


@dataclass(frozen=True, slots=True)
class GoldenFile:
    """Clips, and how the numbers of their voices were computed."""

    arithmetic: dict[str, dict[str, str]]
    """For each voice, the processor, the number format and the library that GET /v1/audio/voices names."""
    clips: list[GoldenClip] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> GoldenFile:
        """Returns the content of a file. Raises GoldenError."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["form"] != FORM:
                raise GoldenError(f"{path} is of another version: record it anew", INCOMPARABLE)
            return cls(fields["arithmetic"], [GoldenClip(**clip) for clip in fields["clips"]])
        except OSError as error:
            raise GoldenError(f"{path} can't be read: {error.strerror}", FAILED) from None
        except (ValueError, KeyError, TypeError):
            raise GoldenError(f"{path} is not a file of bench.golden", FAILED) from None

    def write(self, path: Path) -> None:
        fields = {"form": FORM, **asdict(self)}
        path.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class SpeakingServer:
    """A server whose clips are recorded or checked."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def voices(self) -> dict[str, dict[str, Any]]:
        """Returns the server's voices by name. Raises GoldenError."""
        try:
            async with self._session.get("/v1/audio/voices", headers=authorization()) as response:
                if response.status != 200:
                    raise GoldenError(f"the server answers {response.status}: {await response.text()}", FAILED)
                return {voice["id"]: voice for voice in (await response.json())["voices"]}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GoldenError(f"the server can't be reached: {error}", FAILED) from None

    async def speak(self, body: Mapping[str, Any]) -> bytes:
        """Returns the answer to POST /tts. Raises GoldenError."""
        reply = await send(self._session, _request(body), authorization())
        if reply.status != 200:
            answer = reply.body.decode("utf-8", "replace") or "no answer"
            raise GoldenError(f"the server answers {reply.status}: {answer}", FAILED)
        return reply.body


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the audio is the same, 1 when it differs, 3 when it can't be compared, 4 when
    the server or the file fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.golden", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write a file with the digests of a server's clips")
    checking = commands.add_parser("check", help="compare a server's clips with those of a file")
    for command in (recording, checking):
        command.add_argument("file", type=Path)
        command.add_argument("--url", default="http://localhost:8010", help="the server (default %(default)s)")
    recording.add_argument("--voice", action="append", default=[], help="a voice; by default all of the server's")
    recording.add_argument("--text", action="append", default=[], help="a text; by default some of various lengths")
    recording.add_argument("--seed", type=int, default=1, help="the seed of all clips (default 1)")
    recording.add_argument("--settings", type=json.loads, default={}, help="further fields of POST /tts, as JSON")
    checking.add_argument("--load", type=int, default=0, help="clients that have other texts spoken meanwhile")
    options = parser.parse_args(arguments)
    try:
        return asyncio.run(_record(options) if options.command == "record" else _check(options))
    except GoldenError as error:
        print(error, file=sys.stderr)
        return error.status


async def _record(options: argparse.Namespace) -> int:
    texts = options.text or [Reader(seed=7).take(words) for words in LENGTHS]
    async with session_to(options.url, REQUEST_SECONDS) as session:
        server = SpeakingServer(session)
        voices = await server.voices()
        names = options.voice or [name for name, voice in voices.items() if voice["arithmetic"]]
        golden = GoldenFile({name: _arithmetic(voices, name) for name in names})
        for name in names:
            settings = {**_own_rate(voices[name]), **options.settings}
            for text in texts:
                wanted = GoldenClip(text, name, options.seed, settings, 0, "")
                answer = await server.speak(wanted.body(stream=False))
                golden.clips.append(replace(wanted, size=len(answer), sha256=hashlib.sha256(answer).hexdigest()))
    golden.write(options.file)
    print(f"{len(golden.clips)} clips of {', '.join(names)} recorded in {options.file}: {_listed(golden)}")
    return SAME


async def _check(options: argparse.Namespace) -> int:
    golden = GoldenFile.read(options.file)
    async with session_to(options.url, REQUEST_SECONDS) as session:
        server = SpeakingServer(session)
        voices = await server.voices()
        for name, recorded in golden.arithmetic.items():
            present = _arithmetic(voices, name)
            if any(present[each] != recorded[each] for each in KIND):
                raise GoldenError(
                    f"{name}: not compared, since the same seed makes the same bytes only on one kind of processor and "
                    f"in one number format. Recorded on {_described(recorded)}; this server computes on "
                    f"{_described(present)}. Record a file for it.",
                    INCOMPARABLE,
                )
            if present["library"] != recorded["library"]:
                print(f"{name}: recorded with {recorded['library']}; this server has {present['library']}")
        load = [asyncio.create_task(_speak_on(session, number)) for number in range(options.load)]
        try:
            different = [each async for each in _differences(server, golden)]
        finally:
            for client in load:
                client.cancel()
            await asyncio.gather(*load, return_exceptions=True)
    for line in different:
        print(line)
    compared = f"{len(golden.clips)} clips, whole and streamed, on {_listed(golden)}"
    print(f"{len(different)} answers differ of {compared}" if different else f"the same: {compared}")
    return DIFFERENT if different else SAME


async def _differences(server: SpeakingServer, golden: GoldenFile) -> AsyncGenerator[str, None]:
    """Yields a line for each answer that differs from the recorded one."""
    for number, clip in enumerate(golden.clips, start=1):
        # A streamed file has another header: only samples without one are the same.
        forms = (False, True) if clip.settings.get("response_format") == "pcm" else (False,)
        answers = await asyncio.gather(*(server.speak(clip.body(stream=stream)) for stream in forms))
        for stream, answer in zip(forms, answers, strict=True):
            if hashlib.sha256(answer).hexdigest() != clip.sha256:
                form = "streamed" if stream else "whole"
                size = "as long" if len(answer) == clip.size else f"{len(answer)} bytes instead of {clip.size}"
                yield f"clip {number}, {clip.voice_name}, seed {clip.seed}, {form}: differs, {size}"


async def _speak_on(session: aiohttp.ClientSession, number: int) -> None:
    """Has texts of mixed lengths spoken, one after another, whole and as streams in turn."""
    reader = Reader(seed=100 + number)
    while True:
        for count, text in enumerate(reader.mixed(8)):
            with suppress(GoldenError):  # it may be refused in an overload
                await SpeakingServer(session).speak({"text": text, "cache": False, "stream": count % 2 == 1})


def _arithmetic(voices: Mapping[str, dict[str, Any]], name: str) -> dict[str, str]:
    """Returns how a voice's numbers are computed. Raises GoldenError."""
    if name not in voices:
        raise GoldenError(f"{name}: the server has no such voice", INCOMPARABLE)
    arithmetic: dict[str, str] | None = voices[name].get("arithmetic")
    if not arithmetic:
        raise GoldenError(f"{name}: the server does not know how this voice's numbers are computed", INCOMPARABLE)
    return arithmetic


def _own_rate(voice: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of samples without a header, at the voice's own rate if that can be asked for."""
    rate = voice["sample_rate"]
    return {"response_format": "pcm", **({"sample_rate": rate} if rate in RATES else {})}


def _listed(golden: GoldenFile) -> str:
    return "; ".join(sorted({_described(each) for each in golden.arithmetic.values()})) or "nothing"


def _described(arithmetic: Mapping[str, str]) -> str:
    return ", ".join(arithmetic.values())


def _request(body: Mapping[str, Any]) -> Request:
    return Request("/tts", json.dumps(body).encode(), "application/json", str(body["text"]))


if __name__ == "__main__":
    sys.exit(main())
