"""Chooses the number format in which a voice's decoder is fastest on this machine without an audible difference."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from server.engine.vits import VitsLatent, VitsModel
from server.errors import EngineFailed

SNR_BOUND_DB = 40.0
"""The minimum ratio of the speech to the format's error, in decibels. bfloat16 reaches 41, float16 about 60."""
GAIN = 1.1
"""The minimum speed of another format, as a multiple of float32's."""
AUTO = "auto"
FRAMES = 128
ROUNDS = 5


def choose(model: VitsModel, ids: Sequence[int], number_format: str = AUTO) -> torch.dtype:
    """Gives ``model`` a decoder in ``number_format``, and returns its format; for AUTO, that of the fastest decoder
    whose audio for ``ids`` is within the bound. Raises EngineFailed for a format that the device lacks."""
    if number_format != AUTO:
        dtype: torch.dtype = getattr(torch, number_format)
        if dtype not in (torch.float32, *candidates(model.device)):
            raise EngineFailed(f"TTSCOPE_NUMBER_FORMAT: this device does not compute in {number_format}")
        model.set_decoder_dtype(dtype)
        return dtype
    with torch.inference_mode():
        [latent] = model.encode([ids], [1.0])
        model.refine([(latent, 0, latent.frames)])
        window = (latent, 0, min(FRAMES, latent.frames))
        best, reference = _time(model, window), model.decode([window])
        fastest = torch.float32
        for dtype in candidates(model.device):
            model.set_decoder_dtype(dtype)
            faithful = snr_db(reference, model.decode([window])) >= SNR_BOUND_DB
            if faithful and (seconds := _time(model, window)) < best / GAIN:
                best, fastest = seconds, dtype
        model.set_decoder_dtype(fastest)
    return fastest


def snr_db(reference: Tensor, other: Tensor) -> float:
    """Returns the ratio of the power of ``reference`` to that of the difference, in decibels."""
    noise = float((reference - other).square().sum())
    return 10 * math.log10(float(reference.square().sum()) / noise) if noise else math.inf


def candidates(device: torch.device) -> tuple[torch.dtype, ...]:
    """Returns the formats that the device supports in hardware; others are emulated, many times slower."""
    if device.type == "cuda":
        return (torch.float16, torch.bfloat16)
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return (torch.bfloat16,) if native else ()


def _time(model: VitsModel, window: tuple[VitsLatent, int, int]) -> float:
    """Returns the time of a window in seconds, the best of a few runs."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        model.decode([window]).cpu()
        times.append(time.perf_counter() - start)
    return min(times[1:])
