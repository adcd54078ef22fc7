"""Serves the server's requests in the engine's process, with a thread for each connection."""

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
from server.engine.messages import EMPTY, HEADER, EngineFailure, EngineRequest, EngineResponse, LatentHandle
from server.errors import EngineFailed, VoiceError
from server.lifecycle import launch
from server.logs import LOGGER
from server.scheduling.engine import EngineLost
from server.utterance import Samples
from server.voices.checkpoint import before_import

if TYPE_CHECKING:
    from server.engine.torch_engine import TorchEngine
    from server.engine.vits import VitsLatent, VitsModel

log = logging.getLogger(f"{LOGGER}.engine")


class EngineServer:
    """Holds the voices and the sentences in progress. On the CPU it serves several connections at once, on CUDA one."""

    def __init__(self) -> None:
        self._engine: TorchEngine | None = None
        self._models: dict[str, VitsModel] = {}
        self._latents: dict[int, VitsLatent] = {}
        self._keys = itertools.count()

    def serve(self, connection: socket.socket) -> None:
        """Serves requests until the other end is closed. The kernel closes it when the server ends for any reason."""
        try:
            while True:
                request = _receive(connection)
                for key in request.released:
                    del self._latents[key]
                response, samples = self._respond(request.command)
                connection.sendall(messages.frame(response, samples))
                if samples.size:
                    connection.sendall(samples.data.cast("B"))
        except (EOFError, ConnectionError):
            connection.close()

    def _respond(self, command: messages.Command[object]) -> tuple[EngineResponse[object] | EngineFailure, Samples]:
        start = time.perf_counter_ns()
        try:
            value, samples = self._execute(command)
        except EngineLost as error:
            log.exception("the engine is lost")
            return EngineFailure(error), EMPTY
        except (EngineFailed, VoiceError) as error:
            return EngineFailure(error), EMPTY
        except Exception:  # torch: for any error, the client learns only that the engine failed
            log.exception("the engine failed")
            return EngineFailure(EngineFailed("the speech engine failed")), EMPTY
        return EngineResponse(value, start, time.perf_counter_ns()), samples

    def _execute(self, command: messages.Command[object]) -> tuple[object, Samples]:
        value: object = None
        samples = EMPTY
        match command:
            case messages.OpenDevice(device):
                value = self._open(device)
            case messages.LoadVoice():
                value = self._load(command)
            case messages.SpeakSentence(voice, ids):
                value = _spoken_seconds(self._models[voice], ids)
            case messages.PrepareDecoder(voice, ids, number_format):
                value = self._prepare_decoder(self._models[voice], ids, number_format)
            case messages.EndLoading():
                launch.settle()
            case messages.EncodeSentences(voice, sentences):
                value = [self._store(latent) for latent in self._open_engine.encode(self._models[voice], sentences)]
            case messages.RefineBlocks(blocks):
                self._open_engine.refine(self._windows(blocks))
            case messages.DecodeWindows(windows, threads):
                samples = self._open_engine.decode(self._windows(windows), threads)
        return value, samples

    @property
    def _open_engine(self) -> TorchEngine:
        if self._engine is None:
            raise EngineFailed("the engine has no device yet")
        return self._engine

    def _open(self, name: str) -> str:
        """Imports torch and Coqui (which takes 6 s), opens the device, and returns its type."""
        before_import()
        import librosa.filters  # noqa: F401 - Coqui's constructor would import it in a voice's loading time
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

    def _load(self, command: messages.LoadVoice) -> messages.VoiceProperties:
        """Loads a voice. Raises VoiceError when its files can't be loaded."""
        from server.engine.vits import VitsModel

        model = VitsModel.load(command.config, command.model, self._open_engine.device)
        self._models[command.voice] = model
        return messages.VoiceProperties(model.sample_rate, model.vocabulary, model.frame_seconds, model.decoder.context)

    def _prepare_decoder(self, model: VitsModel, ids: Sequence[int], number_format: str) -> messages.DecoderProperties:
        from server.engine import precision, processor

        dtype = precision.choose(model, ids, number_format)
        self._open_engine.record(model)
        start = time.perf_counter()
        rate = _spoken_seconds(model, ids) / (time.perf_counter() - start)
        return messages.DecoderProperties(processor.arithmetic(model.device, dtype), rate)

    def _store(self, latent: VitsLatent) -> LatentHandle:
        key = next(self._keys)
        self._latents[key] = latent
        return LatentHandle(key, latent.frames, latent.ends)

    def _windows(self, blocks: Sequence[messages.Block]) -> list[tuple[VitsLatent, int, int]]:
        return [(self._latents[key], start, stop) for key, start, stop in blocks]


def _spoken_seconds(model: VitsModel, ids: Sequence[int]) -> float:
    """Speaks a sentence and returns its duration in seconds."""
    import torch

    with torch.inference_mode():
        [latent] = model.encode([ids], [1.0])
        model.refine([(latent, 0, latent.frames)])
        samples = model.decode([(latent, 0, latent.frames)]).cpu()
    if not torch.isfinite(samples).all():
        raise EngineFailed("the voice's model gave numbers that are not audio")
    return int(samples.shape[-1]) / model.sample_rate


def _receive(connection: socket.socket) -> EngineRequest:
    length, _, _ = HEADER.unpack(_exactly(connection, HEADER.size))
    request: EngineRequest = pickle.loads(_exactly(connection, length))  # noqa: S301 - from our own process
    return request


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise EOFError
    return data
