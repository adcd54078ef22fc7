"""The training of the prediction model: what it learns from, how it is judged, and when it is promoted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from drift.outputs.outbox import NotDelivered
from drift.prediction import fitting
from drift.prediction.examples import Examples, examples_of
from drift.prediction.fitting import QUANTILES, fit, pinball
from drift.prediction.judgement import DurationQuantiles, score
from drift.prediction.shared_model import NAME, SharedModel
from drift.prediction.trainer import Trainer
from drift.prediction.training import Decision, TrainedModel, train
from drift.rows.store import Rows
from otel.contract.values import Predictor
from otel.prediction.features import CATEGORIES, VECTOR, RequestFeatures
from otel.prediction.forest import Forest
from otel.prediction.model_file import FORESTS, PredictionModel, encode, read
from tests.drift_job import settings_of
from tests.prediction_events import SPREAD, events
from tests.unit.drift.events import ALWAYS, MORNING

COUNT = 1000
END = MORNING + timedelta(minutes=COUNT)


def frame(tmp_path: Path, *files: bytes) -> pd.DataFrame:
    """The rows of events."""
    (tmp_path / "events").mkdir(exist_ok=True)
    for number, content in enumerate(files):
        (tmp_path / "events" / f"requests-{number}.jsonl").write_bytes(content)
    rows = Rows(tmp_path / "rows")
    rows.ingest([tmp_path / "events"], now=END + timedelta(days=30), judged_until=None)
    return rows.window(*ALWAYS, most=100_000).frame


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return examples_of(frame(tmp_path_factory.mktemp("rows"), events(COUNT)))


class Registry:
    """Takes registrations, or can't be reached."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.reachable = reachable
        self.registered: list[Any] = []

    def register(self, registration: Any) -> str:
        if not self.reachable:
            raise NotDelivered("TimeoutError")
        self.registered.append(registration)
        return "1"


class House:
    """A state folder with rows, and a trainer whose clock the test sets."""

    def __init__(self, folder: Path, *, reachable: bool = True, **settings: Any) -> None:
        (folder / "events").mkdir()
        self.now = END
        self.settings = settings_of(folder, **settings)
        self.registry = Registry(reachable=reachable)
        self.rows = Rows(self.settings.state / "rows")
        self.folder = folder
        self.trainer = Trainer(
            self.settings,
            self.rows,
            self.registry,  # type: ignore[arg-type]
            lambda: self.now,
            shared=SharedModel(self.settings.shared_store) if self.settings.shared_store else None,
        )

    def serve(self, content: bytes) -> None:
        path = self.folder / "events" / f"requests-{len(list((self.folder / 'events').iterdir()))}.jsonl"
        path.write_bytes(content)
        self.rows.ingest([path], now=self.now + timedelta(days=30), judged_until=None)

    def decisions(self) -> list[str]:
        return [each.decision for each in self.registry.registered]


def test_examples_have_what_was_known_on_arrival(examples: Examples) -> None:
    assert len(examples) == COUNT
    assert np.all(np.diff(examples.times) == 60)
    assert examples.build == "one"
    assert examples.checksums == {"amy": "checksum-amy", "joe": "checksum-joe"}
    assert examples.vectors({category: ["amy", "joe"] for category in CATEGORIES}).shape == (COUNT, len(VECTOR))
    slow_last = examples.categories(examples.seconds["audio"] / examples.terms[:, 1])["voice"]
    assert slow_last == ["joe", "amy"]


def test_what_happened_later_is_no_feature() -> None:
    later = {"duration", "time_to_first_audio", "audio_duration", "cache", "outcome", "queue_wait", "provider"}
    assert not later & set(RequestFeatures.__slots__)


