"""Feeds new requests to the detectors of all series, and names the builds that came with a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec
import numpy as np

from drift.columns.reader import Flags, Floats, Words
from drift.sequential.budget import weight_of_second
from drift.sequential.builds import BuildComparison, BuildSums, BuildVerdict, Margins
from drift.sequential.change import Change
from drift.sequential.expectation import Expectation, Key, key_of
from drift.sequential.levels import LevelDetector
from drift.sequential.request_values import RequestValues, distinct
from drift.sequential.shares import ShareDetector
from otel.contract.drift_changes import BuildState, ChangeMeasure, Dimension

MOST_SERIES = 512
"""The maximum number of series, so that invented names take no memory; the service's own series always exist."""
MOST_BUILDS = 64
FUTURE_SECONDS = 300.0
"""Seconds that a request's time may be ahead of the clock; requests beyond are left out."""
OLDEST_SECONDS = 86_400.0
"""The age beyond which a request is left out: the hourly windows have it."""
NEAR_SECONDS = 600.0
"""A build that was first seen up to this long before a change may have brought it."""
UNUSED_SECONDS = 86_400.0
"""A build that was not seen for as long is new again."""
MOST_COMPARED = 8

Detector = TypeVar("Detector", LevelDetector, ShareDetector)


class Report(msgspec.Struct, frozen=True):
    """A change of a series that began or ended."""

    measure: ChangeMeasure
    dimension: Dimension
    value: str
    """The voice, provider or build; "" for the whole service."""
    change: Change
    build: str = ""
    """The build that was first seen when the change began; "" if there was none."""

    @property
    def key(self) -> Key:
        return key_of(self.measure, self.dimension, self.value)


class SeenBuild(msgspec.Struct):
    """When a build was seen, in seconds since 1970."""

    first: float
    last: float


class Monitor(msgspec.Struct):
    """The state of all series."""

    time: float = 0.0
    """The time of the newest request."""
    levels: dict[Key, LevelDetector] = {}
    shares: dict[Key, ShareDetector] = {}
    builds: dict[str, SeenBuild] = {}
    comparisons: dict[str, BuildComparison] = {}
    """The builds that are compared with the others, oldest first."""
    open: dict[Key, Report] = {}
    """The changes that have not ended."""

    def feed(self, batch: RequestValues, expectation: Expectation, now: float) -> list[Report]:
        """Takes new requests, and returns what began and what ended with them."""
        times = batch.times
        usable = (times <= now + FUTURE_SECONDS) & (times >= now - OLDEST_SECONDS)
        if not usable.any():
            return []
        first = self.time or min(expectation.made, float(times[usable][0]))
        newest = np.maximum.accumulate(np.maximum(np.where(usable, times, 0.0), first))
        seconds = np.diff(newest, prepend=first)
        self._see(batch, usable, expectation)
        residuals = expectation.residuals(batch)
        feed = _Feed(self, batch, expectation, seconds)
        reports = [*feed.latency(usable & ~np.isnan(residuals), residuals), *feed.shares(usable)]
        for comparison in self.comparisons.values():
            comparison.feed(batch, residuals, usable)
        self.time = float(newest[-1])
        for report in reports:
            if report.change.ended is None:
                self.open[report.key] = report
            else:
                self.open.pop(report.key, None)
        return reports

    def verdicts(self, expectation: Expectation, margins: Margins) -> list[BuildVerdict]:
        """Returns the verdicts that were reached since the last call."""
        news = []
        model = expectation.level(key_of(ChangeMeasure.LATENCY, Dimension.SERVICE))
        for comparison in self.comparisons.values():
            if comparison.state is not BuildState.PENDING:
                continue
            comparison.time = max(comparison.time, self.time)
            verdict = comparison.verdict(model, margins)
            if verdict.state is not BuildState.PENDING:
                comparison.state = verdict.state
                news.append(verdict)
        return news

    def _see(self, batch: RequestValues, usable: Flags, expectation: Expectation) -> None:
        """Notes the builds of the requests, and begins to compare those that are new."""
        for build in distinct(batch.build[usable]):
            times = batch.times[usable & batch.of_build(build)]
            first, last = float(times.min()), float(times.max())
            seen = self.builds.get(build)
            if seen is not None and first - seen.last < UNUSED_SECONDS:
                seen.last = max(last, seen.last)
                continue
            if seen is None and len(self.builds) >= MOST_BUILDS:
                del self.builds[min(self.builds, key=lambda name: self.builds[name].last)]
            self.builds[build] = SeenBuild(first, last)
            if seen is not None or build not in expectation.builds:
                self._compare(build, first, expectation)

    def _compare(self, build: str, first: float, expectation: Expectation) -> None:
        service = key_of(ChangeMeasure.LATENCY, Dimension.SERVICE)
        model, detector = expectation.level(service), self.levels.get(service)
        known = detector is not None and detector.variance >= 0
        self.comparisons.pop(build, None)
        for finished in [name for name, each in self.comparisons.items() if each.state is not BuildState.PENDING]:
            del self.comparisons[finished]
        if len(self.comparisons) < MOST_COMPARED:
            self.comparisons[build] = BuildComparison(
                build=build,
                since=first,
                level=detector.level if known and detector else 0.0,
                variance=detector.variance if known and detector else model.variance,
                failures=BuildSums.before(expectation.sample(ChangeMeasure.FAILURES)),
                word_errors=BuildSums.before(expectation.sample(ChangeMeasure.WORD_ERROR_RATE)),
            )

    def new_build(self, change: Change) -> str:
        """Returns the newest build that was first seen when ``change`` began, "" if there was none."""
        margin = max(NEAR_SECONDS, change.found - change.since)
        near = [each for each in self.comparisons.values() if change.since - margin <= each.since <= change.found]
        return max(near, key=lambda each: each.since).build if near else ""


