"""Judges what a client got of a humming provider: how long it is, and whether it is the hum."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.humming_provider import PACE

TEXT = "The rain had stopped by noon. Then we went home."
SECONDS = PACE["joe"] * (len(TEXT) - TEXT.count("."))
"""How long TEXT is hummed: its full stops take no time."""
PITCH = 220.0
"""Hz of the humming provider's hum."""


def judge(samples: bytes | str, rate: int, slack: float = 0.1) -> float:
    """Returns the seconds of TEXT as a client got it: 16-bit samples, or those in base64.

    ``slack`` is how much longer it may be: utterances have pauses between them.
    """
    data = base64.b64decode(samples) if isinstance(samples, str) else samples
    hum = np.frombuffer(data, "<i2").astype(np.float64)
    seconds = len(hum) / rate
    assert SECONDS - 0.1 <= seconds <= SECONDS + slack
    assert np.abs(hum).max() > 8000
    loudest = np.fft.rfftfreq(len(hum), 1 / rate)[np.abs(np.fft.rfft(hum)).argmax()]
    assert loudest == pytest.approx(PITCH, abs=5)
    return seconds
