"""The engine's own process: it does what the server's asks for, with a thread for each connection."""

from __future__ import annotations

import itertools
import logging
import pickle
import re
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from server.engine import messages
from server.engine.messages import EMPTY, HEADER, Answer, Failure, Question
from server.errors import EngineFailed
from server.lifecycle import launch
from server.logs import LOGGER
from server.scheduling.engine import EngineLost, Samples
from server.voices.checkpoint import before_import
from server.voices.errors import VoiceError

if TYPE_CHECKING:
    from server.engine.torch_engine import TorchEngine
    from server.engine.vits import VitsLatent, VitsModel

log = logging.getLogger(f"{LOGGER}.engine")


class Host:
    """Voices and the sentences that are being made, for several connections at once on the CPU, for one on CUDA."""

    def __init__(self) -> None:
        self._engine: TorchEngine | None = None
        self._models: dict[str, VitsModel] = {}
        self._latents: dict[int, VitsLatent] = {}
        self._keys = itertools.count()

    def serve(self, connection: socket.socket) -> None:
        """Until the other end is closed, as it is by the kernel when that process ends, however it ends."""
        try:
            while True:
                question = _receive(connection)
                for key in question.forgotten:
                    del self._latents[key]
                answer, samples = self._answer(question.request)
                connection.sendall(messages.frame(answer, samples))
                if samples.size:
                    connection.sendall(samples.data.cast("B"))
        except (EOFError, ConnectionError):
            connection.close()

    def _answer(self, request: messages.Request) -> tuple[Answer | Failure, Samples]:
        begin = time.perf_counter_ns()
        try:
            value, samples = self._do(request)
        except EngineLost as error:
            log.exception("the engine is lost")
            return Failure(error), EMPTY
        except (EngineFailed, VoiceError) as error:
            return Failure(error), EMPTY
        except Exception:  # torch: whatever it is, the client learns that the engine failed, no more
            log.exception("the engine failed")
            return Failure(EngineFailed("the speech engine failed")), EMPTY
        return Answer(value, begin, time.perf_counter_ns()), samples

    def _do(self, request: messages.Request) -> tuple[object, Samples]:
        value: object = None
        samples = EMPTY
        match request:
            case messages.Open(device):
                value = self._open(device)
            case messages.Load(voice):
                value = self._load(request)
            case messages.Try(voice, ids):
                value = _seconds(self._models[voice], ids)
            case messages.Finish(voice, ids):
                value = self._finish(self._models[voice], ids)
            case messages.Settle():
                launch.settle()
            case messages.Encode(voice, sentences):
                value = [self._keep(latent) for latent in self._ready.encode(self._models[voice], sentences)]
            case messages.Refine(blocks):
                self._ready.refine(self._windows(blocks))
            case messages.Decode(windows, threads):
                samples = self._ready.decode(self._windows(windows), threads)
        return value, samples

    @property
    def _ready(self) -> TorchEngine:
        if self._engine is None:
            raise EngineFailed("the engine has no device yet")
        return self._engine

    def _open(self, name: str) -> str:
        """Imports torch and Coqui, 6 s, and chooses the device: its type."""
        before_import()
        import librosa.filters  # noqa: F401 - Coqui's constructor imports it: here it does not count as a voice's time
        import torch
        import TTS.tts.models.vits  # noqa: F401

        from server.engine.torch_engine import TorchEngine

        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
            raise EngineFailed(f"there is no device {name!r}: it must be auto, cpu, cuda or cuda:N")
        device = torch.device(name)
        if device.type == "cuda":
            if (device.index or 0) >= torch.cuda.device_count():
                raise EngineFailed(f"the device {name} was asked for, but torch sees {torch.cuda.device_count()} GPUs")
            torch.cuda.set_device(device)
        self._engine = TorchEngine(device)
        return str(device.type)

    def _load(self, request: messages.Load) -> messages.Loaded:
        """Raises VoiceError when the voice's files can't be loaded."""
        from server.engine.vits import VitsModel

        model = VitsModel.load(request.config, request.model, self._ready.device)
        self._models[request.voice] = model
        return messages.Loaded(model.sample_rate, model.vocabulary, model.frame_seconds, model.decoder.context)

    def _finish(self, model: VitsModel, ids: Sequence[int]) -> messages.Finished:
        from server.engine import precision

        dtype = precision.choose(model, ids)
        self._ready.record(model)
        begun = time.perf_counter()
        rate = _seconds(model, ids) / (time.perf_counter() - begun)
        return messages.Finished(str(dtype).removeprefix("torch."), rate)

    def _keep(self, latent: VitsLatent) -> messages.Latent:
        key = next(self._keys)
        self._latents[key] = latent
        return messages.Latent(key, latent.frames, latent.ends)

    def _windows(self, blocks: Sequence[messages.Block]) -> list[tuple[VitsLatent, int, int]]:
        return [(self._latents[key], start, stop) for key, start, stop in blocks]


def _seconds(model: VitsModel, ids: Sequence[int]) -> float:
    """Speaks a sentence, and tells how long its audio is."""
    import torch

    with torch.inference_mode():
        [latent] = model.encode([ids], [1.0])
        model.refine([(latent, 0, latent.frames)])
        samples = model.decode([(latent, 0, latent.frames)]).cpu()
    if not torch.isfinite(samples).all():
        raise EngineFailed("the voice's model gave numbers that are not audio")
    return int(samples.shape[-1]) / model.sample_rate


def _receive(connection: socket.socket) -> Question:
    length, _, _ = HEADER.unpack(_exactly(connection, HEADER.size))
    question: Question = pickle.loads(_exactly(connection, length))  # noqa: S301 - from our own process
    return question


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise EOFError
    return data
