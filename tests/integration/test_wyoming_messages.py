"""Events of strangers over Wyoming's port: each is answered, counted once, and the server lives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.integration.test_socket_messages import JUNK, WORDS
from tests.integration.test_wyoming import lives, raw
from tests.service_client import Client, Start, samples

ANSWERS = frozenset({"info", "pong", "error", "audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"})
VOICES = st.sampled_from([None, {}, {"name": "joe"}, {"language": "ja"}]) | JUNK
EVENTS = (
    st.sampled_from([{"type": "describe"}, {"type": "ping"}, {"type": "synthesize-start"}, {"type": "synthesize-stop"}])
    | st.fixed_dictionaries({"type": st.just("synthesize-chunk"), "data": st.fixed_dictionaries({"text": WORDS})})
    | st.fixed_dictionaries({"type": st.just("synthesize"), "data": st.fixed_dictionaries({"text": WORDS})})
)
JUNK_EVENTS = (
    st.fixed_dictionaries(
        {"type": st.sampled_from(["synthesize", "synthesize-start", "synthesize-chunk", "ping"]) | JUNK},
        optional={
            "data": st.fixed_dictionaries({}, optional={"text": WORDS | JUNK, "voice": VOICES, "text_format": JUNK})
            | JUNK,
            "data_length": st.integers(-3, 40) | JUNK,
            "payload_length": st.integers(-3, 40) | JUNK,
        },
    )
    | JUNK
)


async def converse(client: Client, events: list[Any]) -> int:
    """Sends events and the end of the client's side; returns the number of errors."""
    data = b"".join(event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n" for event in events)
    answers = [event.type for event in await raw(client, data)]
    assert set(answers) <= ANSWERS
    assert "error" not in answers[:-1]  # it is the last
    if "error" not in answers:
        assert answers.count("audio-start") == answers.count("audio-stop")
    return answers.count("error")


async def test_events_of_strangers(start: Start) -> None:
    client = await start(wyoming_port=0)
    loop = asyncio.get_running_loop()
    errors: list[int] = []

    @given(st.lists(EVENTS, max_size=8), st.none() | JUNK_EVENTS | st.binary(max_size=30))
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def converse_with(events: list[Any], last: Any) -> None:
        sent = events if last is None else [*events, last]
        errors.append(asyncio.run_coroutine_threadsafe(converse(client, sent), loop).result(60))

    await asyncio.to_thread(converse_with)
    await lives(client)
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert sum(samples(text, "tts_requests_total", endpoint="wyoming")) == summary["total_requests"] > 0
    told = [*samples(text, "tts_requests_total", endpoint="wyoming", outcome="rejected")]
    told += samples(text, "tts_requests_total", endpoint="wyoming", outcome="error")  # a short hum
    silent = samples(text, "tts_errors_total", endpoint="wyoming", error_type="nothing_to_speak")
    assert sum(told) - sum(silent) == sum(errors) > 0
    assert not samples(text, "tts_errors_total", endpoint="wyoming", error_type="internal_error")
    assert samples(text, "tts_sockets", endpoint="wyoming") == [0]
    assert not any(samples(text, "tts_sockets_closed_total", endpoint="wyoming", reason="failed"))
