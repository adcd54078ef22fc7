"""The three forms of a load report, read as the specification says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from server.middleware.orca import FIELD_NUMBERS, OrcaReport

REPORT = OrcaReport(
    application_utilization=1.25,
    cpu_utilization=0.5,
    rps_fractional=3.75,
    eps=0.0,
    named_metrics={"queue_audio_seconds": 12.345678901, "queue_depth": 3.0},
    request_cost={"work_seconds": 0.25},
)
NUMBERS = {"application_utilization": 1.25, "cpu_utilization": 0.5, "rps_fractional": 3.75}


def orca_load_report() -> Any:
    """The class of the message xds.data.orca.v3.OrcaLoadReport, as far as it is reported."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="orca.proto", package="xds.data.orca.v3", syntax="proto3")
    message = file.message_type.add(name="OrcaLoadReport")
    for name, number in FIELD_NUMBERS.items():
        field = message.field.add(name=name, number=number, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
        if name in {"named_metrics", "request_cost"}:
            entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
            entry.field.add(name="value", number=2, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
            field.type, field.label = kinds.TYPE_MESSAGE, kinds.LABEL_REPEATED
            field.type_name = f".xds.data.orca.v3.OrcaLoadReport.{entry.name}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("xds.data.orca.v3.OrcaLoadReport"))


def read_text(header: str) -> dict[str, float]:
    """The figures of a report in the form TEXT, read as Envoy does."""
    form, _, rest = header.partition(" ")
    assert form == "TEXT"
    pairs = [pair.strip().partition("=") for pair in rest.split(",")]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: float(value) for name, _, value in pairs}


def test_the_text_has_only_fields_that_envoy_knows() -> None:
    assert read_text(REPORT.header("TEXT")) == {
        **NUMBERS,
        "eps": 0,
        "named_metrics.queue_audio_seconds": pytest.approx(12.3457),
        "named_metrics.queue_depth": 3,
    }


def test_the_json_is_that_of_the_message() -> None:
    form, _, text = REPORT.header("JSON").partition(" ")
    assert form == "JSON"
    message = json_format.Parse(text, orca_load_report()())
    assert {name: getattr(message, name) for name in NUMBERS} == NUMBERS
    assert dict(message.named_metrics) == REPORT.named_metrics
    assert dict(message.request_cost) == REPORT.request_cost
    assert set(json.loads(text)) == set(FIELD_NUMBERS)


def test_the_binary_form_is_the_message() -> None:
    form, _, text = REPORT.header("BIN").partition(" ")
    assert form == "BIN"
    message = orca_load_report().FromString(base64.b64decode(text, validate=True))
    assert {name: getattr(message, name) for name in NUMBERS} == NUMBERS
    assert dict(message.named_metrics) == REPORT.named_metrics
    assert dict(message.request_cost) == REPORT.request_cost


def test_what_can_not_be_read_is_left_out() -> None:
    report = OrcaReport(0.5, None, 0.0, 0.0, {}, {})
    assert set(read_text(report.header("TEXT"))) == {"application_utilization", "rps_fractional", "eps"}
    assert "cpu_utilization" not in report.header("JSON")


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9, 0.1 + 0.2])
def test_any_number_is_one_number_of_a_text(value: float) -> None:
    report = OrcaReport(value, value, value, value, {"queue_depth": value}, {})
    assert all(read == pytest.approx(value) for read in read_text(report.header("TEXT")).values())
