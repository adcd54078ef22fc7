"""VITS models at work on one device."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from server.engine.cuda_graphs import Graphs
from server.engine.jit import Traces
from server.engine.vits import VitsLatent, VitsModel
from server.errors import EngineFailed
from server.scheduling.engine import EngineLost, Samples

SMALL_STEP_THREADS = 1
"""Of encoding and refining: their hundreds of small operations take longer on two cores, 119 ms where one takes 69."""

Window = tuple[VitsLatent, int, int]


class TorchEngine:
    """Takes steps, several of one kind at once. On the CPU any number of threads may call it, on CUDA one."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._recordings: Graphs | Traces = Graphs() if device.type == "cuda" else Traces()
        self._threads = threading.local()

    def record(self, model: VitsModel) -> None:
        """Makes ``model``'s usual windows quicker; before the first step."""
        self._recordings.prepare(model)

    def encode(self, model: VitsModel, sentences: Sequence[tuple[Sequence[int], float, bool]]) -> list[VitsLatent]:
        """Of sentences by their ids, speeds, and whether they are timed."""
        ids, speeds, timed = zip(*sentences, strict=True)
        with self._computing(SMALL_STEP_THREADS):
            return model.encode(ids, speeds, timed)

    def refine(self, blocks: Sequence[Window]) -> None:
        """Takes frames of latents of one model through the flow."""
        with self._computing(SMALL_STEP_THREADS):
            blocks[0][0].model.refine(blocks)

    def decode(self, windows: Sequence[Window], threads: int) -> Samples:
        """Shape (windows, samples), within -1 to 1, of windows of one shape and model; ``threads`` is how many cores it
        may use."""
        with self._computing(threads):
            samples: Samples = self._recordings.decode(windows[0][0].model, windows).cpu().numpy()  # waits for CUDA
        if not np.isfinite(samples).all():
            raise EngineFailed("the voice's model gave numbers that are not audio")
        return np.ascontiguousarray(samples)

    @contextmanager
    def _computing(self, threads: int) -> Iterator[None]:
        """Without gradients, on ``threads`` cores; a fault of the device is told from a fault of the batch."""
        if getattr(self._threads, "count", 0) != threads:
            torch.set_num_threads(threads)  # OpenMP's setting is of the calling thread
            self._threads.count = threads
        try:
            with torch.inference_mode():
                yield
        except torch.AcceleratorError as error:
            raise EngineLost("the accelerator has failed") from error
