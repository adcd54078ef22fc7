"""Rates how speech sounds by DNSMOS P.835, whose weights are in the package speechmos.

Source: Reddy, Gopal, Cutler, "DNSMOS P.835", ICASSP 2022: a model of 9.01 s of audio, and polynomials that map its
results to the mean opinion scores of listeners.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np

from otel.contract.recognition_values import MosAspect
from server.utterance import Samples

RATE = 16_000
"""Hz that the model takes."""
WINDOW = round(9.01 * RATE)
"""Samples that the model takes at once; shorter speech is repeated."""
POLYNOMIALS = {
    MosAspect.SIGNAL: (-0.08397278, 1.22083953, 0.0052439),
    MosAspect.BACKGROUND: (-0.13166888, 1.60915514, -0.39604546),
    MosAspect.OVERALL: (-0.06766283, 1.11546468, 0.04602535),
}
"""In the order of the model's results."""


def available() -> bool:
    """Returns whether the weights are installed."""
    return find_spec("speechmos") is not None


def rate(samples: Samples, sample_rate: int) -> dict[MosAspect, float]:
    """Returns the scores of mono speech, shape (samples,), at ``sample_rate`` Hz: 1 is bad, 5 is excellent.

    It takes 0.1 s of a core for each second beyond the ninth.
    """
    import soxr

    speech = soxr.resample(samples, sample_rate, RATE)
    if not len(speech):
        raise ValueError("there is no speech to rate")
    speech = np.tile(speech, -(-WINDOW // len(speech))) if len(speech) < WINDOW else speech
    starts = range(0, len(speech) - WINDOW + 1, RATE)
    raw = np.mean([_model().run(None, {"input_1": _window(speech, start)})[0][0] for start in starts], axis=0)
    return {
        aspect: float(np.polyval(coefficients, value))
        for (aspect, coefficients), value in zip(POLYNOMIALS.items(), raw, strict=True)
    }


def _window(speech: Samples, start: int) -> Samples:
    return speech[start : start + WINDOW].astype(np.float32)[np.newaxis]


@cache
def _model() -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = files("speechmos") / "dnsmos_models" / "sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
