"""Sends events: tts.request, one for each request for audio, and others of the contract."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordLimits, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AttributeValue

from otel.contract.event_fields import REQUEST_EVENT

NO_LIMITS = LogRecordLimits(
    max_attributes=LogRecordLimits.UNSET,
    max_attribute_length=LogRecordLimits.UNSET,
    max_log_record_attributes=LogRecordLimits.UNSET,
    max_log_record_attribute_length=LogRecordLimits.UNSET,
)
"""The limits of records before their export; otel.sdk.limits keeps what is exported within those of OTEL_*."""


class Events:
    """Hands events to the SDK's processors, which batch them for their exporters.

    The SDK's logger would check and copy every attribute of every event once more. These attributes are our own, and
    all have types that can be exported.
    """

    def __init__(
        self, resource: Resource, scope: InstrumentationScope, processors: Sequence[LogRecordProcessor]
    ) -> None:
        self._resource = resource
        self._scope = scope
        self._processors = processors

    def emit(
        self,
        attributes: Mapping[str, AttributeValue],
        context: Context,
        name: str = REQUEST_EVENT,
        timestamp: int | None = None,
    ) -> None:
        """Sends the event ``name``, associated with the span in ``context``.

        ``timestamp`` is when what it is about ended, in Unix nanoseconds; by default now.
        """
        record = LogRecord(
            timestamp=timestamp or time.time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=name,
            attributes=attributes,
        )
        for processor in self._processors:
            processor.on_emit(_Unchecked(record, self._resource, self._scope, NO_LIMITS))


class _Unchecked(ReadWriteLogRecord):
    def __post_init__(self) -> None:
        """Skips the SDK's check and copy of the attributes."""
