"""Pipecat's services in pipelines: a whole text, a text word by word, an interruption, and the times of words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.cartesia.tts import CartesiaHttpTTSService, CartesiaTTSService
from pipecat.services.deepgram.tts import DeepgramHttpTTSService, DeepgramTTSService
from pipecat.services.elevenlabs.tts import ElevenLabsHttpTTSService, ElevenLabsTTSService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.piper.tts import PiperHttpTTSService
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.workers.runner import WorkerRunner


class Listener(FrameProcessor):
    """The end of a pipeline, which collects what a user would hear."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Begins a new speech."""
        self.audio, self.words, self.rate = b"", [], 0
        self.begun, self.stopped, self.interrupted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                self.audio += frame.audio
                self.rate = frame.sample_rate
                self.begun.set()
            case TTSTextFrame():
                self.words.append([frame.text, (frame.pts or 0) / 1e9])
            case TTSStoppedFrame():
                self.stopped.set()
            case InterruptionFrame():
                self.interrupted.set()
        await self.push_frame(frame, direction)


class Conversation:
    """A pipeline of one service, and its listener."""

    def __init__(self, service: TTSService) -> None:
        self.listener = Listener()
        self.errors: list[str] = []
        self._worker = PipelineWorker(
            Pipeline([service, self.listener]), cancel_on_idle_timeout=False, enable_rtvi=False
        )
        self._started = asyncio.Event()
        self._worker.add_event_handler("on_pipeline_started", self._note_start)
        self._worker.add_event_handler("on_pipeline_error", self._note_error)

    async def __aenter__(self) -> Conversation:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._running = asyncio.create_task(runner.run())
        await self._started.wait()
        return self

    async def __aexit__(self, failure: object, *rest: object) -> None:
        if failure is not None:
            self._running.cancel()
            return
        await self._worker.queue_frame(EndFrame())
        await self._running

    async def say(self, *frames: Frame) -> bytes:
        """Returns the samples of what is said."""
        self.listener.forget()
        await self._worker.queue_frames(frames)
        await self.listener.stopped.wait()
        return self.listener.audio

    async def interrupt(self, text: str) -> None:
        """Says a text up to its first audio, as a pipeline whose user begins to speak."""
        self.listener.forget()
        await self._worker.queue_frame(TTSSpeakFrame(text))
        await self.listener.begun.wait()
        await self._worker.queue_frame(InterruptionFrame())
        await self.listener.interrupted.wait()

    async def _note_start(self, worker: PipelineWorker, frame: Frame) -> None:
        self._started.set()

    async def _note_error(self, worker: PipelineWorker, frame: ErrorFrame) -> None:
        self.errors.append(frame.error)
        self.listener.begun.set()  # nothing may follow
        self.listener.stopped.set()


def written_word_by_word(text: str) -> list[Frame]:
    """Returns the frames of a text as a language model writes it."""
    words = [LLMTextFrame(f"{word} ") for word in text.split()]
    return [LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame()]


async def results(
    make: Callable[..., TTSService], text: str, long: str, *, streams: bool, takes_pieces: bool
) -> dict[str, Any]:
    """Returns all that a service gets.

    One that ``streams`` is interrupted after its first audio. One that takes pieces is made a second time, to send each
    word at once.
    """
    async with Conversation(make()) as conversation:
        whole = await conversation.say(TTSSpeakFrame(text))
        found: dict[str, Any] = {"rate": conversation.listener.rate, "whole": whole}
        found["words"] = conversation.listener.words
        if streams:
            await conversation.interrupt(long)
            found["after_interruption"] = await conversation.say(TTSSpeakFrame(text))
        found["errors"] = conversation.errors
    if takes_pieces:
        async with Conversation(make(text_aggregation_mode=TextAggregationMode.TOKEN)) as conversation:
            found["pieces"] = await conversation.say(*written_word_by_word(text))
            found["words_of_pieces"] = conversation.listener.words
            found["errors"] += conversation.errors
    return found


async def all_of_them(url: str, text: str, long: str) -> dict[str, dict[str, Any]]:
    """Returns the results by the names of the services. Only the address and the voice are given."""
    address = url.replace("http", "ws", 1)
    async with aiohttp.ClientSession() as session:

        def cartesia(**options: Any) -> TTSService:
            settings = CartesiaTTSService.Settings(voice="joe")
            url_ = f"{address}/cartesia/tts/websocket"
            return CartesiaTTSService(api_key="none", url=url_, settings=settings, **options)

        def cartesia_http() -> TTSService:
            settings = CartesiaHttpTTSService.Settings(voice="joe")
            return CartesiaHttpTTSService(api_key="none", base_url=f"{url}/cartesia", settings=settings)

        def deepgram(**options: Any) -> TTSService:
            settings = DeepgramTTSService.Settings(voice="joe")
            return DeepgramTTSService(api_key="none", base_url=f"{address}/deepgram", settings=settings, **options)

        def deepgram_http() -> TTSService:
            settings = DeepgramHttpTTSService.Settings(voice="joe")
            base = f"{url}/deepgram"
            return DeepgramHttpTTSService(api_key="none", base_url=base, settings=settings, aiohttp_session=session)

        def elevenlabs(**options: Any) -> TTSService:
            settings = ElevenLabsTTSService.Settings(voice="joe")
            return ElevenLabsTTSService(api_key="none", url=f"{address}/elevenlabs", settings=settings, **options)

        def elevenlabs_http() -> TTSService:
            settings = ElevenLabsHttpTTSService.Settings(voice="joe")
            base = f"{url}/elevenlabs"
            return ElevenLabsHttpTTSService(api_key="none", base_url=base, settings=settings, aiohttp_session=session)

        def openai() -> TTSService:
            return OpenAITTSService(api_key="none", base_url=f"{url}/v1")

        def piper() -> TTSService:
            return PiperHttpTTSService(base_url=f"{url}/piper", aiohttp_session=session)

        with_sockets = (cartesia, deepgram, elevenlabs)
        whole_files = (cartesia_http, piper)
        services = (*with_sockets, *whole_files, deepgram_http, elevenlabs_http, openai)
        return {
            each.__name__: await results(
                each, text, long, streams=each not in whole_files, takes_pieces=each in with_sockets
            )
            for each in services
        }