def test_requests_that_say_nothing_are_no_examples(tmp_path: Path) -> None:
    content = b"".join(
        events(2, seed, at=MORNING + timedelta(hours=seed), **changes)
        for seed, changes in enumerate(
            (
                {},
                {"cache": "hit"},
                {"cache": "coalesced"},
                {"cache": "bypass"},
                {"outcome": "error"},
                {"fallback_from": "coqui"},
                {"duration": 0.0},
                {"device": {"stringValue": "cpu"}},
                {"throughput": -1.0},
            )
        )
    )
    own = examples_of(frame(tmp_path, content))
    assert [datetime.fromtimestamp(moment, MORNING.tzinfo).hour for moment in own.times] == [8, 8, 11, 11, 15, 15]


def test_rows_of_older_servers_are_no_examples(tmp_path: Path) -> None:
    rows = frame(tmp_path, events(5))
    assert len(examples_of(rows)) == 5
    assert len(examples_of(rows.assign(device=None))) == 0
    assert len(examples_of(rows.iloc[:0])) == 0


def test_examples_are_of_one_build_and_the_newest_voices(tmp_path: Path) -> None:
    earlier = events(20, 1, build="zero")
    replaced = events(20, 2, at=MORNING + timedelta(hours=1), voice_name="joe", voice_checksum="older")
    newest = events(30, 3, at=MORNING + timedelta(hours=2), voice_name="joe", voice_checksum="checksum-joe")
    own = examples_of(frame(tmp_path, earlier, replaced, newest))
    assert (own.build, dict(own.checksums)) == ("one", {"joe": "checksum-joe"})
    assert len(own) == 30


