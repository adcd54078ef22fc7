"""The measurement of predictions: its requests, its figures, and its section of the results."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from bench.prediction import CLIENTS, FORMATS, requests_in, texts
from bench.results import prediction_section
from bench.results.machine import Machine
from bench.results.prediction_section import PredictedRequest, Results, baseline_of, coverage, loss, plot, render
from tests.unit.drift.events import line, record

REQUEST = PredictedRequest(
    time=1.0,
    words=10,
    word_range="1-10",
    streamed=False,
    requests_ahead=0,
    duration=1.0,
    p50=1.0,
    p95=1.5,
    first_audio=1.0,
    predicted_first_audio=1.0,
    predictor="model",
)
MACHINE = Machine("a processor", 2, 2**33, has_bf16=False)


def requests(count: int, seed: int = 1) -> list[PredictedRequest]:
    """Requests whose durations spread around their predicted median as predicted."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        word_range, p50 = rng.choice((("1-10", rng.uniform(0.1, 1.0)), ("26-50", rng.uniform(1.0, 4.0))))
        duration = p50 * math.exp(rng.gauss(0, 0.2))
        made.append(
            replace(REQUEST, word_range=word_range, duration=duration, p50=p50, p95=p50 * math.exp(1.645 * 0.2))
        )
    return made


def predicted(own: PredictedRequest) -> tuple[float, float]:
    return own.p50, own.p95


def test_the_requests_are_of_all_kinds() -> None:
    bodies = [json.loads(request.body) for request in texts(random.Random(1), 200, 200)]
    assert {body["response_format"] for body in bodies} == set(FORMATS)
    assert 0 < sum(body["stream"] for body in bodies) < 200
    assert any(char.isdigit() for body in bodies for char in body["text"])
    words = [len(body["text"].split()) for body in bodies]
    assert min(words) <= 10
    assert max(words) > 100
    assert len(set(CLIENTS)) == len(CLIENTS)


def test_the_coverage_is_that_of_the_law() -> None:
    below_p50, below_p95 = coverage(requests(2000), predicted)
    assert below_p50 == pytest.approx(0.5, abs=0.03)
    assert below_p95 == pytest.approx(0.95, abs=0.02)


def test_the_loss_of_the_baseline_is_larger() -> None:
    known, later = requests(500), requests(500, 2)
    assert loss(later, predicted) < loss(later, baseline_of(known))


def test_the_baseline_is_the_quantiles_of_a_range() -> None:
    known = [replace(REQUEST, duration=float(number)) for number in range(1, 21)]
    few = [replace(REQUEST, word_range="200+", duration=100.0)] * 5
    predict = baseline_of([*known, *few])
    assert predict(REQUEST) == (10.5, pytest.approx(19.05))
    assert predict(few[0])[0] > 10.5
    assert predict(few[0])[0] < 100.0


def test_the_section_says_what_was_measured() -> None:
    results = Results("promoted", requests(300), requests(100, 2), {"evaluation_microseconds": 22.0, "trees": 80})
    section = render(results, MACHINE, 0.5)
    assert section.startswith("## Prediction\n")
    assert "| an evaluation of all five quantiles" in section
    assert "**missed**" not in section
    assert "| quantiles of the range of words |" in section
    slow = Results("promoted", requests(300), requests(100, 2), {"evaluation_microseconds": 80.0, "trees": 80})
    assert "**missed**" in render(slow, MACHINE, 0.5)


def test_the_plot_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_section, "IMAGE", tmp_path / "prediction.png")
    plot([*requests(50), replace(REQUEST, streamed=True)])
    assert (tmp_path / "prediction.png").read_bytes().startswith(b"\x89PNG")


def test_only_predicted_requests_are_read(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    fields = {
        "word_count_range": "1-10",
        "streamed": True,
        "requests_ahead": 2,
        "time_to_first_audio": 0.25,
        "predicted_duration": 0.5,
        "predicted_duration_p95": 0.75,
        "predicted_first_audio": 0.125,
        "predictor": "linear",
    }
    content = line(record(3, **fields)) + line(record(4))
    (tmp_path / "events" / "requests.jsonl").write_bytes(content)
    (own,) = requests_in(tmp_path)
    assert (own.words, own.streamed, own.requests_ahead, own.predictor) == (3, True, 2, "linear")
    assert (own.duration, own.p50, own.p95) == (0.5, 0.5, 0.75)
    assert (own.first_audio, own.predicted_first_audio) == (0.25, 0.125)
