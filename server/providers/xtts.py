"""XTTS v2: speaks with the voice of a recording. The operator must provide Coqui's model and weights."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from otel.contract.values import Device, Stage
from server.engine.noise import NoiseKey, NoiseStage
from server.errors import EngineFailed, UnknownVoice
from server.providers.load_tracker import LoadTracker, TrackedRequest
from server.providers.loaded_voice import valid_audio
from server.providers.pace import SECONDS_PER_CHARACTER, WARM_UP, estimate, expect
from server.providers.provider import Load, Reports
from server.providers.threads import ThreadPool, TimedResult, WorkerThread, map_errors
from server.text.reading import SpokenText, read_utterance
from server.text.sentences import cut
from server.utterance import REGISTERED, Ability, Chunk, Interval, Listener, Samples, Utterance, Voice
from server.voices.recordings import SAMPLE_RATE, Recording
from server.voices.tenant_recordings import TenantRecordings

if TYPE_CHECKING:
    from torch import Tensor
    from TTS.tts.models.xtts import Xtts

FILES = ("config.json", "vocab.json", "model.pth")
LONGEST_SENTENCE = 0.8
"""The share used of what Coqui's tokenizer calls safe for a language, since numbers grow when they are written out."""
CHUNK_TOKENS = 20
"""Audio tokens, 46 ms each, per chunk of a stream; Coqui's default."""
MAX_CONDITIONINGS = 16
"""The most voice conditionings in memory, 130 kB each; others are recomputed, which takes a second."""
WARM_UP_SECONDS = 4


@dataclass(frozen=True, slots=True)
class XttsPhrase:
    """A piece of text that the model speaks in one run."""

    text: str
    speed: float
    pause: float
    """Seconds of silence after it."""
    language: str

    @property
    def seconds(self) -> float:
        """The estimated seconds of its audio."""
        return len(self.text) * SECONDS_PER_CHARACTER / self.speed


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The model's conditioning, computed from a voice's recording."""

    latents: Tensor
    """The voice's manner of speaking, shape (1, positions, channels)."""
    embedding: Tensor
    """The voice's timbre, shape (1, 512, 1)."""