class _Feed:
    """One batch of requests on its way to the detectors."""

    def __init__(self, monitor: Monitor, batch: RequestValues, expectation: Expectation, seconds: Floats) -> None:
        self._monitor = monitor
        self._batch = batch
        self._expectation = expectation
        self._seconds = seconds

    def latency(self, mask: Flags, residuals: Floats) -> Iterator[Report]:
        """Feeds the residuals of latency."""
        measure = ChangeMeasure.LATENCY
        for dimension, value, mine in self._series(measure, mask):
            key = key_of(measure, dimension, value)
            detector = self._detector(self._monitor.levels, key, LevelDetector)
            if detector is not None:
                yield from self._reports(
                    detector.feed(
                        self._batch.times[mine].tolist(),
                        residuals[mine].tolist(),
                        self._weights(measure, dimension, mine),
                        self._expectation.level(key),
                    ),
                    (measure, dimension, value),
                )

    def shares(self, usable: Flags) -> Iterator[Report]:
        """Feeds failures and misheard words."""
        batch = self._batch
        failed = batch.failed.astype(np.float64)
        for dimension, value, mine in self._series(ChangeMeasure.FAILURES, usable & batch.attempted):
            yield from self._share(ChangeMeasure.FAILURES, dimension, value, mine, failed)
        attempted = usable & batch.attempted
        for provider in distinct(np.concatenate([batch.provider, batch.failed_provider])):
            refused = attempted & (batch.failed_provider == provider)
            mine = refused | (attempted & (batch.provider == provider))
            values = refused.astype(np.float64)
            yield from self._share(ChangeMeasure.FAILURES, Dimension.PROVIDER, provider, mine, values)
        checked = usable & ~np.isnan(batch.word_error_rate)
        for dimension, value, mine in self._series(ChangeMeasure.WORD_ERROR_RATE, checked):
            yield from self._share(ChangeMeasure.WORD_ERROR_RATE, dimension, value, mine, batch.word_error_rate)

    def _share(
        self, measure: ChangeMeasure, dimension: Dimension, value: str, mine: Flags, values: Floats
    ) -> Iterator[Report]:
        key = key_of(measure, dimension, value)
        detector = self._detector(self._monitor.shares, key, ShareDetector)
        if detector is not None and mine.any():
            yield from self._reports(
                detector.feed(
                    self._batch.times[mine].tolist(),
                    values[mine].tolist(),
                    self._weights(measure, dimension, mine),
                    *self._expectation.share(measure, key),
                ),
                (measure, dimension, value),
            )

    def _series(self, measure: ChangeMeasure, mask: Flags) -> Iterator[tuple[Dimension, str, Flags]]:
        """Yields the series of a measure, each with its requests."""
        if not mask.any():
            return
        yield Dimension.SERVICE, "", mask
        words: dict[Dimension, Words] = {
            Dimension.VOICE: self._batch.voice,
            Dimension.BUILD: self._batch.build,
        }
        for dimension, names in words.items():
            for value in distinct(names[mask]):
                yield dimension, value, mask & (names == value)

    def _weights(self, measure: ChangeMeasure, dimension: Dimension, mine: Flags) -> list[float]:
        return [float(seconds) * weight_of_second(measure, dimension) for seconds in self._seconds[mine]]

    def _detector(self, detectors: dict[Key, Detector], key: Key, new: type[Detector]) -> Detector | None:
        """Returns the detector of a series; None for a further series when there are too many."""
        detector = detectors.get(key)
        if detector is None and (len(detectors) < MOST_SERIES or f" {Dimension.SERVICE} " in key):
            detector = detectors[key] = new()
        return detector

    def _reports(self, changes: list[Change], series: tuple[ChangeMeasure, Dimension, str]) -> Iterator[Report]:
        for change in changes:
            opened = self._monitor.open.get(key_of(*series))
            build = opened.build if opened and change.ended is not None else self._monitor.new_build(change)
            if series[1] is Dimension.BUILD and change.ended is None:
                build = series[2]
            yield Report(*series, change, build)
