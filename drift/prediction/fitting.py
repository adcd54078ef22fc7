"""Fits forests: a linear part by least squares, trees by quantile boosting of what it is off by, and a calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from drift.prediction.examples import Examples, Floats, Target
from otel.prediction.features import TERMS, CategoryName
from otel.prediction.forest import LEAST_SECONDS
from otel.prediction.model_file import FORESTS, LEAF, ForestName, ForestRecord, TreeNodes

TREES, LEAVES, DEPTH, RATE = 20, 8, 3, 0.25
"""So few and shallow trees that a prediction takes under 50 us; the linear part does most of the work."""
LEAF_SHARE, LEAST_LEAF = 0.01, 20
"""A leaf has at least this share of the examples, and this number: a p95 can't be told from fewer."""
MOST_LEAF = 5.0
"""The largest absolute value of a leaf: the logarithm of 150."""
QUANTILES: Mapping[ForestName, tuple[Target, float]] = {
    "audio_p50": ("audio", 0.5),
    "duration_p50": ("duration", 0.5),
    "duration_p95": ("duration", 0.95),
    "first_audio_p50": ("first_audio", 0.5),
    "first_audio_p95": ("first_audio", 0.95),
}
USED_TERMS: Mapping[Target, tuple[str, ...]] = {
    "audio": ("one", "length"),
    "duration": ("one", "pace", "work", "work_whole", "wait"),
    "first_audio": ("one", "pace", "work", "work_whole", "wait"),
}
"""The seconds of audio depend on the text alone."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The forests with trees, and those without any."""

    categories: dict[CategoryName, list[str]]
    forests: dict[ForestName, ForestRecord]
    linear: dict[ForestName, ForestRecord]
    """Of the linear part and its calibration alone."""


def fit(training: Examples, calibration: Examples) -> Fit:
    """Fits on ``training`` and calibrates on ``calibration``, whose requests are later.

    Trees are kept where they lessen the loss on the calibration's requests.
    """
    with threadpool_limits(1):  # threads that wait for each other in a loop cost a busy machine more than they save
        return _fit(training, calibration)


def _fit(training: Examples, calibration: Examples) -> Fit:
    own = _log_residuals(training, "duration", weights_of(training, "duration"))
    categories = training.categories(own)
    forests, linear = {}, {}
    for name in FORESTS:
        target, quantile = QUANTILES[name]
        weights = weights_of(training, target)
        residuals = _log_residuals(calibration, target, weights)
        plain = _calibrated(weights, [], quantile, residuals, np.zeros(len(calibration)))
        regressor = _regressor(quantile, len(training))
        regressor.fit(training.vectors(categories), _log_residuals(training, target, weights))
        base = float(regressor._baseline_prediction[0, 0])  # a test holds that it and the trees are the whole
        trees = [_nodes(predictor.nodes) for (predictor,) in regressor._predictors]
        predicted = regressor.predict(calibration.vectors(categories)) - base
        boosted = _calibrated(weights, trees, quantile, residuals - base, predicted)
        linear[name] = plain
        better = pinball(residuals - base - predicted - boosted.intercept, quantile) < pinball(
            residuals - plain.intercept, quantile
        )
        forests[name] = boosted.model_copy(update={"intercept": boosted.intercept + base}) if better else plain
    return Fit(categories, forests, linear)


def weights_of(examples: Examples, target: Target) -> Floats:
    """Returns the weights of the linear part, none negative, by least squares of the relative error."""
    used = [TERMS.index(term) for term in USED_TERMS[target]]
    seconds = examples.seconds[target]
    relative = examples.terms[:, used] / seconds[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    solution, _ = nnls(relative / scale, np.ones(len(seconds)))
    weights = np.zeros(len(TERMS))
    weights[used] = solution / scale
    return weights


def pinball(errors: Floats, quantile: float) -> float:
    """Returns the mean pinball loss of errors, each what was less what was predicted of ``quantile``."""
    return float(np.mean(np.maximum(quantile * errors, (quantile - 1) * errors)))


def _log_residuals(examples: Examples, target: Target, weights: Floats) -> Floats:
    return np.log(examples.seconds[target] / np.maximum(LEAST_SECONDS, examples.terms @ weights))


def _regressor(quantile: float, examples: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        learning_rate=RATE,
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        max_depth=DEPTH,
        min_samples_leaf=max(LEAST_LEAF, round(LEAF_SHARE * examples)),
        early_stopping=False,
        random_state=0,
    )


def _nodes(nodes: np.ndarray) -> TreeNodes:
    """Returns a tree in the file's form; ``nodes`` is scikit-learn's array of them."""
    leaf = nodes["is_leaf"].astype(bool)
    values = np.where(leaf, np.clip(nodes["value"], -MOST_LEAF, MOST_LEAF), nodes["num_threshold"])
    return TreeNodes(
        feature=np.where(leaf, LEAF, nodes["feature_idx"]).astype(int).tolist(),
        value=[float(value) for value in values],
        left=np.where(leaf, 0, nodes["left"]).astype(int).tolist(),
        right=np.where(leaf, 0, nodes["right"]).astype(int).tolist(),
    )


def _calibrated(
    weights: Floats, trees: list[TreeNodes], quantile: float, residuals: Floats, predicted: Floats
) -> ForestRecord:
    """Returns a forest whose intercept makes the share ``quantile`` of the calibration's requests lie below it.

    Source: Romano, Patterson and Candes, Conformalized Quantile Regression, NeurIPS 2019, one-sided, on the logarithm.
    """
    count = len(residuals)
    level = min(1.0, quantile * (1 + 1 / count))
    intercept = float(np.quantile(residuals - predicted, level, method="higher"))
    return ForestRecord(intercept=intercept, weights=weights.tolist(), trees=trees)