class XttsProvider:
    """Speaks with registered voices; see server.providers.provider.Provider.

    It speaks one phrase at a time, since the model holds the state of a phrase. A phrase is made to its end regardless
    of the reader's speed; unread audio waits in memory, 20 s at most.
    """

    name = "xtts"
    abilities = frozenset({Ability.MARKUP, Ability.LANGUAGES, Ability.SEED})

    def __init__(
        self, folder: Path, recordings: TenantRecordings, *, device: str, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``folder`` holds FILES; all are read. Raises EngineFailed when one is missing or unreadable."""
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise EngineFailed(f"TTSCOPE_XTTS_DIR has no {', '.join(missing)}")
        try:
            config = json.loads((folder / "config.json").read_bytes())
            self._languages = tuple(str(language).lower() for language in config["languages"])
            self._sample_rate = int(config["audio"]["output_sample_rate"])
        except (ValueError, KeyError, TypeError) as error:
            raise EngineFailed("TTSCOPE_XTTS_DIR has a config.json that is not XTTS's") from error
        self.recordings = recordings
        self._folder, self._device, self._used = folder, device, (Device.CPU, 1)
        self._max_audio_seconds = max_audio_seconds
        self._log = log
        self._model: Xtts | None = None
        # In the model's thread, a text would wait for the audio of others before it could be refused.
        self._text_thread = WorkerThread(f"{self.name}-text")
        self._model_thread = ThreadPool(self.name, 1)
        self._tracker = LoadTracker(parallel=1)
        self._turn = asyncio.Lock()
        self._conditionings: OrderedDict[str, Conditioning] = OrderedDict()
        self._conditionings_lock = threading.Lock()
        recordings.on_removal(self._drop_conditioning)
        self._warm_up: Conditioning | None = None
        self._checksum = _checksum(folder)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(
            Voice(each.name, self._languages, self._sample_rate, self._identity(each.checksum), tenant)
            for tenant, each in self.recordings.all()
        )

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._tracker.load

    async def start(self, reports: Reports) -> None:
        """Loads the model and warms it up with a voice made of noise. Raises EngineFailed."""
        start = time.perf_counter()
        try:
            warm_up = await self._model_thread.run(self._prepare)
        except Exception as error:  # of torch, or for a file that is not a checkpoint
            raise EngineFailed("XTTS can't be loaded from TTSCOPE_XTTS_DIR") from error
        self._tracker.reset_rate(warm_up.result)
        device, units = self._used
        self._model_thread.on_end = lambda seconds: reports.thread_worked(device, seconds * units)
        seconds = time.perf_counter() - start
        reports.loaded(REGISTERED, seconds)
        self._log.info("XTTS is loaded in %.1f s", seconds)

    async def check(self) -> None:
        if self._model is None or self._warm_up is None:
            raise EngineFailed("XTTS is not loaded")
        async with self._turn:
            await self._run(partial(_synthesize, self._model, WARM_UP[0], self._languages[0], self._warm_up))

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields chunks of about a second; the last one of a phrase is followed by its pause. Raises NothingToSpeak,
        TextTooLong, EngineFailed, and ShuttingDown after ``close``."""
        if self._model is None:
            raise EngineFailed("XTTS is not loaded")
        submitted = time.perf_counter_ns()
        with map_errors():
            text = await self._text_thread.run(read_utterance, utterance)
        phrases = list(self._phrases(self._model, text, utterance.language))
        before: tuple[Interval, ...] = (Interval(Stage.PHONEMIZE, submitted, time.perf_counter_ns()),)
        silence = text.leading_silence + sum(phrase.pause for phrase in phrases)
        expected = expect([phrase.seconds for phrase in phrases], silence, self._max_audio_seconds)
        if text.leading_silence:
            yield self._silence(text.leading_silence)
        # Once: the voice may be deleted meanwhile.
        condition = cache(partial(self._conditioning, self._model, utterance.voice))
        with self._tracker.request(expected) as request:
            for number, phrase in enumerate(phrases):
                chunks: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()
                begin = partial(_stream, self._model, phrase, NoiseKey(utterance.seed or 0, number))
                speaking = asyncio.create_task(self._speak_phrase(condition, begin, request, chunks))
                try:
                    while (chunk := await chunks.get()) is not None:
                        if isinstance(chunk, Exception):
                            raise chunk
                        yield replace(chunk, intervals=(*before, *chunk.intervals))
                        before = ()
                finally:
                    speaking.cancel()
                    await asyncio.gather(speaking, return_exceptions=True)
                if phrase.pause:
                    yield self._silence(phrase.pause)

    async def close(self) -> None:
        """Waits for the running chunk; unfinished requests fail with ShuttingDown."""
        await asyncio.gather(self._text_thread.close(), self._model_thread.close())

    def _silence(self, seconds: float) -> Chunk:
        return Chunk(np.zeros(round(seconds * self._sample_rate), np.float32), self._sample_rate)

    async def _speak_phrase(
        self,
        condition: Callable[[], Conditioning],
        begin: Callable[[Conditioning], Iterator[Samples]],
        request: TrackedRequest,
        chunks: asyncio.Queue[Chunk | Exception | None],
    ) -> None:
        """Puts a phrase's chunks into ``chunks``, then None or the exception. ``begin`` speaks the phrase with the
        conditioning that ``condition`` returns."""
        submitted = time.perf_counter_ns()
        request.wait()
        try:
            async with self._turn:
                request.begin()
                conditioning = await self._run(condition)
                intervals = [Interval(Stage.QUEUE, submitted, conditioning.start), conditioning.interval(*self._used)]
                stream = begin(conditioning.result)
                while (step := await self._run(partial(next, stream, None))).result is not None:
                    intervals.append(step.interval(*self._used))
                    chunk = Chunk(valid_audio(step.result), self._sample_rate, tuple(intervals))
                    request.add(chunk.seconds, step.seconds)
                    chunks.put_nowait(chunk)
                    intervals.clear()
        except Exception as error:  # noqa: BLE001 - raised by the reader of the queue
            chunks.put_nowait(error)
        else:
            chunks.put_nowait(None)

    async def _run(self, function: Callable[[], Any]) -> TimedResult[Any]:
        """Runs ``function`` in the model's thread. Raises ShuttingDown, its SpeechError unchanged, and EngineFailed for
        any other exception."""
        with map_errors():
            return await self._model_thread.run(function)

    def _phrases(self, model: Xtts, text: SpokenText, language: str) -> Iterator[XttsPhrase]:
        """Yields the phrases of a text, each short enough for one run of the model and in one language: that of most of
        its sentence."""
        limits = model.tokenizer.char_limits
        for sentence in text.sentences:
            spoken = sentence.language or language
            limit = int(limits.get(spoken.partition("-")[0], 250) * LONGEST_SENTENCE)
            for phrase, pause in sentence.paused(["".join(each).strip() for each in cut(sentence.text, limit)]):
                yield XttsPhrase(phrase, sentence.speed, pause, spoken)

    def _conditioning(self, model: Xtts, voice: Voice) -> Conditioning:
        """Returns the conditioning of the voice's recording; runs in the model's thread. Raises UnknownVoice."""
        recording = self._recording(voice)
        with self._conditionings_lock:
            if voice.checksum in self._conditionings:
                self._conditionings.move_to_end(voice.checksum)
                return self._conditionings[voice.checksum]
        conditioning = _compute_conditioning(model, recording.read())
        with self._conditionings_lock:
            self._recording(voice)
            self._conditionings[voice.checksum] = conditioning
            while len(self._conditionings) > MAX_CONDITIONINGS:
                self._conditionings.popitem(last=False)
        return conditioning

    def _recording(self, voice: Voice) -> Recording:
        """Returns the voice's recording. Raises UnknownVoice when it was deleted, or registered again."""
        recording = self.recordings.find(voice.tenant, voice.name)
        if recording is None or self._identity(recording.checksum) != voice.checksum:
            raise UnknownVoice("this voice does not exist any more", param="voice_name")
        return recording

    def _drop_conditioning(self, recording: Recording) -> None:
        """Drops the conditioning of a deleted recording; any thread may call it."""
        with self._conditionings_lock:
            self._conditionings.pop(self._identity(recording.checksum), None)

    def _identity(self, recording_checksum: str) -> str:
        return hashlib.sha256(f"{self._checksum} {recording_checksum}".encode()).hexdigest()

    def _prepare(self) -> float:
        """Loads the model and returns its throughput in seconds of audio per second."""
        import torch
        from transformers.utils import logging as transformers_logging
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        transformers_logging.set_verbosity(logging.ERROR)  # it warns on standard error about Coqui's usage
        config = XttsConfig()
        config.load_json(str(self._folder / "config.json"))
        model = Xtts(config)
        model.load_checkpoint(config, checkpoint_dir=self._folder, eval=True)
        available = "cuda" if torch.cuda.is_available() else "cpu"
        model.to(available if self._device == "auto" else self._device)
        noise = np.random.default_rng(0).normal(0.0, 0.1, WARM_UP_SECONDS * SAMPLE_RATE).astype(np.float32)
        self._warm_up = _compute_conditioning(model, noise)
        self._used = (Device.GPU, 1) if model.device.type == "cuda" else (Device.CPU, torch.get_num_threads())
        start = time.perf_counter()
        audio = _synthesize(model, WARM_UP[1], self._languages[0], self._warm_up)
        self._model = model
        return len(audio) / self._sample_rate / (time.perf_counter() - start)


def _checksum(folder: Path) -> str:
    """Returns the SHA-256 over the model's files, so that cached audio of another model is never used. It takes 2 s for
    the 1.9 GB of XTTS v2, which are read to load the model anyway. Raises EngineFailed."""
    digest = hashlib.sha256()
    try:
        for name in FILES:
            with (folder / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise EngineFailed(f"TTSCOPE_XTTS_DIR can't be read: {error.strerror}") from error
    return digest.hexdigest()


def _compute_conditioning(model: Xtts, audio: Samples) -> Conditioning:
    import torch

    recording, config = torch.from_numpy(audio)[None].to(model.device), model.config
    latents = model.get_gpt_cond_latents(recording, SAMPLE_RATE, config.gpt_cond_len, config.gpt_cond_chunk_len)
    beginning = recording[:, : config.max_ref_len * SAMPLE_RATE]
    return Conditioning(latents, model.get_speaker_embedding(beginning, SAMPLE_RATE))


def _stream(model: Xtts, phrase: XttsPhrase, key: NoiseKey, conditioning: Conditioning) -> Iterator[Samples]:
    """Yields the audio of a phrase in chunks. Its steps must run in the model's thread with no other phrase's between
    them: the model draws its tokens from torch's one generator."""
    import torch

    torch.manual_seed(int(key.generator(NoiseStage.SOUND).integers(2**32)))
    config = model.config
    chunks = model.inference_stream(
        phrase.text,
        phrase.language,
        conditioning.latents,
        conditioning.embedding,
        stream_chunk_size=CHUNK_TOKENS,
        temperature=config.temperature,
        length_penalty=config.length_penalty,
        repetition_penalty=config.repetition_penalty,
        top_k=config.top_k,
        top_p=config.top_p,
        speed=phrase.speed,
    )
    for chunk in chunks:
        yield chunk.float().cpu().numpy()


def _synthesize(model: Xtts, text: str, language: str, conditioning: Conditioning) -> Samples:
    phrase = XttsPhrase(text, 1.0, 0.0, language)
    return valid_audio(np.concatenate(list(_stream(model, phrase, NoiseKey(), conditioning))))
