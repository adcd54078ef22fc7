"""The names of OpenTelemetry's semantic conventions are those that its own package has, with their stability."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOutputTypeValues
from opentelemetry.semconv.schemas import Schemas

from otel.contract import conventions
from otel.contract.conventions import (
    BY_NAME,
    CONVENTIONS,
    GEN_AI,
    GENERAL,
    OMISSIONS,
    SDK,
    SERVICE,
    Convention,
    Stability,
)
from otel.contract.event_fields import REQUEST_FIELDS, RequestField, SpanField
from otel.contract.libraries import HTTP_METRICS
from otel.contract.metrics import CONTRACT
from otel.sdk.spans import EXPORTED


def names(package: str) -> set[str]:
    """The attributes and metrics that a package of the conventions defines."""
    root = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(root.__path__)]
    return {value for module in modules for value in constants(module)}


def constants(module: ModuleType) -> set[str]:
    return {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}


STABLE = names("opentelemetry.semconv.attributes") | names("opentelemetry.semconv.metrics")
ALL = (
    STABLE | names("opentelemetry.semconv._incubating.attributes") | names("opentelemetry.semconv._incubating.metrics")
)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda each: each.name)
def test_a_convention_exists_and_is_as_stable_as_it_says(convention: Convention) -> None:
    assert convention.name in ALL
    assert (convention.stability is Stability.STABLE) == (convention.name in STABLE)
    assert (convention.source is GEN_AI) == convention.name.startswith("gen_ai.")


def test_what_is_left_out_exists_and_is_nowhere() -> None:
    left_out = {omission.name for omission in OMISSIONS}
    assert left_out <= ALL
    ours = {*EXPORTED, *REQUEST_FIELDS, *(entry.name for entry in CONTRACT), *(entry.name for entry in HTTP_METRICS)}
    assert not left_out & ours


def test_the_version_is_that_of_the_package() -> None:
    assert [*Schemas][-1].value == GENERAL.schema_url


def test_every_name_that_is_not_ours_is_listed() -> None:
    metrics = {entry.name for entry in (*CONTRACT, *HTTP_METRICS)}
    labels = {attribute.name for entry in CONTRACT for attribute in entry.attributes if "." in attribute.name}
    foreign = {
        name for name in {*EXPORTED, *REQUEST_FIELDS, *metrics, *labels, *SERVICE, *SDK} if not name.startswith("tts.")
    }
    assert foreign == {*BY_NAME}


def test_our_names_of_the_same_facts_are_of_the_contract() -> None:
    ours = {*RequestField, *SpanField, *(entry.name for entry in CONTRACT)}
    assert {name for convention in CONVENTIONS for name in convention.ours} <= ours


def test_speech_is_a_type_of_output_of_the_conventions() -> None:
    assert conventions.SPEECH in {value.value for value in GenAiOutputTypeValues}