def test_exported_trees_predict_what_scikit_learn_predicts(examples: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    regressors: list[HistGradientBoostingRegressor] = []
    make = fitting._regressor

    def kept(quantile: float, count: int) -> HistGradientBoostingRegressor:
        regressors.append(make(quantile, count))
        return regressors[-1]

    monkeypatch.setattr(fitting, "_regressor", kept)
    fitted = fit(examples.span(0, 0.6), examples.span(0.6, 0.8))
    vectors = examples.vectors(fitted.categories)
    for name, regressor in zip(FORESTS, regressors, strict=True):
        trees = [fitting._nodes(predictor.nodes) for (predictor,) in regressor._predictors]
        forest = Forest(0.0, (1.0, *[0.0] * 5), tuple(tree.nested() for tree in trees))
        own = np.log([forest.predict(vector.tolist(), (1.0, *[0.0] * 5)) for vector in vectors])
        expected = regressor.predict(vectors) - regressor._baseline_prediction[0, 0]
        assert own == pytest.approx(expected, abs=1e-9), name


def test_forests_are_calibrated_on_later_requests(examples: Examples) -> None:
    calibration = examples.span(0.6, 0.8)
    fitted = fit(examples.span(0, 0.6), calibration)
    for name, record in fitted.forests.items():
        target, quantile = QUANTILES[name]
        forest, vectors = record.compiled(), calibration.vectors(fitted.categories).tolist()
        terms = calibration.terms.tolist()
        predicted = np.array([forest.predict(*each) for each in zip(vectors, terms, strict=True)])
        assert np.mean(calibration.seconds[target] <= predicted) == pytest.approx(quantile, abs=0.02)


def test_a_model_is_far_better_than_the_baseline_on_later_requests(examples: Examples) -> None:
    trained = train(examples, 1.8e9, None)
    own, baseline = trained.scores[Predictor.MODEL], trained.scores["baseline"]
    assert trained.decision is Decision.PROMOTED
    assert own.loss < 0.5 * baseline.loss
    assert own.median_error < 1.2 * SPREAD * 0.6745
    assert 0.4 < own.coverage_p50 < 0.6
    assert 0.87 < own.coverage_p95 < 0.99
    record = trained.model.record
    assert record.judgement["model_loss"] == pytest.approx(own.loss, abs=1e-6)
    assert record.judgement["judged_rows"] == COUNT / 5
    assert (record.builds, record.rows, record.trained_until) == (["one"], COUNT, examples.times[-1])
    assert len(encode(record)) < 200_000


def test_the_same_requests_make_the_same_model(examples: Examples) -> None:
    first, second = (train(examples, 1.8e9, None).model.record for _ in range(2))
    assert first == second


def test_a_model_extrapolates_to_longer_texts(examples: Examples) -> None:
    short = examples.where(np.array([features.words <= 100 for features in examples.features]))
    long = examples.where(np.array([features.words > 150 for features in examples.features]))
    model = train(short, 1.8e9, None).model
    errors = [
        abs(model.predict(features, "model").duration.p50 / duration - 1)
        for features, duration in zip(long.features, long.seconds["duration"], strict=True)
    ]
    assert np.median(errors) < 0.25


def test_noise_is_not_promoted(examples: Examples) -> None:
    rng = np.random.default_rng(1)
    noise = np.exp(rng.normal(0, 1, COUNT))
    own = Examples(examples.features, dict.fromkeys(examples.seconds, noise), examples.times, "one", examples.checksums)
    assert train(own, 1.8e9, None).decision is Decision.NO_BETTER


def test_a_model_whose_quantiles_do_not_hold_is_not_promoted(examples: Examples) -> None:
    slower = np.where(np.arange(COUNT) >= 0.8 * COUNT, 1.25, 1.0)
    seconds = {target: own * slower for target, own in examples.seconds.items()}
    own = Examples(examples.features, seconds, examples.times, "one", examples.checksums)
    assert train(own, 1.8e9, None).decision is Decision.UNCALIBRATED


def test_a_better_model_is_not_replaced(examples: Examples) -> None:
    best = train(examples, 1.8e9, None).model
    worse = PredictionModel.of(
        best.record.model_copy(
            update={
                "trained_until": examples.times[0],
                "forests": {
                    name: own.model_copy(update={"intercept": own.intercept + 0.5})
                    for name, own in best.record.forests.items()
                },
            }
        )
    )
    earlier = PredictionModel.of(best.record.model_copy(update={"trained_until": float(examples.times[0])}))
    assert train(examples, 1.8e9, worse).decision is Decision.PROMOTED
    assert train(examples, 1.8e9, best).decision is Decision.PROMOTED, "it has seen all of the requests"
    assert train(examples, 1.8e9, earlier).decision in (Decision.PROMOTED, Decision.CONFIRMED)
    other = PredictionModel.of(earlier.record.model_copy(update={"builds": ["zero"]}))
    assert train(examples, 1.8e9, other).decision is Decision.PROMOTED


def test_a_score_is_of_losses_and_coverage() -> None:
    actual = np.array([1.0, 2.0, 3.0, 4.0])
    own = score(actual, DurationQuantiles(np.full(4, 2.0), np.full(4, 4.0)))
    assert (own.coverage_p50, own.coverage_p95) == (0.5, 1.0)
    assert own.loss_seconds == pytest.approx((0.5 * (1 + 0 + 1 + 2) / 4 + 0.05 * (3 + 2 + 1 + 0) / 4) / 2)
    assert own.median_error == pytest.approx((0.5 + 1 / 3) / 2)
    assert pinball(np.array([1.0, -1.0]), 0.95) == pytest.approx(0.5)


@pytest.fixture
def decide(examples: Examples, monkeypatch: pytest.MonkeyPatch) -> Callable[[Decision], None]:
    """Makes each further training of a trainer end with a decision, at once; its model is named by it."""
    trained = train(examples.span(0, 0.3), 1.8e9, None)

    def decided(decision: Decision) -> None:
        def result(own: Examples, created: float, promoted: PredictionModel | None) -> TrainedModel:
            record = trained.model.record.model_copy(update={"id": str(decision), "trained_until": created})
            return TrainedModel(PredictionModel.of(record), decision, trained.scores)

        monkeypatch.setattr("drift.prediction.trainer.train", result)

    return decided


def test_a_training_promotes_and_registers(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.serve(events(500))
    house.trainer.run()
    model = read(house.trainer.files.model)
    assert model is not None
    assert house.decisions() == ["promoted"]
    assert house.registry.registered[0].id == model.record.id
    assert house.registry.registered[0].metrics == model.record.judgement


def test_a_training_is_due_once_a_day(tmp_path: Path, decide: Callable[[Decision], None]) -> None:
    decide(Decision.PROMOTED)
    house = House(tmp_path)
    house.serve(events(500))
    house.trainer.run()
    house.now += timedelta(hours=23)
    house.trainer.run()
    assert len(house.decisions()) == 1
    house.now += timedelta(hours=2)
    house.trainer.run()
    assert len(house.decisions()) == 2


def test_a_training_waits_for_enough_requests(tmp_path: Path, decide: Callable[[Decision], None]) -> None:
    decide(Decision.PROMOTED)
    house = House(tmp_path)
    house.serve(events(499))
    house.trainer.run()
    assert not house.trainer.files.folder.exists()
    house.serve(events(1, at=MORNING + timedelta(hours=10)))
    house.trainer.run()
    assert house.decisions() == ["promoted"]


def test_a_confirmed_model_stays_and_is_as_fresh_as_the_new_one(
    tmp_path: Path, decide: Callable[[Decision], None]
) -> None:
    house = House(tmp_path)
    house.serve(events(500))
    decide(Decision.PROMOTED)
    house.trainer.run()
    house.now += timedelta(days=1)
    decide(Decision.CONFIRMED)
    house.trainer.run()
    kept = read(house.trainer.files.model)
    assert kept is not None
    assert house.decisions() == ["promoted", "confirmed"]
    assert (kept.record.id, kept.record.trained_until) == ("promoted", house.now.timestamp())


@pytest.mark.parametrize("decision", [Decision.NO_BETTER, Decision.UNCALIBRATED])
def test_a_model_that_is_no_better_leaves_the_promoted_one(
    tmp_path: Path, decide: Callable[[Decision], None], decision: Decision
) -> None:
    house = House(tmp_path)
    house.serve(events(500))
    decide(Decision.PROMOTED)
    house.trainer.run()
    promoted = house.trainer.files.model.read_bytes()
    house.now += timedelta(days=1)
    decide(decision)
    house.trainer.run()
    assert house.decisions() == ["promoted", decision]
    assert house.trainer.files.model.read_bytes() == promoted


def test_what_mlflow_does_not_take_is_registered_later(tmp_path: Path, decide: Callable[[Decision], None]) -> None:
    decide(Decision.PROMOTED)
    house = House(tmp_path, reachable=False)
    house.serve(events(500))
    house.trainer.run()
    assert house.decisions() == []
    assert read(house.trainer.files.model) is not None
    house.registry.reachable = True
    house.trainer.run()
    house.trainer.run()
    assert house.decisions() == ["promoted"]


def test_the_promoted_model_is_in_the_shared_store_as_soon_as_that_is_there(tmp_path: Path) -> None:
    house = House(tmp_path, shared_store=tmp_path / "store", prediction_rows=500)
    house.serve(events(COUNT))
    house.trainer.run()  # the store's volume is not mounted
    assert not (tmp_path / "store").exists()
    (tmp_path / "store").mkdir()
    house.trainer.run()
    copy = tmp_path / "store" / NAME
    assert read(copy) == read(house.trainer.files.model)
    written = copy.stat().st_mtime_ns, copy.stat().st_ino
    house.trainer.run()
    assert (copy.stat().st_mtime_ns, copy.stat().st_ino) == written
    copy.write_text("{}")
    house.trainer.run()
    assert read(copy) is not None


def test_an_error_of_a_training_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path)
    house.serve(events(500))

    def broken(*arguments: Any) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("drift.prediction.trainer.train", broken)
    house.trainer.run()
    assert house.decisions() == []


def test_no_training_with_zero_hours(tmp_path: Path, decide: Callable[[Decision], None]) -> None:
    decide(Decision.PROMOTED)
    house = House(tmp_path, prediction_hours=0)
    house.serve(events(500))
    house.trainer.run()
    assert house.decisions() == []
