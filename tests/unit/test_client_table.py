"""docs/voice_agents_clients.md is made of the tests, and of nothing else."""

from __future__ import annotations

import pytest

from tests.client_features import FEATURES, shows
from tests.client_table import ABSENT, ABSENT_OF_CLIENT, CALLS, PAGE, absent, claims, claims_in, render, versions

CLAIMS = claims()
ROWS = sorted({(claim.service, claim.client) for claim in CLAIMS})
SOURCE = """
@pytest.mark.parametrize("name", [pytest.param("a", marks=shows("Piper", "pipecat-ai", "whole text"))])
@shows("OpenAI", "openai", "whole text", "interruption")
async def test_a_client(name): ...
"""


def test_the_page_is_that_of_the_tests() -> None:
    assert PAGE.read_text() == render(CLAIMS)


@pytest.mark.parametrize(("service", "client"), ROWS)
def test_every_feature_of_a_client_is_shown_or_absent_for_a_reason(service: str, client: str) -> None:
    shown = {claim.feature for claim in CLAIMS if (claim.service, claim.client) == (service, client)}
    without = {feature for feature in FEATURES if absent(service, client, feature)}
    assert shown | without == set(FEATURES)
    assert not shown & without


def test_every_client_has_a_version_and_every_exception_a_row() -> None:
    assert {client for _, client in ROWS} <= versions().keys()
    assert set(CALLS) <= {client for _, client in ROWS}
    assert {(service, client) for service, client, _ in ABSENT_OF_CLIENT} <= set(ROWS)
    assert {service for service, _ in ABSENT} <= {service for service, _ in ROWS}


def test_marks_are_read_from_decorators_of_tests_alone() -> None:
    found = [(each.service, each.client, each.feature) for each in claims_in(SOURCE, "tests/test_x.py")]
    assert sorted(found) == [
        ("OpenAI", "openai", "interruption"),
        ("OpenAI", "openai", "whole text"),
        ("Piper", "pipecat-ai", "whole text"),
    ]
    with pytest.raises(ValueError, match="must stand above a test"):
        list(claims_in(SOURCE.replace("test_a_client", "a_client"), "tests/test_x.py"))


def test_a_mark_names_features_of_the_table() -> None:
    assert shows("Piper", "pipecat-ai", "whole text").args == ("Piper", "pipecat-ai", "whole text")
    with pytest.raises(AssertionError):
        shows("Piper", "pipecat-ai", "song")  # type: ignore[arg-type]
