"""Decodes OTLP JSON lines to rows: fast for valid lines, value by value for others.

Source: the OTLP specification, "JSON Protobuf Encoding": 64-bit integers are strings, and numbers are also accepted;
floats that JSON can't represent are the strings "NaN", "Infinity" and "-Infinity"; unknown fields are ignored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec

from drift.rows import machine
from drift.rows.fields import FIELDS, REQUEST_ID, Type
from drift.rows.ingest_report import IngestReport
from drift.rows.machine import MachineRow
from otel.contract.event_fields import MACHINE_EVENT, REQUEST_EVENT
from otel.contract.playback_fields import PLAYBACK_EVENT

Row = tuple[Any, ...]
"""The time in microseconds since the epoch, then FIELDS in their order."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far a server's clock may be ahead of ours before its rows count as future ones."""
EARLIEST, LATEST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 256
"""The maximum number of characters of a text field; our longest is a checksum of 64."""
BEGINNING = b'{"resourceLogs"'
"""The start of a line, which a writer may append after it crashed in the middle of one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = next(place for place, field in enumerate(FIELDS) if field.name == REQUEST_ID)


class _Value(msgspec.Struct, gc=False, frozen=True):
    stringValue: str | None = None  # noqa: N815 - OTLP's names
    intValue: int | None = None  # noqa: N815
    doubleValue: float | None = None  # noqa: N815
    boolValue: bool | None = None  # noqa: N815


class _Attribute(msgspec.Struct, gc=False):
    key: str = ""
    value: _Value = _Value()


class _Record(msgspec.Struct, gc=False):
    timeUnixNano: int = 0  # noqa: N815
    observedTimeUnixNano: int = 0  # noqa: N815
    eventName: str = ""  # noqa: N815
    attributes: list[_Attribute] = []


class _ScopeLogs(msgspec.Struct, gc=False):
    logRecords: list[_Record] = []  # noqa: N815


class _ResourceLogs(msgspec.Struct, gc=False):
    scopeLogs: list[_ScopeLogs] = []  # noqa: N815


class _Export(msgspec.Struct, gc=False):
    resourceLogs: list[_ResourceLogs] = []  # noqa: N815


_GET: dict[Type, Callable[[_Value], Any]] = {
    "text": attrgetter("stringValue"),
    "integer": attrgetter("intValue"),
    "number": attrgetter("doubleValue"),
    "flag": attrgetter("boolValue"),
}
_PLACES = {field.feature: (place, _GET[field.type]) for place, field in enumerate(FIELDS)}
_decode = msgspec.json.Decoder(_Export, strict=False).decode  # not strict: integers may be strings


def microseconds(moment: datetime) -> int:
    """Returns ``moment`` in microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class OtlpDecoder:
    """Turns lines into rows, and counts everything else in ``report``."""

    def __init__(self, report: IngestReport, now: datetime) -> None:
        self._report = report
        self._machine_rows: list[MachineRow] = []
        self._earliest = microseconds(EARLIEST)
        self._latest = microseconds(LATEST)
        self._present = microseconds(now + CLOCK_SKEW)

    def rows(self, line: bytes) -> list[Row]:
        """Returns the rows of a complete line; a line that can't be read has none, and never raises."""
        try:
            export = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._patiently(line)
        rows: list[Row] = []
        records = 0
        for resource in export.resourceLogs:
            for scope in resource.scopeLogs:
                records += len(scope.logRecords)
                for record in scope.logRecords:
                    if record.eventName != REQUEST_EVENT:
                        self._other(record)
                        continue
                    values: list[Any] = [None] * len(FIELDS)
                    for attribute in record.attributes:
                        known = _PLACES.get(attribute.key)
                        if known is not None:
                            place, get = known
                            value = get(attribute.value)
                            values[place] = value if value is not None else self._converted(place, attribute.value)
                    row = self._row(record.timeUnixNano or record.observedTimeUnixNano, values)
                    if row is not None:
                        rows.append(row)
        if not records:
            self._report.empty += 1
        return rows

    def take_machine_rows(self) -> list[MachineRow]:
        """Returns the rows of machines since the last call."""
        rows, self._machine_rows = self._machine_rows, []
        return rows

    def _other(self, record: _Record) -> None:
        if record.eventName == MACHINE_EVENT:
            self._machine(record.timeUnixNano, {each.key: each.value for each in record.attributes})
        elif record.eventName != PLAYBACK_EVENT:
            self._report.foreign += 1

    def _machine(self, nanoseconds: int, values: Mapping[str, _Value]) -> None:
        """Keeps the row of a machine's minute; one that is not as the contract has it counts as malformed."""
        time = nanoseconds // 1000
        row = machine.row(time, {name: _plain(value) for name, value in values.items()})
        if row is None or not self._earliest <= time <= self._latest:
            self._report.malformed += 1
            return
        self._report.machine_rows += 1
        self._machine_rows.append(row)

    def _converted(self, place: int, value: _Value) -> int | float | None:
        """Returns the value as the field's type: an integer is also a number, and a float may be an integer."""
        field = FIELDS[place]
        if field.type == "number" and value.intValue is not None:
            return _float(value.intValue)
        if field.type == "integer" and value.doubleValue is not None and value.doubleValue.is_integer():
            return int(value.doubleValue)
        self._report.wrong[field.name] += 1
        return None

    def _row(self, nanoseconds: int, values: list[Any]) -> Row | None:
        time = nanoseconds // 1000
        if not self._earliest <= time <= self._latest:
            if time > self._latest or not nanoseconds:
                self._report.timeless += 1
            else:
                self._report.ancient += 1
            return None
        self._report.future += time > self._present
        identifier = values[_ID]
        if not identifier or len(identifier) > LONGEST_TEXT:
            self._report.nameless += 1
            values[_ID] = "~" + hashlib.sha256(repr((nanoseconds, values)).encode()).hexdigest()[:31]
        return (time, *values)

    def _patiently(self, line: bytes) -> list[Row]:
        """Reads an invalid line record by record, value by value."""
        try:
            # json accepts NaN, 1e400 and a byte order mark, for which msgspec rejects the whole line
            export = json.loads(line.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            self._report.torn += 1
            rest = line.rfind(BEGINNING)
            return self.rows(line[rest:]) if rest > 0 else []
        records = list(_records(export))
        if not records:
            self._report.empty += 1
            return []
        self._report.repaired += 1
        rows: list[Row] = []
        for record in records:
            if not isinstance(record, dict):
                self._report.malformed += 1
            elif record.get("eventName") == MACHINE_EVENT:
                given_attributes = [each for each in _each(record, "attributes") if isinstance(each, dict)]
                by_key = {str(each.get("key")): _clean(each.get("value")) for each in given_attributes}
                self._machine(_integer(record.get("timeUnixNano")) or 0, by_key)
            elif record.get("eventName") == PLAYBACK_EVENT:
                continue
            elif record.get("eventName") != REQUEST_EVENT:
                self._report.foreign += 1
            else:
                values: list[Any] = [None] * len(FIELDS)
                for attribute in _each(record, "attributes"):
                    key = attribute.get("key") if isinstance(attribute, dict) else None
                    known = _PLACES.get(key) if isinstance(key, str) else None
                    if known is not None:
                        place, get = known
                        given = _clean(attribute.get("value"))
                        value = get(given)
                        values[place] = value if value is not None else self._converted(place, given)
                time = _integer(record.get("timeUnixNano")) or _integer(record.get("observedTimeUnixNano")) or 0
                row = self._row(time, values)
                if row is not None:
                    rows.append(row)
        return rows


def _records(export: Any) -> Iterator[Any]:
    for resource in _each(export, "resourceLogs"):
        for scope in _each(resource, "scopeLogs"):
            yield from _each(scope, "logRecords")


def _each(holder: Any, name: str) -> list[Any]:
    """Returns the list under ``name``, an empty one if there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, list) else []


def _plain(value: _Value) -> str | int | float | None:
    """Returns the part of the value that is there."""
    parts = (value.stringValue, value.intValue, value.doubleValue)
    return next((part for part in parts if part is not None), None)


def _clean(value: Any) -> _Value:
    """Returns the parts of any JSON value that have the right type."""
    given = value if isinstance(value, dict) else {}
    text, flag = given.get("stringValue"), given.get("boolValue")
    return _Value(
        stringValue=text if isinstance(text, str) and _encodable(text) else None,
        intValue=_integer(given.get("intValue")),
        doubleValue=_float(given.get("doubleValue")),
        boolValue=flag if isinstance(flag, bool) else None,
    )


def _encodable(text: str) -> bool:
    """Returns whether UTF-8 can encode ``text``: json accepts half a surrogate pair."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:  # an integer beyond 1e308
        return math.inf
