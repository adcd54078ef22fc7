"""The contract as a registry of OpenTelemetry Weaver: complete, and in the form that its format asks for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel import registry
from otel.contract.event_fields import REQUEST_FIELDS, REQUEST_TYPES, DriftField, SpanField
from otel.contract.labels import Source
from otel.contract.metrics import CONTRACT
from otel.sdk.spans import EXPORTED
from tests.server_process import ROOT

FOLDER = ROOT / "docs" / "registry"
FILES = {name: yaml.safe_load(text) for name, text in registry.files().items()}
ATTRIBUTES = {each["key"]: each for each in FILES["attributes.yaml"]["attributes"]}
METRICS = {each["name"]: each for each in FILES["metrics.yaml"]["metrics"]}
EVENTS = {each["name"]: each for each in FILES["events.yaml"]["events"]}
SPANS = {each["type"]: each for each in FILES["spans.yaml"]["spans"]}
ENTITIES = {each["type"]: each for each in FILES["entities.yaml"]["entities"]}

COMMON = {"brief", "stability", "note", "annotations", "requirement_level"}
KEYS = {  # of each kind of node: those that it must have, and those that it may have; source: semconv-syntax.v2.md
    "attribute": ({"key", "type", "brief", "stability"}, {"note", "annotations", "examples"}),
    "member": ({"id", "value", "stability"}, {"brief", "note", "annotations"}),
    "reference": ({"ref"}, {"brief", "note", "examples", "requirement_level"}),
    "metric": ({"name", "brief", "unit", "instrument", "stability"}, {*COMMON, "attributes"}),
    "event": ({"name", "brief", "stability"}, {*COMMON, "attributes"}),
    "span": ({"type", "kind", "name", "brief", "stability"}, {*COMMON, "attributes"}),
    "entity": ({"type", "brief", "stability", "identity"}, {*COMMON, "description"}),
}
SIGNALS = {"metric": METRICS, "event": EVENTS, "span": SPANS, "entity": ENTITIES}


def references() -> Iterator[dict[str, Any]]:
    for signals in SIGNALS.values():
        for signal in signals.values():
            for name in ("attributes", "identity", "description"):
                yield from signal.get(name, ())


def nodes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of the registry, by its kind."""
    for attribute in ATTRIBUTES.values():
        yield "attribute", attribute
        if isinstance(attribute["type"], dict):
            yield from (("member", member) for member in attribute["type"]["members"])
    yield from (("reference", reference) for reference in references())
    for kind, signals in SIGNALS.items():
        yield from ((kind, signal) for signal in signals.values())


def test_every_node_has_the_keys_and_values_of_the_format() -> None:
    for kind, node in nodes():
        required, optional = KEYS[kind]
        assert required <= node.keys() <= required | optional, node
        assert node.get("stability", "stable") in {"stable", "development"}
        assert node.get("requirement_level", "required") in {"required", "recommended"}
        assert node.get("instrument", "counter") in {"counter", "updowncounter", "gauge", "histogram"}
        if kind == "attribute" and isinstance(node["type"], str):
            assert node["type"] in {"string", "int", "double", "boolean"}
    assert {content["file_format"] for name, content in FILES.items() if name != "manifest.yaml"} == {"definition/2"}
    assert FILES["manifest.yaml"]["schema_url"].rsplit("/", 1)[1].count(".") == 2  # it ends in a version


def test_names_are_defined_once_and_references_lead_to_a_definition() -> None:
    for name, key, found in (("attributes", "key", ATTRIBUTES), ("metrics", "name", METRICS)):
        assert (
            len(FILES[f"{name}.yaml"][name]) == len({each[key] for each in FILES[f"{name}.yaml"][name]}) == len(found)
        )
    assert {reference["ref"] for reference in references()} == ATTRIBUTES.keys()
    for attribute in ATTRIBUTES.values():
        if isinstance(attribute["type"], dict):
            ids = [member["id"] for member in attribute["type"]["members"]]
            assert len(ids) == len(set(ids))


def test_every_metric_of_the_contract_is_in_it() -> None:
    for instrument in CONTRACT:
        metric = METRICS[instrument.name]
        assert (metric["unit"], metric["instrument"], metric["brief"]) == (
            instrument.unit,
            instrument.kind,
            instrument.help,
        )
        assert metric["annotations"]["prometheus"]["name"] == instrument.prometheus_name
        assert metric["annotations"]["prometheus"].get("buckets", []) == [*instrument.buckets]
        assert [each["ref"] for each in metric.get("attributes", ())] == [each.name for each in instrument.attributes]


def test_every_value_of_a_label_is_in_it() -> None:
    for instrument in CONTRACT:
        for label, reference in zip(instrument.attributes, METRICS[instrument.name].get("attributes", ()), strict=True):
            kind = ATTRIBUTES[label.name]["type"]
            if isinstance(label.values, Source):
                assert kind == "string"
            elif isinstance(kind, dict):
                assert [member["value"] for member in kind["members"]] == [str(value) for value in label.values]
            elif "note" in reference:
                assert all(f"`{value}`" in reference["note"] for value in label.values)
            else:
                assert label.name in REQUEST_FIELDS  # a field has its values in its meaning


def test_events_and_spans_have_all_their_attributes_and_types() -> None:
    assert [each["ref"] for each in EVENTS["tts.request"]["attributes"]] == [*REQUEST_FIELDS]
    assert [each["ref"] for each in EVENTS["tts.drift"]["attributes"]] == [*DriftField]
    assert {each["ref"] for span in SPANS.values() for each in span["attributes"]} == EXPORTED
    assert {name: ATTRIBUTES[name]["type"] for name in REQUEST_FIELDS} == REQUEST_TYPES
    assert {field: ATTRIBUTES[field]["type"] for field in SpanField} == {field: field.type for field in SpanField}


@pytest.mark.skipif(shutil.which("weaver") is None, reason="weaver is not installed: github.com/open-telemetry/weaver")
def test_weaver_accepts_it(tmp_path: Path) -> None:
    command = ["weaver", "registry", "check", "-r", str(FOLDER), "--v2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
