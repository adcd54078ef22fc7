"""XTTS v2: speaks like a person of whom there is a recording. Coqui's model and weights, which its user must have."""

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

from otel.contract.values import Stage
from server.errors import EngineFailed, UnknownVoice
from server.providers.error_mapping import as_ours
from server.providers.loaded_voice import sound
from server.providers.pace import SECONDS_PER_CHARACTER, WARM_UP, estimate, expect
from server.providers.provider import Load, Reports
from server.providers.thread_pool import Crew, Done
from server.providers.worker import Worker
from server.providers.workload import Request, Workload
from server.text.script import Script, script
from server.text.sentences import cut
from server.utterance import REGISTERED, Ability, Chunk, Interval, Listener, Samples, Utterance, Voice
from server.voices.recordings import SAMPLE_RATE, SampleStore, VoiceSample

if TYPE_CHECKING:
    from torch import Tensor
    from TTS.tts.models.xtts import Xtts

FILES = ("config.json", "vocab.json", "model.pth")
LONGEST_SENTENCE = 0.8
"""Of the characters that Coqui's tokenizer knows to be safe for a language: numbers are written out and grow."""
CHUNK_TOKENS = 20
"""Of audio, 46 ms each, in a chunk of a stream; Coqui's own choice."""
LATENTS_KEPT = 16
"""Voices whose latents stay in memory, 130 kB each; others are listened to anew, in a second."""
WARM_UP_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said in one breath."""

    text: str
    speed: float
    pause: float
    """Seconds of silence after it."""

    @property
    def seconds(self) -> float:
        """About as long as it will be."""
        return len(self.text) * SECONDS_PER_CHARACTER / self.speed


@dataclass(frozen=True, slots=True)
class Speaker:
    """What the model has heard of a voice."""

    latents: Tensor
    """Shape (1, positions, channels): how it speaks."""
    embedding: Tensor
    """Shape (1, 512, 1): how it sounds."""


class XttsProvider:
    """Speaks with registered voices; see server.providers.provider.Provider.

    One sentence at a time: the model keeps a sentence's beginning in itself. A sentence is made to its end once begun,
    whether its reader is quick or slow; what is not read waits in memory, 20 s at most.
    """

    name = "xtts"
    abilities = frozenset({Ability.MARKUP})

    def __init__(
        self, folder: Path, store: SampleStore, *, device: str, max_audio_seconds: float, log: logging.Logger
    ) -> None:
        """``folder`` holds FILES; all are read. Raises EngineFailed when one is not there or not readable."""
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise EngineFailed(f"TTSCOPE_XTTS_DIR has no {', '.join(missing)}")
        try:
            config = json.loads((folder / "config.json").read_bytes())
            self._languages = tuple(str(language).lower() for language in config["languages"])
            self._sample_rate = int(config["audio"]["output_sample_rate"])
        except (ValueError, KeyError, TypeError) as error:
            raise EngineFailed("TTSCOPE_XTTS_DIR has a config.json that is not XTTS's") from error
        self.store = store
        self._folder, self._device = folder, device
        self._max_audio_seconds = max_audio_seconds
        self._log = log
        self._model: Xtts | None = None
        # A thread of its own: behind the model, a request would wait for others' audio before it can be refused.
        self._text_thread = Worker(f"{self.name}-text")
        self._crew = Crew(self.name, 1)
        self._workload = Workload(lanes=1)
        self._turn = asyncio.Lock()
        self._speakers: OrderedDict[str, Speaker] = OrderedDict()
        self._speakers_lock = threading.Lock()
        store.on_forgotten(self._forget)
        self._warm_up: Speaker | None = None
        self._checksum = _checksum(folder)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(
            Voice(sample.name, self._languages, self._sample_rate, self._identity(sample.checksum), registered=True)
            for sample in self.store.samples.values()
        )

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._workload.load

    async def start(self, reports: Reports) -> None:
        """Loads the model and speaks with a voice of noise. Raises EngineFailed when that fails."""
        begun = time.perf_counter()
        try:
            done = await self._crew.run(self._prepare)
        except Exception as error:  # torch, or a checkpoint that is none
            raise EngineFailed("XTTS can't be loaded from TTSCOPE_XTTS_DIR") from error
        self._workload.presume(done.result)
        seconds = time.perf_counter() - begun
        reports.loaded(REGISTERED, seconds)
        self._log.info("XTTS is loaded in %.1f s", seconds)

    async def check(self) -> None:
        if self._model is None or self._warm_up is None:
            raise EngineFailed("XTTS is not loaded")
        async with self._turn:
            await self._run(partial(_whole, self._model, WARM_UP[0], self._languages[0], self._warm_up))

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Chunks of a second, the last of a sentence followed by a pause.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        if self._model is None:
            raise EngineFailed("XTTS is not loaded")
        asked = time.perf_counter_ns()
        with as_ours():
            text = await self._text_thread.run(script, utterance)
        sentences = list(self._sentences(self._model, text, utterance.language))
        before: tuple[Interval, ...] = (Interval(Stage.PHONEMIZE, asked, time.perf_counter_ns()),)
        silence = text.lead + sum(sentence.pause for sentence in sentences)
        expected = expect([sentence.seconds for sentence in sentences], silence, self._max_audio_seconds)
        if text.lead:
            yield self._silence(text.lead)
        hear = cache(partial(self._hear, self._model, utterance.voice))  # once: the voice may be deleted meanwhile
        with self._workload.request(expected) as request:
            for sentence in sentences:
                parts: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()
                begin = partial(_stream, self._model, sentence.text, utterance.language, sentence.speed)
                saying = asyncio.create_task(self._say(hear, begin, request, parts))
                try:
                    while (part := await parts.get()) is not None:
                        if isinstance(part, Exception):
                            raise part
                        yield replace(part, intervals=(*before, *part.intervals))
                        before = ()
                finally:
                    saying.cancel()
                    await asyncio.gather(saying, return_exceptions=True)
                if sentence.pause:
                    yield self._silence(sentence.pause)

    async def close(self) -> None:
        """Waits for the chunk that is being made; what is not finished fails with ShuttingDown."""
        await asyncio.gather(self._text_thread.close(), self._crew.close())

    def _silence(self, seconds: float) -> Chunk:
        return Chunk(np.zeros(round(seconds * self._sample_rate), np.float32), self._sample_rate)

    async def _say(
        self,
        hear: Callable[[], Speaker],
        begin: Callable[[Speaker], Iterator[Samples]],
        request: Request,
        parts: asyncio.Queue[Chunk | Exception | None],
    ) -> None:
        """Puts a sentence's chunks into ``parts``, then None, or what went wrong. ``begin`` speaks it like the speaker
        that ``hear`` returns."""
        asked = time.perf_counter_ns()
        request.waits()
        try:
            async with self._turn:
                request.begun()
                heard = await self._run(hear)
                waited = Interval(Stage.QUEUE, asked, heard.start)
                spent = [waited, Interval(Stage.INFER, heard.start, heard.end)]
                stream = begin(heard.result)
                while (made := await self._run(partial(next, stream, None))).result is not None:
                    spent.append(Interval(Stage.INFER, made.start, made.end))
                    chunk = Chunk(sound(made.result), self._sample_rate, tuple(spent))
                    request.made(chunk.seconds, made.seconds)
                    parts.put_nowait(chunk)
                    spent.clear()
        except Exception as error:  # noqa: BLE001 - handed on to whoever reads
            parts.put_nowait(error)
        else:
            parts.put_nowait(None)

    async def _run(self, function: Callable[[], Any]) -> Done[Any]:
        """Raises ShuttingDown, EngineFailed for whatever ``function`` raises, and SpeechError as it is."""
        with as_ours():
            return await self._crew.run(function)

    def _sentences(self, model: Xtts, text: Script, language: str) -> Iterator[Sentence]:
        """Each as long as the model can speak in one breath."""
        limit = int(model.tokenizer.char_limits.get(language.partition("-")[0], 250) * LONGEST_SENTENCE)
        for cue in text.cues:
            for piece, pause in cue.paused(["".join(piece).strip() for piece in cut(cue.line.text, limit)]):
                yield Sentence(piece, cue.speed, pause)

    def _hear(self, model: Xtts, voice: Voice) -> Speaker:
        """What the model makes of the voice's recording; in the thread that speaks. Raises UnknownVoice."""
        with self._speakers_lock:
            if voice.checksum in self._speakers:
                self._speakers.move_to_end(voice.checksum)
                return self._speakers[voice.checksum]
        speaker = _listen(model, self._registered(voice).read())
        with self._speakers_lock:
            self._registered(voice)
            self._speakers[voice.checksum] = speaker
            while len(self._speakers) > LATENTS_KEPT:
                self._speakers.popitem(last=False)
        return speaker

    def _registered(self, voice: Voice) -> VoiceSample:
        """The voice's recording. Raises UnknownVoice when it was deleted, or registered anew."""
        sample = self.store.samples.get(voice.name)
        if sample is None or self._identity(sample.checksum) != voice.checksum:
            raise UnknownVoice("this voice does not exist any more", param="voice_name")
        return sample

    def _forget(self, sample: VoiceSample) -> None:
        """Drops what the model made of a recording that is deleted; in any thread."""
        with self._speakers_lock:
            self._speakers.pop(self._identity(sample.checksum), None)

    def _identity(self, sample_checksum: str) -> str:
        return hashlib.sha256(f"{self._checksum} {sample_checksum}".encode()).hexdigest()

    def _prepare(self) -> float:
        """Loads the model; returns how many seconds of audio it makes in a second."""
        import torch
        from transformers.utils import logging as transformers_logging
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        transformers_logging.set_verbosity(logging.ERROR)  # it warns on standard error of what Coqui has always done
        config = XttsConfig()
        config.load_json(str(self._folder / "config.json"))
        model = Xtts(config)
        model.load_checkpoint(config, checkpoint_dir=self._folder, eval=True)
        available = "cuda" if torch.cuda.is_available() else "cpu"
        model.to(available if self._device == "auto" else self._device)
        noise = np.random.default_rng(0).normal(0.0, 0.1, WARM_UP_SECONDS * SAMPLE_RATE).astype(np.float32)
        self._warm_up = _listen(model, noise)
        begun = time.perf_counter()
        audio = _whole(model, WARM_UP[1], self._languages[0], self._warm_up)
        self._model = model
        return len(audio) / self._sample_rate / (time.perf_counter() - begun)


