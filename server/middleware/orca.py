"""The load report of ORCA (Open Request Cost Aggregation) in its three forms for HTTP headers.

Source: xds.data.orca.v3.OrcaLoadReport of github.com/cncf/xds, and Envoy's reader of the header.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

HEADER = "endpoint-load-metrics"
FORMAT_HEADER = "endpoint-load-metrics-format"
"""The request header that names the form, as vLLM and Triton read it."""
OrcaFormat = Literal["TEXT", "JSON", "BIN"]
ORCA_FORMATS: tuple[OrcaFormat, ...] = get_args(OrcaFormat)

FIELD_NUMBERS = {
    "cpu_utilization": 1,
    "request_cost": 4,
    "rps_fractional": 6,
    "eps": 7,
    "named_metrics": 8,
    "application_utilization": 9,
}
"""The fields that are reported, with their numbers in the message. ``mem_utilization`` is not: memory does not limit
how much a server can speak."""
DOUBLE, LENGTH = 1, 2
"""Wire types of protobuf."""
LONGEST = 127
"""The most bytes of a field whose length takes one byte."""


@dataclass(frozen=True, slots=True)
class OrcaReport:
    """A load report: the server's load, and the cost of one request."""

    application_utilization: float
    cpu_utilization: float | None
    """None if it can't be read."""
    rps_fractional: float
    eps: float
    named_metrics: Mapping[str, float]
    request_cost: Mapping[str, float]

    def header(self, orca_format: OrcaFormat) -> str:
        """Returns the value of HEADER. TEXT leaves out the cost of the request: Envoy refuses a text that has it."""
        match orca_format:
            case "TEXT":
                named = {f"named_metrics.{name}": value for name, value in self.named_metrics.items()}
                numbers = {**self._numbers(), **named}
                return "TEXT " + ", ".join(f"{name}={value:.6g}" for name, value in numbers.items())
            case "JSON":
                return "JSON " + json.dumps({**self._numbers(), **self._maps()})
            case "BIN":
                return "BIN " + base64.b64encode(self.message()).decode()

    def message(self) -> bytes:
        """Returns the report as a message of protobuf."""
        numbers = [_double(FIELD_NUMBERS[name], value) for name, value in self._numbers().items()]
        entries = [
            _bytes(FIELD_NUMBERS[name], _bytes(1, key.encode()) + _double(2, value))
            for name, values in self._maps().items()
            for key, value in values.items()
        ]
        return b"".join((*numbers, *entries))

    def _numbers(self) -> dict[str, float]:
        numbers = {
            "application_utilization": self.application_utilization,
            "cpu_utilization": self.cpu_utilization,
            "rps_fractional": self.rps_fractional,
            "eps": self.eps,
        }
        return {name: value for name, value in numbers.items() if value is not None}

    def _maps(self) -> dict[str, Mapping[str, float]]:
        return {"named_metrics": self.named_metrics, "request_cost": self.request_cost}


def _double(number: int, value: float) -> bytes:
    """Returns a field of type double."""
    return bytes([number << 3 | DOUBLE]) + struct.pack("<d", value)


def _bytes(number: int, value: bytes) -> bytes:
    """Returns a field of type string or message, of less than 128 bytes."""
    if len(value) > LONGEST:
        raise ValueError(f"a field of {len(value)} bytes is too long")
    return bytes([number << 3 | LENGTH, len(value)]) + value
