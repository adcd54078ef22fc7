"""TraceQL from the contract's features: the searches that lead from a number to the requests behind it."""

from __future__ import annotations

from dashboards.panel import Search
from dashboards.variables import JOB, VOICE
from otel.features import FEATURE_NAMES


def requests(*conditions: str, limit: int = 20) -> Search:
    """The requests that the variables choose and that fulfil all of some conditions; the last ``limit`` of them."""
    chosen = (
        f'resource.service.name =~ "${JOB.name}"',
        "kind = server",
        f'{span("tts.voice_name")} =~ "${VOICE.name}"',
    )
    return Search("{ " + " && ".join((*chosen, *conditions)) + " }", limit)


def span(feature: str) -> str:
    """A feature of a request, as its span has it. ValueError if the contract does not have it."""
    if feature not in FEATURE_NAMES:
        raise ValueError(f"{feature}: there is no such feature")
    return f"span.{feature}"


def given(feature: str) -> str:
    """The condition that a request has the feature at all."""
    return f"{span(feature)} != nil"
