"""Renders the contract as a registry of OpenTelemetry Weaver, docs/registry/, in its format ``definition/2``.

A registry defines each attribute once, and signals refer to it. Labels of one name that mean different things in
different metrics (``reason``) are defined as strings, and each metric refines what its own means. Source of the format:
schemas/semconv-syntax.v2.md of open-telemetry/weaver 0.25.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otel.contract.conventions import BY_NAME, GENERAL, SDK, SERVICE, Document, Stability
from otel.contract.event_fields import (
    ATTEMPT_FIELDS,
    CHANGE_EVENT,
    DRIFT_EVENT,
    MACHINE_EVENT,
    REQUEST_EVENT,
    REQUEST_FIELDS,
    REQUEST_TYPES,
    STAGE_FIELDS,
    ChangeField,
    DriftField,
    Field,
    MachineField,
    RequestField,
    SpanField,
    ValueType,
)
from otel.contract.instrument import Instrument
from otel.contract.labels import OTHER, Attribute, Source
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS, LibraryMetric
from otel.contract.metrics import CONTRACT
from otel.contract.playback_fields import LISTEN_SPAN, PLAYBACK_EVENT, PLAYBACK_SPAN, PlaybackField
from otel.contract.values import LabelValue
from otel.support.yaml_text import dump

HEADER = "# Generated from the contract in otel/ by `make docs`; do not edit.\n\n"
FORMAT = "definition/2"
MANIFEST = {
    "description": "The telemetry of ttscope, a text-to-speech server: metrics, spans, events and their attributes.",
    "schema_url": "https://ttscope.example/schemas/1.0.0",
    "stability": "development",
}
"""The address names the registry and its version; nothing is served there."""
GENERAL_TYPES: Mapping[str, ValueType] = {"http.response.status_code": "int"}
"""The types of the general conventions' attributes that are not strings."""
GENERAL_SPAN = (
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "url.scheme",
)
"""The attributes that the HTTP instrumentation adds to the SERVER span."""
LIBRARY_METRICS = (*HTTP_METRICS, *SDK_METRICS)

Node = dict[str, Any]


def files() -> dict[str, str]:
    """Returns the text of each file of the registry by its name."""
    contents: Mapping[str, Node] = {
        "manifest.yaml": MANIFEST,
        "attributes.yaml": {"file_format": FORMAT, "attributes": attributes()},
        "metrics.yaml": {"file_format": FORMAT, "metrics": metrics()},
        "events.yaml": {"file_format": FORMAT, "events": events()},
        "spans.yaml": {"file_format": FORMAT, "spans": spans()},
        "entities.yaml": {"file_format": FORMAT, "entities": entities()},
    }
    return {name: HEADER + dump(content) for name, content in contents.items()}


def attributes() -> list[Node]:
    """Returns the definition of every attribute: fields, then labels, then the general conventions'."""
    definitions: dict[str, Node] = {}
    for name, meaning in REQUEST_FIELDS.items():
        definitions[name] = _definition(name, REQUEST_TYPES[name], meaning)
    for field in (*SpanField, *PlaybackField, *MachineField, *DriftField, *ChangeField):
        definitions.setdefault(field.value, _definition(field.value, field.type, field.meaning))
    for name, labels in _labels().items():
        definitions.setdefault(name, _label(name, labels))
    for name in (*GENERAL_SPAN, *SERVICE, *SDK):
        kind = GENERAL_TYPES.get(name, "string")
        definitions[name] = _definition(name, kind, f"as in the conventions, {BY_NAME[name].source.title}")
    return list(definitions.values())


def metrics() -> list[Node]:
    """Returns the definition of every metric of the server, of the drift job, and of the libraries."""
    return [*map(_metric, CONTRACT), *map(_metric, LIBRARY_METRICS)]


def events() -> list[Node]:
    """Returns the definitions of the events."""
    return [
        {
            "name": REQUEST_EVENT,
            "brief": "A call for audio, one for each, whatever its outcome.",
            "stability": Stability.DEVELOPMENT,
            "requirement_level": "recommended",
            "attributes": [{"ref": name} for name in REQUEST_FIELDS],
        },
        {
            "name": PLAYBACK_EVENT,
            "brief": "A playback of a request's audio, as the player reported it.",
            "stability": Stability.DEVELOPMENT,
            "requirement_level": "recommended",
            "attributes": [{"ref": field.value} for field in PlaybackField],
        },
        {
            "name": MACHINE_EVENT,
            "brief": "A minute of a server's machine time, and what it was used for.",
            "stability": Stability.DEVELOPMENT,
            "requirement_level": "recommended",
            "attributes": [{"ref": field.value} for field in MachineField],
        },
        {
            "name": DRIFT_EVENT,
            "brief": "A window of requests that the drift job has judged.",
            "stability": Stability.DEVELOPMENT,
            "requirement_level": "recommended",
            "attributes": [{"ref": field.value} for field in DriftField],
        },
        {
            "name": CHANGE_EVENT,
            "brief": "A change that the drift job found from request to request, or a verdict on a build.",
            "stability": Stability.DEVELOPMENT,
            "requirement_level": "recommended",
            "attributes": [{"ref": field.value} for field in ChangeField],
        },
    ]


