"""Messages of strangers: whatever comes over a socket, the server answers, counts each utterance once, and lives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.service_client import Client, Start, samples
from tests.socket_client import connected

WORDS = st.text(max_size=40) | st.sampled_from(["Hello there. ", "One, two, ", "...", "(happy) ", "\U0001f600", "!? "])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ANSWERS = frozenset({"Metadata", "Flushed", "Cleared", "Warning", "Error"})
DEEPGRAM = (
    st.fixed_dictionaries({"type": st.just("Speak"), "text": WORDS})
    | st.sampled_from([{"type": "Flush"}, {"type": "Clear"}])
    | st.fixed_dictionaries({"type": JUNK | st.sampled_from(["Speak", "Flush"]), "text": JUNK})
    | JUNK
)


def text_of(message: Any) -> str:
    return json.dumps(message)


async def converse(client: Client, path: str, messages: list[Any]) -> int | None:
    """Sends messages, the last one of Deepgram's, and returns the code with which the server closes the socket."""
    async with connected(client, path) as socket:
        for message in messages:
            if isinstance(message, bytes):
                await socket.socket.send_bytes(message)
            else:
                await socket.socket.send_str(text_of(message))
        await socket.send(type="Close")
        for received in await socket.rest():
            assert isinstance(received, bytes) or received["type"] in ANSWERS
        return socket.socket.close_code


async def test_messages_of_deepgrams_socket(start: Start) -> None:
    client = await start()
    loop = asyncio.get_running_loop()

    @given(st.lists(DEEPGRAM | st.binary(max_size=20), max_size=12))
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def converse_with(messages: list[Any]) -> None:
        future = asyncio.run_coroutine_threadsafe(converse(client, "/v1/speak?model=joe", messages), loop)
        assert future.result(60) == aiohttp.WSCloseCode.OK

    await asyncio.to_thread(converse_with)
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    counted = samples(text, "tts_requests_total", endpoint="/v1/speak")
    assert sum(counted) == summary["total_requests"] > 0
    assert not samples(text, "tts_requests_total", endpoint="/v1/speak", outcome="error")
    assert samples(text, "tts_sockets", endpoint="/v1/speak") == [0]
    assert not any(samples(text, "tts_sockets_closed_total", endpoint="/v1/speak", reason="failed"))
