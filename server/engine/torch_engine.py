"""Runs the steps of VITS models on one device."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from server.engine.cuda_graphs import CudaGraphDecoder
from server.engine.jit import JitDecoder
from server.engine.noise import NoiseKey
from server.engine.vits import VitsLatent, VitsModel
from server.errors import EngineFailed
from server.scheduling.engine import EngineLost
from server.utterance import Samples

SMALL_STEP_THREADS = 1
"""The number of threads for encoding and refining, hundreds of small operations: 69 ms on one core, 119 ms on two."""

Window = tuple[VitsLatent, int, int]


class TorchEngine:
    """Runs steps, several of one kind at once. On the CPU any number of threads may call it, on CUDA one."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._decoder: CudaGraphDecoder | JitDecoder = CudaGraphDecoder() if device.type == "cuda" else JitDecoder()
        self._threads = threading.local()

    def record(self, model: VitsModel) -> None:
        """Records ``model``'s usual windows to make them faster. Call it before the first step."""
        self._decoder.prepare(model)

    def encode(
        self, model: VitsModel, sentences: Sequence[tuple[Sequence[int], float, bool, NoiseKey]]
    ) -> list[VitsLatent]:
        """Returns the latents of sentences, which are given as in ``messages.EncodeSentences``."""
        ids, speeds, with_ends, keys = zip(*sentences, strict=True)
        with self._computing(SMALL_STEP_THREADS):
            return model.encode(ids, speeds, with_ends, keys)

    def refine(self, blocks: Sequence[Window]) -> None:
        """Passes frames of latents of one model through the flow."""
        with self._computing(SMALL_STEP_THREADS):
            blocks[0][0].model.refine(blocks)

    def decode(self, windows: Sequence[Window], threads: int) -> Samples:
        """Returns the waveforms of windows of one shape and model, on at most ``threads`` cores.

        The result has the shape (windows, samples), within -1 to 1.
        """
        with self._computing(threads):
            samples: Samples = self._decoder.decode(windows[0][0].model, windows).cpu().numpy()  # waits for CUDA
        if not np.isfinite(samples).all():
            raise EngineFailed("the voice's model gave numbers that are not audio")
        return np.ascontiguousarray(samples)

    @contextmanager
    def _computing(self, threads: int) -> Iterator[None]:
        """Computes without gradients on ``threads`` cores. Raises EngineLost for a fault of the device."""
        if getattr(self._threads, "count", 0) != threads:
            torch.set_num_threads(threads)  # OpenMP's setting is per thread
            self._threads.count = threads
        try:
            with torch.inference_mode():
                yield
        except torch.AcceleratorError as error:
            raise EngineLost("the accelerator has failed") from error
