"""Listens to speech with PocketSphinx, which is there in every checkout, and counts the words that are wrong."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from server.verification.backends import PocketSphinx, hear
from server.verification.word_errors import compare

RATE = 16_000
"""Hz that the recogniser wants."""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def recognise(samples: npt.NDArray[np.float32], sample_rate: int) -> list[str]:
    """The words heard in mono speech, shape (samples,); every call starts afresh, what it heard before is no help."""
    return words(hear(PocketSphinx(), samples, sample_rate))


def when(samples: npt.NDArray[np.float32], sample_rate: int, said: list[str]) -> list[tuple[float, float]]:
    """When each of the words that are ``said`` begins and ends, in seconds, as the recogniser hears it."""
    from pocketsphinx import Decoder
    from scipy.signal import resample_poly

    heard = resample_poly(samples, RATE, sample_rate)
    pcm = (heard * (0.7 / max(1e-6, float(np.abs(heard).max()))) * 32767).astype(np.int16)
    decoder = Decoder(samprate=RATE, loglevel="FATAL", bestpath=False)
    decoder.set_align_text(" ".join(said))
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
    frames = [(segment.start_frame, segment.end_frame + 1) for segment in decoder.seg()
              if not segment.word.startswith(("<", "["))]  # fmt: skip
    assert len(frames) == len(said)
    return [(start / 100, end / 100) for start, end in frames]


def errors(said: list[str], heard: list[str]) -> int:
    """The least number of words to change, leave out or put in to get from one to the other."""
    return compare(said, heard).total
