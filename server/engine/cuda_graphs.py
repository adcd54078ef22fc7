"""Decodes on CUDA without the cost of a hundred kernel launches: each shape is recorded once and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from server.engine.jit import usual_windows
from server.engine.vits import VitsLatent, VitsModel

SIZES = (1, 2, 4, 8, 16, 32)
"""The numbers of windows in a recorded batch; smaller batches are padded."""
WARM_UPS = 3
"""The number of runs before a recording, in which libraries choose their kernels and allocate their memory (PyTorch,
CUDA graphs)."""


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    input: Tensor
    output: Tensor


class CudaGraphDecoder:
    """Replays recordings of usual windows; other windows are decoded step by step.

    It is used by the one thread that owns the device. Source: Accelerating PyTorch with CUDA Graphs (pytorch.org,
    2021).
    """

    def __init__(self) -> None:
        self._recordings: dict[tuple[int, int, int, int, int], _Recording] = {}
        self._pool: tuple[int, int] | None = None

    def prepare(self, model: VitsModel) -> None:
        """Records every frequent shape, the largest first, so that the smaller ones reuse its memory."""
        with torch.inference_mode():
            for size in reversed(SIZES):
                for frames, left, right in usual_windows(model.decoder.context):
                    self._record(model, size, frames, left, right)

    def decode(self, model: VitsModel, windows: Sequence[tuple[VitsLatent, int, int]]) -> Tensor:
        """Returns the same as VitsModel.decode."""
        frames, left, right = model.window_shape(*windows[0])
        size = next(size for size in SIZES if size >= len(windows))
        recording = self._recordings.get((id(model), size, frames, left, right))
        if recording is None:
            return model.decode(windows)
        for number, (latent, start, stop) in enumerate(windows):
            recording.input[number].copy_(latent.refined[start - left : stop + right])
        recording.graph.replay()
        return recording.output[: len(windows)]

    def _record(self, model: VitsModel, size: int, frames: int, left: int, right: int) -> None:
        frames_in = torch.zeros(size, left + frames + right, model.channels, device=model.device)
        side = torch.cuda.Stream(model.device)
        side.wait_stream(torch.cuda.current_stream(model.device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                model.decoder(frames_in, left, right)
        torch.cuda.current_stream(model.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            waveforms = model.decoder(frames_in, left, right)
        self._pool = self._pool or graph.pool()
        self._recordings[id(model), size, frames, left, right] = _Recording(graph, frames_in, waveforms)