def spans() -> list[Node]:
    """Returns the definitions of the spans of a request, of a stage, of an attempt and of a playback."""
    request = [{"ref": name} for name in (*REQUEST_FIELDS, *GENERAL_SPAN)]
    playback = [{"ref": field.value} for field in PlaybackField]
    return [
        _span("tts.server", "server", "A request for audio.", "{http.request.method} {http.route}", request),
        _span("tts.stage", "internal", "A part of a stage of a request's work.", "{tts.stage}", _refined(STAGE_FIELDS)),
        _span("tts.attempt", "internal", "A provider's attempt to speak.", "attempt", _refined(ATTEMPT_FIELDS)),
        _span("tts.listen", "client", "What a listener did, from the click to the end.", LISTEN_SPAN, playback),
        _span("tts.playback", "internal", "From the first sound to the end.", PLAYBACK_SPAN, playback),
    ]


def entities() -> list[Node]:
    """Returns the definitions of the resource that every signal has: the server's process, and the SDK in it."""
    return [
        {
            "type": "service",
            "brief": "A process of the server, or of the drift job.",
            "stability": Stability.STABLE,
            "requirement_level": "recommended",
            "identity": [{"ref": name, "requirement_level": "required"} for name in SERVICE[:2]],
            "description": [{"ref": name} for name in (*SERVICE[2:], RequestField.BUILD.value)],
        },
        {
            "type": "telemetry.sdk",
            "brief": "The OpenTelemetry SDK that made the signal.",
            "stability": Stability.STABLE,
            "requirement_level": "recommended",
            "identity": [{"ref": name, "requirement_level": "required"} for name in SDK],
        },
    ]


def _labels() -> dict[str, list[Attribute]]:
    """Returns the different labels of each name."""
    found: dict[str, list[Attribute]] = {}
    for instrument in CONTRACT:
        for label in instrument.attributes:
            others = found.setdefault(label.name, [])
            if label not in others:
                others.append(label)
    return found


def _label(name: str, labels: list[Attribute]) -> Node:
    """Returns the definition of a label; one of several meanings is a string, which each metric refines."""
    if len(labels) > 1:
        return _definition(name, "string", "; or ".join(label.help for label in labels), examples=_examples(labels))
    [label] = labels
    if isinstance(label.values, Source):
        return _definition(name, "string", f"{label.help}: one of {label.values}, or `{OTHER}`")
    members = [_member(value) for value in label.values]
    return {**_definition(name, "string", label.help), "type": {"members": members}}


def _member(value: str) -> Node:
    meaning = value.meaning if isinstance(value, LabelValue) else ""
    about = {"brief": _sentence(meaning)} if meaning else {}
    return {"id": str(value), "value": str(value), **about, "stability": Stability.DEVELOPMENT}


def _definition(name: str, kind: ValueType, meaning: str, examples: list[str] | None = None) -> Node:
    return {
        "key": name,
        "type": kind,
        "brief": _sentence(meaning),
        **_origin(name),
        **({"examples": examples} if examples else {}),
    }


def _origin(name: str, default: Document | None = None) -> Node:
    """Returns the stability of a name, and the document that defines it if that is not the contract."""
    convention = BY_NAME.get(name)
    source = convention.source if convention else default
    note = {"note": f"Defined by {source.schema_url}."} if source else {}
    return {"stability": convention.stability if convention else Stability.DEVELOPMENT, **note}


def _metric(metric: Instrument | LibraryMetric) -> Node:
    ours = isinstance(metric, Instrument)  # the libraries' gauges are up-down counters, which Prometheus calls gauges
    buckets = {"buckets": [*metric.buckets]} if isinstance(metric, Instrument) and metric.buckets else {}
    labels = _labels()
    return {
        "name": metric.name,
        "brief": metric.help,
        "instrument": "updowncounter" if metric.kind == "gauge" and not ours else metric.kind,
        "unit": metric.unit,
        "requirement_level": "recommended",
        **_origin(metric.name, None if ours else GENERAL),
        "annotations": {"prometheus": {"name": metric.prometheus_name, **buckets}},
        **({"attributes": [_reference(label, labels) for label in metric.attributes]} if metric.attributes else {}),
    }


def _reference(label: Attribute | str, labels: Mapping[str, list[Attribute]]) -> Node:
    if isinstance(label, str):
        return {"ref": label, "brief": "As the library sets it."}
    required: Node = {"ref": label.name, "requirement_level": "required"}
    if len(labels[label.name]) == 1:
        return required
    return {**required, "brief": _sentence(label.help), "note": "\n".join(_meanings(label))}


def _meanings(label: Attribute) -> Iterator[str]:
    if isinstance(label.values, Source):
        yield f"One of {label.values}."
        return
    for value in label.values:
        yield f"- `{value}`: {value.meaning}" if isinstance(value, LabelValue) else f"- `{value}`"


def _examples(labels: Iterable[Attribute]) -> list[str]:
    """Returns the first value of each label."""
    return [*dict.fromkeys(str(label.values[0]) for label in labels if isinstance(label.values, tuple))]


def _refined(fields: Iterable[Field]) -> list[Node]:
    """Returns references to fields whose meaning depends on the span."""
    return [{"ref": field.value, "brief": _sentence(field.meaning)} for field in fields]


def _span(name: str, kind: str, about: str, form: str, references: list[Node]) -> Node:
    return {
        "type": name,
        "kind": kind,
        "brief": about,
        "name": {"note": form},
        "stability": Stability.DEVELOPMENT,
        "requirement_level": "recommended",
        "attributes": references,
    }


def _sentence(meaning: str) -> str:
    return f"{meaning[0].upper()}{meaning[1:]}."
