"""Which features of which client a test has: what docs/voice_agents_clients.md is made of.

``shows`` marks a test. Its arguments are literals, so that the table is read from the source (tests/client_table.py).
"""

from __future__ import annotations

from typing import Literal, get_args

import pytest

Service = Literal["OpenAI", "Cartesia", "ElevenLabs", "Deepgram", "Wyoming", "Piper", "MaryTTS"]
Feature = Literal["whole text", "text in pieces", "interruption", "word times"]

SERVICES: tuple[Service, ...] = get_args(Service)
FEATURES: tuple[Feature, ...] = get_args(Feature)


def shows(service: Service, client: str, *features: Feature) -> pytest.MarkDecorator:
    """Marks a test that shows these features of a service's format with a client.

    A client is the name of its package in a lock file, or that of a program in CALLS of tests/client_table.py.
    """
    assert service in SERVICES
    assert features
    assert not set(features) - set(FEATURES)
    return pytest.mark.shows(service, client, *features)
