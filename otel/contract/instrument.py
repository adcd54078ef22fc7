"""What a metric of the contract is, and its name in Prometheus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from otel.contract.labels import Attribute

Kind = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """A metric: its OpenTelemetry name, kind and unit (UCUM), the meaning of its number, its labels and buckets."""

    name: str
    kind: Kind
    unit: str
    help: str
    attributes: tuple[Attribute, ...] = ()
    buckets: tuple[float, ...] = ()
    observed: bool = False
    """Whether a counter's value is read whenever metrics are collected, as a gauge's is."""

    def __post_init__(self) -> None:
        if (self.kind == "histogram") != bool(self.buckets):
            raise ValueError(f"{self.name}: histograms have buckets, and nothing else has")
        if self.kind == "gauge" and self.unit == "1":
            raise ValueError(f"{self.name}: a gauge of unit 1 is named differently by different exporters")

    @property
    def prometheus_name(self) -> str:
        return prometheus_name(self.name, self.unit, self.kind)


UNIT_SUFFIXES = {
    "s": "seconds",
    "By": "bytes",
    "%": "percent",
    "W": "watts",
    "Cel": "celsius",
    "J": "joules",
    "g": "grams",
}


def prometheus_name(name: str, unit: str, kind: Kind) -> str:
    """Returns the name in Prometheus, as its OTLP receiver translates it.

    Source: the OpenTelemetry specification, "Prometheus and OpenMetrics compatibility".
    """
    base = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    suffix = UNIT_SUFFIXES.get(unit)
    if suffix and not base.endswith(f"_{suffix}"):
        base = f"{base}_{suffix}"
    return f"{base}_total" if kind == "counter" and not base.endswith("_total") else base
