"""A context of a session, with a synthesizer that only notes what it is asked to speak."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from server.audio.formats import PCM
from server.errors import TextTooLong
from server.routes.requests import TtsRequest
from server.streaming import text_buffer
from server.streaming.context import ContextOptions, Event, Finished, StreamingContext
from server.streaming.text_buffer import LOOKED_AT
from server.streaming.utterance_synthesizer import SocketClient, UtteranceSynthesizer
from tests.humming_provider import JOE

SPEECH = TtsRequest(text="", response_format="pcm", stream=True)
CLIENT = SocketClient(cast("Any", None), "", "/", cast("Any", None))
TRACES = [f"00-{digit * 32}-{digit * 16}-01" for digit in "12"]


class _Notes:
    """What is spoken, and what is sent."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str | None]] = []
        self.events: list[Event] = []
        self.may_speak = asyncio.Event()
        self.may_speak.set()

    async def speak(self, client: SocketClient, speech: TtsRequest, *_: Any) -> None:
        self.spoken.append((speech.text, client.traceparent))
        await self.may_speak.wait()

    async def send(self, _: StreamingContext, event: Event) -> None:
        self.events.append(event)

    def context(self, most_characters: int = 100_000) -> StreamingContext:
        return StreamingContext(
            "one",
            JOE,
            ContextOptions(SPEECH, PCM, 60.0),
            speaker=cast("UtteranceSynthesizer", self),
            client=CLIENT,
            send=self.send,
            most_characters=most_characters,
        )


async def test_looking_for_the_ends_of_sentences_lets_others_work_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, looked = 0, []
    ends = text_buffer.sentence_spans

    def counted(text: str, language: str) -> Any:
        looked.append((turns, len(text)))
        return ends(text, language)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(text_buffer, "sentence_spans", counted)
    working = asyncio.create_task(others())
    notes = _Notes()
    context = notes.context()
    marks = "Hm?! " * 1000
    context.feed(marks)
    assert not looked  # not while the message is handled
    await asyncio.sleep(0)
    while context.busy and not notes.spoken:
        await asyncio.sleep(0)
    context.finish()
    await context.ended()
    working.cancel()
    assert "".join(text for text, _ in notes.spoken) == marks
    assert len(looked) > len(marks) / LOOKED_AT
    assert len({turn for turn, _ in looked}) == len(looked)
    assert max(size for _, size in looked) <= LOOKED_AT


async def test_an_utterance_is_no_longer_than_a_text_may_be_however_much_arrives() -> None:
    notes = _Notes()
    context = notes.context(most_characters=2000)

    async def flood() -> None:
        sent = 0
        while sent < 20_000:
            try:
                context.feed("Hm?! " * 100)
                sent += 500
            except TextTooLong:
                pass
            await asyncio.sleep(0)

    await flood()
    context.finish()
    await context.ended()
    assert sum(len(text) for text, _ in notes.spoken) == 20_000
    assert max(len(text) for text, _ in notes.spoken) <= 2000


async def test_sentences_that_arrive_during_speech_are_spoken_together_up_to_another_trace() -> None:
    notes = _Notes()
    context = notes.context()
    notes.may_speak.clear()
    one, two = TRACES
    context.feed("A first sentence. ", one)
    context.feed("It has a successor of its own. ")
    while not notes.spoken:
        await asyncio.sleep(0)
    context.feed("And a third! And a fourth. ")
    context.feed("A second turn. ", two)
    context.feed("It goes on.")
    context.finish()
    notes.may_speak.set()
    await context.ended()
    assert notes.spoken == [
        ("A first sentence. ", one),
        ("It has a successor of its own. And a third! And a fourth. ", one),
        ("A second turn. It goes on.", two),
    ]
    assert notes.events[-1] == Finished()
