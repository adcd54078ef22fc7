"""The predictor: what it learns by itself, and when the trained model may predict."""

from __future__ import annotations

import logging
import math
import random
from typing import Any

import pytest

from otel.contract.values import CacheResult, FallbackReason, ModelState, Outcome, PredictionRank, Predictor
from otel.prediction.features import Quantiles, RequestFeatures
from server.prediction.linear import LinearPredictor
from server.prediction.online_regression import OnlineRegression
from server.prediction.phoneme_estimate import estimate_phonemes
from server.prediction.recent_loss import RecentLoss, pinball
from server.prediction.recent_values import MOST_VALUES, RecentValues
from server.prediction.request_predictor import ENOUGH_REQUESTS, RequestPredictor, observed
from server.record import RequestRecord, Synthesis
from server.telemetry.prediction_recorder import rank
from server.utterance import Listener, Utterance, Voice
from tests.fake_clock import Clock
from tests.prediction_models import NOW, features, model

JOE = Voice("joe", ("en",), 22050, "c0ffee")
HOUR = 3600.0
SPREAD = 0.7 / 1.645
"""The spread of durations for which the p95 of tests.prediction_models is right."""


def at(moment: float) -> Clock:
    clock = Clock()
    clock.now = moment
    return clock


def predictor(
    clock: Clock | None = None, build: str = "test", voices: dict[str, str] | None = None
) -> RequestPredictor:
    return RequestPredictor(build, lambda: voices or {"joe": "c0ffee"}, HOUR, clock or at(NOW))


def ended(own: RequestFeatures, prediction: Any, duration: float) -> RequestRecord:
    """A request that took ``duration`` seconds."""
    record = RequestRecord("id", "/tts", "POST")
    utterance = Utterance("x" * own.characters, JOE, "en", own.words, own.characters)
    record.synthesis = Synthesis(utterance, Listener(own.streamed), prediction=prediction)
    record.synthesis.take_from(CacheResult.MISS)
    record.received = record.began
    record.audio_seconds = 0.065 * own.phonemes
    record.first_audio = record.ready = record.received + round(duration * 1e9)
    record.finish(Outcome.OK, 200)
    return record


def serve(
    served: RequestPredictor, rng: random.Random, seconds_per_work: float, requests: int, spread: float = 0.1
) -> list[str]:
    """Serves requests whose duration is their work times ``seconds_per_work``, and returns who predicted each."""
    names = []
    for _ in range(requests):
        own = features(phonemes=rng.randint(20, 2000), words=rng.randint(1, 400))
        prediction = served.predict(own, 1.0)
        names.append(prediction.predictor)
        noise = math.exp(rng.gauss(0, spread))
        served.learn(ended(own, prediction, seconds_per_work * own.phonemes / own.throughput * noise))
    return names


def test_phonemes_are_estimated_from_letters_digits_and_signs() -> None:
    assert estimate_phonemes("Hello world.") == 12
    assert estimate_phonemes("") == 0
    assert estimate_phonemes("12345") == 36
    assert estimate_phonemes("$5") > 3 * estimate_phonemes("as")
    assert estimate_phonemes("こんにちは") == 5
    assert estimate_phonemes("नमस्ते") == 6


def test_a_regression_finds_the_line() -> None:
    rng = random.Random(1)
    regression = OnlineRegression((0.1, 0.065))
    for _ in range(200):
        length = rng.uniform(10, 1000)
        regression.learn((1.0, length), 0.5 + 0.03 * length)
    assert regression.predict((1.0, 2000.0)) == pytest.approx(60.5, rel=0.01)


def test_a_regression_stays_sound_when_a_term_is_always_zero() -> None:
    regression = OnlineRegression((0.02, 0.065, 0.5))
    for number in range(5000):
        regression.learn((1.0, 10.0 + number % 7, 0.0), 1.0)
    regression.learn((1.0, 10.0, 5.0), 3.0)
    assert all(math.isfinite(weight) for weight in regression.weights)
    assert regression.predict((1.0, 12.0, 0.0)) == pytest.approx(1.0, rel=0.2)


def test_quantiles_are_of_the_recent_values() -> None:
    values = RecentValues()
    for number in range(1000):
        values.add(float(number % 500))
    assert len(values) == MOST_VALUES
    assert values.quantile(0.5) == 400
    assert values.quantile(1.0) == 499


def test_the_loss_is_least_at_the_quantile() -> None:
    rng = random.Random(2)
    durations = sorted(math.exp(rng.gauss(0, 1)) for _ in range(999))

    def loss(predicted: float) -> float:
        return sum(pinball(0.95, duration, predicted) for duration in durations)

    p95 = durations[949]
    assert loss(p95) < loss(0.8 * p95)
    assert loss(p95) < loss(1.25 * p95)


def test_a_replaced_predictor_begins_anew() -> None:
    loss = RecentLoss()
    loss.add("model", 1.0, Quantiles(2.0, 4.0))
    assert loss.count("model") == 1
    loss.forget("model")
    assert loss.mean("model") is None
    assert loss.count("model") == 0


def test_a_cold_start_uses_the_estimate_of_the_voice() -> None:
    prediction = LinearPredictor().predict(features(), 7.5)
    assert prediction.audio_seconds == 7.5
    assert 0 < prediction.duration.p50 < prediction.duration.p95


