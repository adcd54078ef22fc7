"""Listens to speech: a recogniser (pocketsphinx, its model inside the package) and the word error rate."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

RATE = 16_000
"""Hz that the recogniser wants."""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def recognise(samples: npt.NDArray[np.float32], sample_rate: int) -> list[str]:
    """The words heard in mono speech, shape (samples,); every call starts afresh, what it heard before is no help."""
    from pocketsphinx import Decoder
    from scipy.signal import resample_poly

    heard = resample_poly(samples, RATE, sample_rate)
    margin = np.zeros(RATE // 4)
    level = 0.7 / max(1e-6, float(np.abs(heard).max()))
    pcm = (np.concatenate((margin, heard * level, margin)) * 32767).astype(np.int16)
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return words(hypothesis.hypstr) if hypothesis else []


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
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other)))
    return row[-1]
