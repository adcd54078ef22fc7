"""G.711: the mu-law and A-law of telephony, a byte for each sample.

Source: ITU-T G.711 (1988), tables 1a to 2b, scaled to 16 bits: mu-law has 14 bits and A-law 13.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]

_BIAS, _LOUDEST = 132, 32635
"""What mu-law adds to a magnitude, and the largest magnitude before that."""


def mulaw(numbers: npt.NDArray[np.int16]) -> Codes:
    """Returns 16-bit samples as mu-law, of the same shape. The error is at most (|sample| + 132) / 32."""
    return _mulaw_codes()[numbers.view(np.uint16)]


def alaw(numbers: npt.NDArray[np.int16]) -> Codes:
    """Returns 16-bit samples as A-law, of the same shape. The error is at most |sample| / 32, or 8 of small ones."""
    return _alaw_codes()[numbers.view(np.uint16)]


@cache
def _mulaw_codes() -> Codes:
    """Returns the code of every 16-bit integer, by that integer as an unsigned one."""
    numbers = _every_number()
    magnitudes = np.minimum(np.abs(numbers), _LOUDEST) + _BIAS
    segments = np.searchsorted(1 << np.arange(8, 15), magnitudes, side="right")
    steps = (magnitudes >> (segments + 3)) & 15
    codes: Codes = (~(np.where(numbers < 0, 0x80, 0) | segments << 4 | steps)).astype(np.uint8)
    return codes


@cache
def _alaw_codes() -> Codes:
    """Returns the code of every 16-bit integer, by that integer as an unsigned one."""
    numbers = _every_number()
    magnitudes = np.where(numbers < 0, ~numbers, numbers) >> 3
    segments = np.searchsorted(1 << np.arange(5, 12), magnitudes, side="right")
    steps = (magnitudes >> np.maximum(segments, 1)) & 15
    codes: Codes = ((segments << 4 | steps) ^ np.where(numbers < 0, 0x55, 0xD5)).astype(np.uint8)
    return codes


def _every_number() -> npt.NDArray[np.int32]:
    return np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int32)
