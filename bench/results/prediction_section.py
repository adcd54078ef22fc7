"""The section of predictions in the results: their error beside that of the range of words, and a calibration plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.clients.figures import percentile
from bench.clients.texts import WORD_RANGES
from bench.results.file import FOLDER, Promise, number, promise_table, table
from bench.results.machine import Machine

IMAGE = FOLDER.parent / "docs" / "images" / "prediction.png"
LEAST_RANGE = 10
"""The least requests of a range of words whose quantiles the baseline uses; else those of all."""
EVALUATION_MICROSECONDS = 50.0
Quantiles = tuple[float, float]
"""A p50 and a p95 in seconds."""


@dataclass(frozen=True, slots=True)
class PredictedRequest:
    """A request whose audio was made, and its prediction; all durations are in seconds."""

    time: float
    """Unix seconds."""
    words: int
    word_range: str
    streamed: bool
    requests_ahead: int
    duration: float
    p50: float
    p95: float
    first_audio: float
    predicted_first_audio: float
    predictor: str


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured."""

    decision: str
    """What the training said."""
    before: Sequence[PredictedRequest]
    """The requests that the model was trained and judged on, as the linear predictor predicted them."""
    later: Sequence[PredictedRequest]
    """The requests after the training."""
    model: dict[str, Any]


def render(results: Results, machine: Machine, load: float) -> str:
    """Returns the section as Markdown; ``load`` is the load average of the machine before it."""
    baseline = baseline_of(results.before)
    rows = [
        error_row("model", results.later, lambda own: (own.p50, own.p95)),
        error_row("quantiles of the range of words", results.later, baseline),
        error_row("linear, while it learned", results.before, lambda own: (own.p50, own.p95)),
    ]
    losses = [loss(results.later, predict) for predict in (lambda own: (own.p50, own.p95), baseline)]
    first = median(abs(own.predicted_first_audio / own.first_audio - 1) for own in results.later)
    promises = [
        Promise("an evaluation of all five quantiles", results.model["evaluation_microseconds"], " us",
                at_most=EVALUATION_MICROSECONDS),
        Promise("pinball loss of the model / of the range of words", losses[0] / losses[1], "", at_most=1.0),
    ]  # fmt: skip
    head = ("predictor", "requests", "pinball loss", "below p50", "below p95", "median error", "p90 error")
    by_words = [
        (words, str(len(own)), *(f"{share:.0%}" for share in coverage(own, lambda each: (each.p50, each.p95))))
        for words in WORD_RANGES
        if (own := [each for each in results.later if each.word_range == words])
    ]
    return "\n\n".join(
        [
            "## Prediction",
            f"{machine.describe()} {len(results.before)} requests with the real voice, 1 to 200 words, 1 to 8 clients "
            f"in turn, to train on; then {len(results.later)} others. Load average before it: {load:.1f}. The training "
            f"said: {results.decision}.",
            promise_table(promises),
            table(head, rows),
            "The pinball loss is the mean of p50 and p95, on the logarithm of the duration. The error is that of p50, "
            f"relative to the duration. The median error of the first audio is {first:.0%}. The model has "
            f"{results.model['trees']} trees.",
            table(("words", "requests", "below p50", "below p95"), by_words),
            "![Predicted and actual durations, and the shares below the predicted quantiles]"
            "(../docs/images/prediction.png)",
        ]
    )


def baseline_of(known: Sequence[PredictedRequest]) -> Callable[[PredictedRequest], Quantiles]:
    """Returns what predicts the quantiles of the ``known`` requests in the same range of words."""
    every = [own.duration for own in known]
    ranges = {words: [own.duration for own in known if own.word_range == words] for words in WORD_RANGES}

    def predict(request: PredictedRequest) -> Quantiles:
        durations = ranges.get(request.word_range, [])
        chosen = durations if len(durations) >= LEAST_RANGE else every
        return percentile(chosen, 0.5), percentile(chosen, 0.95)

    return predict


def error_row(
    name: str, requests: Sequence[PredictedRequest], predict: Callable[[PredictedRequest], Quantiles]
) -> tuple[str, ...]:
    """Returns a row of the table of errors."""
    errors = [abs(predict(own)[0] / own.duration - 1) for own in requests]
    below = coverage(requests, predict)
    return (
        name,
        str(len(requests)),
        number(loss(requests, predict)),
        *(f"{share:.0%}" for share in below),
        f"{median(errors):.0%}",
        f"{percentile(errors, 0.9):.0%}",
    )


def coverage(requests: Sequence[PredictedRequest], predict: Callable[[PredictedRequest], Quantiles]) -> Quantiles:
    """Returns the shares of requests that took at most their predicted p50, and p95."""
    predicted = [(own.duration, *predict(own)) for own in requests]
    count = len(predicted)
    return sum(actual <= p50 for actual, p50, _ in predicted) / count, sum(
        actual <= p95 for actual, _, p95 in predicted
    ) / count


def loss(requests: Sequence[PredictedRequest], predict: Callable[[PredictedRequest], Quantiles]) -> float:
    """Returns the mean pinball loss of p50 and p95, on the logarithm of the duration."""

    def pinball(quantile: float, error: float) -> float:
        return max(quantile * error, (quantile - 1) * error)

    losses = [
        pinball(quantile, math.log(own.duration / predicted)) / 2
        for own in requests
        for quantile, predicted in zip((0.5, 0.95), predict(own), strict=True)
    ]
    return sum(losses) / len(requests)


def plot(requests: Sequence[PredictedRequest]) -> None:
    """Draws the predicted and the actual durations, and the shares of requests below the predicted quantiles."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="tight")
    scatter, bars = figure.subplots(1, 2)
    for streamed, label in ((False, "whole answers"), (True, "streams")):
        own = [each for each in requests if each.streamed is streamed]
        scatter.scatter([each.p50 for each in own], [each.duration for each in own], s=10, label=label)
    ends = [min(each.p50 for each in requests), max(each.p50 for each in requests)]
    scatter.plot(ends, ends, color="grey", linewidth=1)
    scatter.set(xscale="log", yscale="log", xlabel="predicted median, s", ylabel="duration, s")
    scatter.legend(frameon=False, fontsize="small")
    groups = {words: own for words in WORD_RANGES if (own := [each for each in requests if each.word_range == words])}
    shares = [coverage(own, lambda each: (each.p50, each.p95)) for own in groups.values()]
    for place, (quantile, offset) in enumerate(((0.5, -0.2), (0.95, 0.2))):
        positions = [group + offset for group in range(len(groups))]
        bars.bar(positions, [share[place] for share in shares], 0.4, label=f"below the predicted p{quantile * 100:.0f}")
        bars.axhline(quantile, color="grey", linewidth=1)
    bars.set_xticks(range(len(groups)), list(groups))
    bars.set(xlabel="words", ylabel="share of requests", ylim=(0, 1.3))
    bars.legend(frameon=False, fontsize="small")
    figure.savefig(IMAGE, dpi=110, metadata={"Software": None})
