"""A Pipecat pipeline whose voice is ttscope: a text arrives word by word, and its speech goes into a WAV file.

In a bot the words come from a language model's service and the audio goes to a transport; the voice stays the same.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import wave
from pathlib import Path

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.tts_service import TextAggregationMode
from pipecat.workers.runner import WorkerRunner

URL = os.environ.get("TTSCOPE_URL", "http://localhost:8010")
KEY = os.environ.get("TTSCOPE_API_KEY", "none")
VOICE = os.environ.get("TTSCOPE_VOICE", "joe")


def voice() -> CartesiaTTSService:
    """Returns the service that speaks. Each word is sent at once, since ttscope finds the sentences."""
    return CartesiaTTSService(
        url=f"{URL.replace('http', 'ws', 1)}/cartesia/tts/websocket",
        api_key=KEY,
        settings=CartesiaTTSService.Settings(voice=VOICE),
        text_aggregation_mode=TextAggregationMode.TOKEN,
    )


class WavFile(FrameProcessor):
    """The end of the pipeline: writes the audio, and prints each word with its time."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._audio = b""
        self._rate = 0
        self._begin: int | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._audio += frame.audio
            self._rate = frame.sample_rate
        elif isinstance(frame, TTSTextFrame) and frame.pts is not None:
            self._begin = frame.pts if self._begin is None else self._begin
            print(f"{(frame.pts - self._begin) / 1e9:6.2f} {frame.text.strip()}")
        elif isinstance(frame, EndFrame) and self._audio:
            with wave.open(str(self._path), "wb") as file:
                file.setparams((1, 2, self._rate, 0, "NONE", ""))
                file.writeframes(self._audio)
        await self.push_frame(frame, direction)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("audio", type=Path)
    options = parser.parse_args()
    worker = PipelineWorker(Pipeline([voice(), WavFile(options.audio)]))
    words = [LLMTextFrame(f"{word} ") for word in options.text.read_text(encoding="utf-8").split()]
    await worker.queue_frames([LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame(), EndFrame()])
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    asyncio.run(main())
