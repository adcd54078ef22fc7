"""The engine: VITS models on one device, taking the schedule's steps. See server.scheduling.steps.Engine."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch

from server.engine.graphs import Graphs
from server.engine.traces import Traces
from server.engine.vits import VitsLatent, VitsModel
from server.errors import EngineFailed
from server.scheduling.steps import Decode, Encode, EngineLost, Refine, Samples, Step

CUDA_MOST = {Encode: 16, Refine: 16, Decode: 32}
"""Steps in a batch on CUDA. On the CPU a batch gains nothing over one step on each core: there each is alone."""
SMALL_STEP_THREADS = 1
"""Of encoding and refining: their hundreds of small operations take longer on two cores, 119 ms where one takes 69."""
LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512, 768)
"""Buckets: a batch is padded to its longest, so the lengths in it lie within a third or so of each other."""


class TorchEngine:
    """Each worker's calls may run beside those of the others on the CPU; on CUDA there must be one worker."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._models: dict[str, VitsModel] = {}
        self._batches = device.type == "cuda"
        self._recordings: Graphs | Traces = Graphs() if self._batches else Traces()
        self._threads = threading.local()

    def add(self, voice: str, model: VitsModel) -> None:
        """Makes ``voice`` speakable; before the first step."""
        self._models[voice] = model
        self._recordings.prepare(model)

    def most(self, step: Step) -> int:
        return CUDA_MOST[type(step)] if self._batches else 1

    def size(self, step: Step) -> int:
        return len(step.sentence.ids) if isinstance(step, Encode) else step.stop - step.start

    def bucket(self, step: Step) -> Hashable:
        if isinstance(step, Encode):
            return (Encode, step.sentence.voice, _length(len(step.sentence.ids)))
        latent = cast("VitsLatent", step.latent)
        if isinstance(step, Refine):
            return (Refine, id(latent.model), _length(step.stop - step.start))
        return (Decode, id(latent.model), latent.model.shape(latent, step.start, step.stop))

    def encode(self, steps: Sequence[Encode], threads: int) -> Sequence[VitsLatent]:
        sentences = [step.sentence for step in steps]
        with self._computing(SMALL_STEP_THREADS):
            return self._models[sentences[0].voice].encode(
                [s.ids for s in sentences], [s.speed for s in sentences], [bool(s.marks) for s in sentences]
            )

    def refine(self, steps: Sequence[Refine], threads: int) -> None:
        blocks = [(cast("VitsLatent", step.latent), step.start, step.stop) for step in steps]
        with self._computing(SMALL_STEP_THREADS):
            blocks[0][0].model.refine(blocks)

    def decode(self, steps: Sequence[Decode], threads: int) -> Sequence[Samples]:
        windows = [(cast("VitsLatent", step.latent), step.start, step.stop) for step in steps]
        model = windows[0][0].model
        with self._computing(threads):
            samples = self._recordings.decode(model, windows).cpu().numpy()  # waits for the device
        if not np.isfinite(samples).all():
            raise EngineFailed("the voice's model gave numbers that are not audio")
        return list(samples)

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


def _length(size: int) -> int:
    return next((length for length in LENGTHS if size <= length), -(-size // LENGTHS[-1]) * LENGTHS[-1])