def _checksum(folder: Path) -> str:
    """SHA-256 over the files of the model: audio of another model is not given again as this one's.

    2 s for the 1.9 GB of XTTS v2, which are read to load the model anyway. Raises EngineFailed.
    """
    digest = hashlib.sha256()
    try:
        for name in FILES:
            with (folder / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise EngineFailed(f"TTSCOPE_XTTS_DIR can't be read: {error.strerror}") from error
    return digest.hexdigest()


def _listen(model: Xtts, audio: Samples) -> Speaker:
    import torch

    recording = torch.from_numpy(audio)[None].to(model.device)
    config = model.config
    latents = model.get_gpt_cond_latents(recording, SAMPLE_RATE, config.gpt_cond_len, config.gpt_cond_chunk_len)
    heard = recording[:, : config.max_ref_len * SAMPLE_RATE]
    return Speaker(latents, model.get_speaker_embedding(heard, SAMPLE_RATE))


def _stream(model: Xtts, sentence: str, language: str, speed: float, speaker: Speaker) -> Iterator[Samples]:
    """The audio of a sentence, a chunk at a time; each step is to be taken in the thread that speaks."""
    config = model.config
    chunks = model.inference_stream(
        sentence,
        language,
        speaker.latents,
        speaker.embedding,
        stream_chunk_size=CHUNK_TOKENS,
        temperature=config.temperature,
        length_penalty=config.length_penalty,
        repetition_penalty=config.repetition_penalty,
        top_k=config.top_k,
        top_p=config.top_p,
        speed=speed,
    )
    for chunk in chunks:
        yield chunk.float().cpu().numpy()


def _whole(model: Xtts, text: str, language: str, speaker: Speaker) -> Samples:
    return sound(np.concatenate(list(_stream(model, text, language, 1.0, speaker))))
