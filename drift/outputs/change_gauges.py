"""The gauges tts_change_* and tts_build_worse: what the sequential tests last found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader

from drift import VERSION
from drift.outputs.gauges import NO_LISTS, resource
from otel.contract import change_metrics as instruments
from otel.contract.drift_changes import ChangeMeasure
from otel.contract.labels import Source
from otel.sdk.recording import Attributes, Metrics


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change that has not ended."""

    measure: ChangeMeasure
    voice: str
    provider: str
    ratio: float
    since: float


@dataclass(frozen=True, slots=True)
class ChangeValues:
    """The values that the gauges show."""

    tested: tuple[ChangeMeasure, ...] = ()
    """The measures that are tested."""
    changes: tuple[ShownChange, ...] = ()
    builds: dict[ChangeMeasure, bool] = field(default_factory=dict)
    """By measure, whether the build that was last judged is worse."""
    checked: float | None = None


class ChangeGauges:
    """Shows values until it gets others."""

    def __init__(self, readers: Sequence[MetricReader], state: Path) -> None:
        self._values = ChangeValues()
        self._voices, self._providers = {""}, {""}
        self._provider = MeterProvider(
            readers, resource(state), exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        lists = {**NO_LISTS, Source.VOICES: self._voices, Source.PROVIDERS: self._providers}
        metrics = Metrics(self._provider.get_meter("ttscope.drift.changes", VERSION), lists, None)
        metrics.observe(instruments.CHANGE_DETECTED, self._detected)
        metrics.observe(instruments.CHANGE_RATIO, lambda: self._open("ratio"))
        metrics.observe(instruments.CHANGE_BEGIN, lambda: self._open("since"))
        metrics.observe(instruments.BUILD_WORSE, self._builds)
        metrics.observe(instruments.CHANGE_LAST_CHECK, self._checked)

    def show(self, values: ChangeValues) -> None:
        """Shows ``values`` from now on; their voices and providers become values of labels."""
        self._voices |= {change.voice for change in values.changes}
        self._providers |= {change.provider for change in values.changes}
        self._values = values

    def close(self, seconds: float) -> None:
        """Exports once more, in at most about ``seconds``."""
        self._provider.shutdown(timeout_millis=seconds * 1000)

    def _detected(self) -> Iterator[tuple[float, Attributes]]:
        shown = {_labels(change.measure, change.voice, change.provider) for change in self._values.changes}
        for measure in self._values.tested:
            if _labels(measure) not in shown:
                yield 0.0, dict(_labels(measure))
        for labels in sorted(shown):
            yield 1.0, dict(labels)

    def _open(self, name: str) -> Iterator[tuple[float, Attributes]]:
        largest: dict[tuple[tuple[str, str], ...], float] = {}
        for change in self._values.changes:  # a build's change has the labels of the whole service
            labels = _labels(change.measure, change.voice, change.provider)
            largest[labels] = max(largest.get(labels, 0.0), float(getattr(change, name)))
        for labels, value in largest.items():
            yield value, dict(labels)

    def _builds(self) -> Iterator[tuple[float, Attributes]]:
        for measure, worse in self._values.builds.items():
            yield float(worse), {"measure": str(measure)}

    def _checked(self) -> Iterator[tuple[float, Attributes]]:
        if self._values.checked is not None:
            yield self._values.checked, {}


def _labels(measure: ChangeMeasure, voice: str = "", provider: str = "") -> tuple[tuple[str, str], ...]:
    return ("measure", str(measure)), ("voice_name", voice), ("provider", provider)
