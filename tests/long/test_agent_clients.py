"""The clients of LiveKit and Pipecat with the real voice: words are understood, and are where their times say.

Pipecat gives a speech up that has no audio for 3 s, so that this needs a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.agents_program import agents_python, client_results
from tests.recognition import errors, recognise, when, words

TEXT = "The old man walked slowly along the river bank and watched the boats."
MISHEARD = 3
"""Words that PocketSphinx may mishear; of the voice's own files it mishears some too."""
Results = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def results(server_url: str) -> Results:
    agents_python()
    return asyncio.run(client_results(server_url, TEXT, f"{TEXT} " * 12))


def samples(speech: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(speech), "<i2").astype(np.float32) / 32768


@pytest.mark.parametrize(
    ("framework", "clients"),
    [
        ("livekit", {"cartesia", "deepgram", "elevenlabs", "openai"}),
        (
            "pipecat",
            {
                "cartesia",
                "cartesia_http",
                "deepgram",
                "deepgram_http",
                "elevenlabs",
                "elevenlabs_http",
                "openai",
                "piper",
            },
        ),
    ],
)
def test_words_are_understood(results: Results, framework: str, clients: set[str]) -> None:
    assert results[framework].keys() == clients
    assert [speech["errors"] for speech in results[framework].values() if speech.get("errors")] == []
    misheard = {
        (client, kind): errors(words(TEXT), recognise(samples(speech[kind]), speech["rate"]))
        for client, speech in results[framework].items()
        for kind in ("whole", "pieces", "after_interruption")
        if kind in speech
    }
    assert {each: count for each, count in misheard.items() if count > MISHEARD} == {}


@pytest.mark.parametrize(
    ("framework", "client", "kind"),
    [
        ("livekit", "cartesia", "pieces"),
        ("livekit", "elevenlabs", "pieces"),
        ("pipecat", "cartesia", "whole"),
        ("pipecat", "elevenlabs", "whole"),
        ("pipecat", "elevenlabs_http", "whole"),
    ],
)
def test_words_are_where_a_recogniser_hears_them(results: Results, framework: str, client: str, kind: str) -> None:
    speech = results[framework][client]
    starts = np.array([word[1] for word in speech["words"] if words(word[0])])
    heard = np.array([begin for begin, _ in when(samples(speech[kind]), speech["rate"], words(TEXT))])
    if framework == "pipecat":  # its times count from the start of its pipeline
        starts, heard = starts - starts[0], heard - heard[0]
    assert np.abs(starts - heard).mean() < 0.06
    assert np.abs(starts - heard).max() < 0.2
