"""Decoding on CUDA without the cost of its hundred launches: each shape's work is recorded once and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from server.engine.jit import usual_windows
from server.engine.vits import VitsLatent, VitsModel

SIZES = (1, 2, 4, 8, 16, 32)
"""Windows in a recorded batch; smaller batches are filled up."""
WARM_UPS = 3
"""Runs before a recording, in which libraries choose their kernels and take their memory (PyTorch, CUDA graphs)."""


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    given: Tensor
    made: Tensor


class Graphs:
    """Recordings of the windows that begin a sentence or lie inside it; others are decoded step by step.

    Source: Accelerating PyTorch with CUDA Graphs (pytorch.org, 2021). Used by the one thread that owns the device.
    """

    def __init__(self) -> None:
        self._recordings: dict[tuple[int, int, int, int, int], _Recording] = {}
        self._pool: tuple[int, int] | None = None

    def prepare(self, model: VitsModel) -> None:
        """Records every shape that will come often, largest first, so that the smaller ones find their memory there."""
        with torch.inference_mode():
            for size in reversed(SIZES):
                for frames, left, right in usual_windows(model.decoder.context):
                    self._record(model, size, frames, left, right)

    def decode(self, model: VitsModel, windows: Sequence[tuple[VitsLatent, int, int]]) -> Tensor:
        """As VitsModel.decode."""
        frames, left, right = model.shape(*windows[0])
        size = next(size for size in SIZES if size >= len(windows))
        recording = self._recordings.get((id(model), size, frames, left, right))
        if recording is None:
            return model.decode(windows)
        for number, (latent, start, stop) in enumerate(windows):
            recording.given[number].copy_(latent.refined[start - left : stop + right])
        recording.graph.replay()
        return recording.made[: len(windows)]

    def _record(self, model: VitsModel, size: int, frames: int, left: int, right: int) -> None:
        given = torch.zeros(size, left + frames + right, model.channels, device=model.device)
        side = torch.cuda.Stream(model.device)
        side.wait_stream(torch.cuda.current_stream(model.device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                model.decoder(given, left, right)
        torch.cuda.current_stream(model.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            made = model.decoder(given, left, right)
        self._pool = self._pool or graph.pool()
        self._recordings[id(model), size, frames, left, right] = _Recording(graph, given, made)
