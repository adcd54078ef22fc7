"""``python -m tests.agents.livekit_session TEXT``: examples/livekit_agent.py without a room.

The session has a speaker that collects instead of a room's. Prints as JSON what a room would get: the greeting, TEXT,
and a text that is interrupted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import runpy
import sys
from typing import Any

from livekit import rtc
from livekit.agents import AgentServer, AgentSession
from livekit.agents.utils import http_context
from livekit.agents.voice import io

from tests.server_process import ROOT

REPEATED = 20
"""How often the text is said that is interrupted."""
SECONDS = 90.0
"""For all of it, on a busy machine."""


class Speaker(io.AudioOutput):
    """Plays a speech at once, and keeps it."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=False))
        self.audio, self.rate, self.seconds = b"", 0, 0.0
        self.begun, self.finished = asyncio.Event(), asyncio.Event()

    def take(self) -> str:
        """Returns what was played since the last call, in base64."""
        audio, self.audio = self.audio, b""
        self.begun.clear()
        return base64.b64encode(audio).decode()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.audio += bytes(frame.data)
        self.rate = frame.sample_rate
        self.seconds += frame.duration
        self.begun.set()

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        if self.seconds:
            self.on_playback_finished(playback_position=self.seconds, interrupted=interrupted)
            self.seconds = 0.0
            self.finished.set()


class Captions(io.TextOutput):
    """Keeps the transcript."""

    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)
        self.text = ""
        self.finished = asyncio.Event()

    async def capture_text(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        self.finished.set()


async def main(text: str) -> dict[str, Any]:
    example = runpy.run_path(str(ROOT / "examples" / "livekit_agent.py"))
    assert isinstance(example["server"], AgentServer)
    async with asyncio.timeout(SECONDS), http_context.open():
        session: AgentSession = example["new_session"]()
        speaker, captions = Speaker(), Captions()
        session.output.audio, session.output.transcription = speaker, captions
        await session.start(example["Assistant"]())
        await asyncio.gather(speaker.finished.wait(), captions.finished.wait())
        greeting, said = speaker.take(), captions.text
        await session.say(text)
        spoken = speaker.take()
        long = session.say(f"{text} " * REPEATED)
        await speaker.begun.wait()
        await session.interrupt()
        await long
        cut = len(speaker.audio) / 2 / speaker.rate
        await session.aclose()
    return {
        "rate": speaker.rate,
        "greeting": greeting,
        "greeting_captions": said,
        "spoken": spoken,
        "interrupted": long.interrupted,
        "cut": cut,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))
