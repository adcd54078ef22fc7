"""The predictor of a cold start: linear in phonemes, learned online from each request."""

from __future__ import annotations

from otel.contract.values import Predictor
from otel.prediction.features import Prediction, Quantiles, RequestFeatures
from server.prediction.online_regression import OnlineRegression
from server.prediction.recent_values import RecentValues

ENOUGH_RATIOS = 20
"""The least requests from which quantiles are taken."""
COLD_P95 = 2.0
"""The p95 as a multiple of the median until then."""
LEAST_SECONDS = 0.001

AUDIO = (0.1, 0.065)
"""The first weights: seconds of audio per sentence and per phoneme, as an ordinary voice has them."""
DURATION = (0.02, 0.065, 0.5)
"""Seconds, seconds of audio per phoneme that the provider makes, and the share of the audio ahead that is made before:
the schedule is fair among clients."""
FIRST_AUDIO = (0.02, 1.0, 0.1)
"""Seconds, seconds of audio that the provider makes before a stream begins, and the share of the audio ahead."""


class _Line:
    """A regression and the quantiles of what it was off by."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        self._regression = OnlineRegression(weights)
        self._ratios = RecentValues()

    @property
    def warm(self) -> bool:
        """Whether it has learned from enough requests."""
        return len(self._ratios) >= ENOUGH_RATIOS

    def predict(self, terms: tuple[float, ...]) -> Quantiles:
        expected = max(LEAST_SECONDS, self._regression.predict(terms))
        if not self.warm:
            return Quantiles(expected, COLD_P95 * expected)
        return Quantiles(expected * self._ratios.quantile(0.5), expected * self._ratios.quantile(0.95))

    def learn(self, terms: tuple[float, ...], seconds: float) -> None:
        self._ratios.add(seconds / max(LEAST_SECONDS, self._regression.predict(terms)))
        self._regression.learn(terms, seconds)


class LinearPredictor:
    """Predicts from the phonemes, the measured throughput and the audio ahead; used by the event loop's thread alone.

    Each voice has its own pace. Memory is bounded by the number of voices.
    """

    def __init__(self) -> None:
        self._audio: dict[str, _Line] = {}
        self._durations = {streamed: _Line(DURATION) for streamed in (False, True)}
        self._first_audio = _Line(FIRST_AUDIO)

    def predict(self, features: RequestFeatures, estimate: float) -> Prediction:
        """Returns the prediction for a request; ``estimate`` is its voice's own of the seconds of audio, which is used
        until the voice's pace is known."""
        _, length, pace, work, _, wait = features.terms()
        line = self._audio.get(features.voice)
        audio = estimate if line is None or not line.warm else line.predict((1.0, length)).p50
        duration = self._durations[features.streamed].predict((1.0, work, wait))
        first = self._first_audio.predict((1.0, pace, wait)) if features.streamed else duration
        return Prediction(features, Predictor.LINEAR, audio, duration, first)

    def learn(self, features: RequestFeatures, audio: float, duration: float, first_audio: float) -> None:
        """Learns from a request whose audio was made: its seconds of audio, and its durations. All are positive."""
        _, length, pace, work, _, wait = features.terms()
        self._audio.setdefault(features.voice, _Line(AUDIO)).learn((1.0, length), audio)
        self._durations[features.streamed].learn((1.0, work, wait), duration)
        if features.streamed:
            self._first_audio.learn((1.0, pace, wait), first_audio)