def test_the_linear_predictor_learns_the_pace_and_the_spread() -> None:
    rng = random.Random(3)
    served = predictor()
    assert set(serve(served, rng, 0.2, 300)) == {Predictor.LINEAR}
    prediction = served.predict(features(phonemes=1000), 1.0)
    assert prediction.audio_seconds == pytest.approx(65, rel=0.05)
    assert prediction.duration.p50 == pytest.approx(0.2 * 1000 / 10, rel=0.1)
    assert prediction.duration.p95 == pytest.approx(0.2 * 1000 / 10 * math.exp(1.645 * 0.1), rel=0.1)


def test_streams_and_whole_answers_are_learned_apart() -> None:
    learned = LinearPredictor()
    for _ in range(100):
        learned.learn(features(streamed=True), 3.0, 2.0, 0.1)
        learned.learn(features(), 3.0, 1.0, 1.0)
    stream, whole = (learned.predict(features(streamed=streamed), 1.0) for streamed in (True, False))
    assert stream.duration.p50 == pytest.approx(2.0, rel=0.05)
    assert stream.first_audio.p50 == pytest.approx(0.1, rel=0.05)
    assert whole.duration == whole.first_audio
    assert whole.duration.p50 == pytest.approx(1.0, rel=0.05)


def test_a_model_that_fits_predicts() -> None:
    served = predictor()
    assert served.state is ModelState.NONE
    served.use(model())
    assert served.state is ModelState.IN_USE
    assert served.predict(features(), 1.0).predictor == Predictor.MODEL
    assert served.predict(features(voice="registered"), 1.0).predictor == Predictor.LINEAR
    served.use(None)
    assert served.state is ModelState.NONE
    served.refuse()
    assert served.state is ModelState.INVALID


@pytest.mark.parametrize(
    ("state", "served"),
    [
        (ModelState.BUILD, predictor(build="next")),
        (ModelState.VOICES, predictor(voices={"joe": "another"})),
        (ModelState.VOICES, predictor(voices={"amy": "c0ffee"})),
        (ModelState.STALE, predictor(at(NOW + HOUR + 1))),
        (ModelState.IN_USE, predictor(voices={"joe": "c0ffee", "amy": "facade"})),
    ],
)
def test_a_model_of_something_else_is_switched_off(state: ModelState, served: RequestPredictor) -> None:
    served.use(model())
    assert served.state is state
    assert (served.predict(features(), 1.0).predictor == Predictor.MODEL) is (state is ModelState.IN_USE)
    assert [labels["state"] for value, labels in served.readings() if value] == [state]


def test_a_model_becomes_stale_with_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = at(NOW)
    served = predictor(clock)
    served.use(model())
    clock.now += HOUR + 1
    with caplog.at_level(logging.WARNING, "ttscope"):
        served.assess()
    assert served.state is ModelState.STALE
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.__dict__["reason"] for record in warnings] == ["stale"]


def test_a_model_that_is_worse_is_switched_off_and_on_again() -> None:
    rng = random.Random(4)
    served = predictor()
    served.use(model(0.2))
    assert set(serve(served, rng, 0.2, 2 * ENOUGH_REQUESTS, SPREAD)) == {Predictor.MODEL}
    assert Predictor.LINEAR in serve(served, rng, 0.6, 2 * ENOUGH_REQUESTS, SPREAD)
    assert served.state is ModelState.WORSE
    serve(served, rng, 0.2, 6 * ENOUGH_REQUESTS, SPREAD)
    assert served.state is ModelState.IN_USE


def test_a_new_model_of_the_same_name_has_its_own_chance() -> None:
    rng = random.Random(5)
    served = predictor()
    served.use(model(2.0))
    serve(served, rng, 0.2, 3 * ENOUGH_REQUESTS)
    assert served.state is ModelState.WORSE
    served.use(model(2.0))
    assert served.state is ModelState.WORSE
    served.use(model(0.2, id="next"))
    assert served.state is ModelState.IN_USE


def test_only_requests_that_say_something_are_learned_from() -> None:
    own = features()
    prediction = LinearPredictor().predict(own, 1.0)
    assert observed(ended(own, prediction, 1.0)) == (prediction, 1.0, 1.0)
    assert observed(ended(own, None, 1.0)) is None
    hit, fallen, failed, silent = (ended(own, prediction, 1.0) for _ in range(4))
    assert hit.synthesis is not None
    hit.synthesis.take_from(CacheResult.HIT)
    assert fallen.synthesis is not None
    fallen.synthesis.fallback = ("coqui", FallbackReason.ERROR)
    failed.outcome = Outcome.ERROR
    silent.audio_seconds = 0.0
    assert [observed(record) for record in (hit, fallen, failed, silent)] == [None] * 4


def test_a_duration_ranks_among_its_quantiles() -> None:
    predicted = Quantiles(1.0, 2.0)
    assert [rank(duration, predicted) for duration in (1.0, 1.5, 2.0, 2.1)] == [
        PredictionRank.BELOW_P50,
        PredictionRank.BELOW_P95,
        PredictionRank.BELOW_P95,
        PredictionRank.ABOVE_P95,
    ]
