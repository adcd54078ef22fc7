"""A context of a session: a text that arrives in pieces, and the audio that is made of it in order."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from server.audio.formats import Format
from server.errors import InvalidRequest, NothingToSpeak, SpeechError, TextTooLong
from server.routes.requests import TtsRequest
from server.streaming.audio_stream import AudioStream, EncodedAudio
from server.streaming.text_buffer import TextBuffer
from server.streaming.utterance_files import UtteranceFiles
from server.streaming.utterance_synthesizer import Interruption, SocketClient, UtteranceSynthesizer
from server.text.language_detection import AUTO
from server.text.reading import PAUSE
from server.text.sentences import is_speakable
from server.utterance import Voice

MOST_PARTS = 1000
"""The most parts of a text that wait, flushes among them."""
ENDING = 16
"""The last characters of a text, in which the mark that ends its sentence is looked for."""
_ENDS_SENTENCE = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\n][\"'\u201d\u2019)\u300d\u300f]*\s*\Z")


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """How a context speaks."""

    speech: TtsRequest
    """The request whose text is replaced by each part of the context's text."""
    form: Format
    """The format of the audio."""
    delay_seconds: float
    """How long a text waits for its next piece before its complete words are spoken."""
    clauses: bool = True
    """Whether a clause is spoken before its sentence has ended."""
    files: bool = False
    """Whether each utterance is a file of its own, sent when it is complete."""


@dataclass(frozen=True, slots=True)
class _TextPart:
    """A part of a text that can be spoken."""

    text: str
    traceparent: str | None
    """The caller's span that it belongs to, if the client names one."""


@dataclass(frozen=True, slots=True)
class UtteranceBegan:
    """The audio of an utterance follows."""

    text: str
    """The part of the client's text that it says."""


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """All audio of an utterance is delivered, but for what the encoder of a compressed stream holds back."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """All text before a flush was spoken, and its audio delivered."""

    number: int
    """Counts the flushes of a context, from 0."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All text of a finished context was spoken, and its audio delivered."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A context ended because a part of its text could not be spoken."""

    error: SpeechError
    flushes: int
    """The flushes that are not answered any more."""


Event = EncodedAudio | UtteranceBegan | UtteranceEnded | Flushed | Finished | Failed
Send = Callable[["StreamingContext", Event], Awaitable[None]]
"""Sends an event; returns when the connection has taken it. Raises ConnectionError when the client has left."""


class StreamingContext:
    """Speaks a text while it arrives: sentence by sentence, and by clauses while it has nothing else to say.

    Sentences that arrive while earlier ones are spoken are spoken together. It ends with Finished, Failed, or silently
    by ``cancel``.
    """

    def __init__(
        self,
        identifier: str,
        voice: Voice,
        options: ContextOptions,
        *,
        speaker: UtteranceSynthesizer,
        client: SocketClient,
        send: Send,
        most_characters: int,
    ) -> None:
        """``identifier`` is the client's own name of it, which enters no signal. At most ``most_characters`` wait to be
        spoken."""
        self.identifier = identifier
        self.options = options
        self._speaker = speaker
        self._client = client
        self._send = send
        self._most = most_characters
        self._audio = (UtteranceFiles if options.files else AudioStream)(options.form, voice.name)
        self._buffer = TextBuffer(_language(options.speech.language, voice))
        self._parts: deque[_TextPart | Flushed | None] = deque()
        """The text that was released, in order, the flushes in it, and None at its end. Behind it is the text of the
        buffer, whose sentences are taken when nothing else is being said."""
        self._traceparent: str | None = None
        """That of the text in the buffer."""
        self._flushes = count()
        self._arrived = asyncio.Event()
        self._delay: asyncio.TimerHandle | None = None
        self._pause = 0.0
        """Seconds of silence before the next utterance."""
        self._speaking = self._ended = False
        self._task = asyncio.create_task(self._run())

    @property
    def busy(self) -> bool:
        """Whether any of its text is being spoken, or will be if no more arrives."""
        return not self._task.done() and (self._speaking or bool(self._parts) or self._delay is not None)

    @property
    def open(self) -> bool:
        """Whether it takes more text."""
        return not self._ended and not self._task.done()

    def feed(self, text: str, traceparent: str | None = None) -> None:
        """Adds the next piece of the text. ``traceparent`` is the caller's span that it belongs to, with all text after
        it; None for that of the text before. A text that belongs to another span begins an utterance. Raises
        TextTooLong, and then adds nothing."""
        waiting = len(self._buffer) + sum(len(part.text) for part in self._parts if isinstance(part, _TextPart))
        if waiting + len(text) > self._most:
            raise TextTooLong(
                f"at most {self._most} characters may wait to be spoken; send the rest later", param="text"
            )
        if traceparent not in (None, self._traceparent):
            self._take_rest()
            self._traceparent = traceparent
        self._buffer.feed(text)
        self._arrived.set()
        self._stop_timer()
        if self._buffer:
            self._delay = asyncio.get_running_loop().call_later(self.options.delay_seconds, self._take_words)

    def release(self) -> None:
        """Speaks everything that has arrived, and sends nothing that says so."""
        self._take_rest()

    def flush(self) -> int:
        """Speaks everything that has arrived, and then sends Flushed with the number that it returns. Raises
        InvalidRequest when too many flushes wait."""
        if len(self._parts) >= MOST_PARTS:
            raise InvalidRequest(f"at most {MOST_PARTS // 2} flushes may wait to be spoken")
        self._take_rest()
        flushed = Flushed(next(self._flushes))
        self._append(flushed)
        return flushed.number

    def finish(self) -> None:
        """Speaks the rest, and then sends Finished. No text may follow."""
        if not self._ended:
            self._ended = True
            self._take_rest()
            self._append(None)

    async def cancel(self, interruption: Interruption | None = None) -> None:
        """Stops speaking and sends nothing more; returns when the engine makes no more of its audio. Without
        ``interruption`` the client has left, who else asks for it."""
        self._ended = True
        self._stop_timer()
        self._task.cancel(interruption)
        await asyncio.gather(self._task, return_exceptions=True)

    def on_end(self, call: Callable[[asyncio.Task[None]], None]) -> None:
        """Calls ``call`` with the task when it has ended, which raises ConnectionError when the client has left and
        TimeoutError when it reads too slowly."""
        self._task.add_done_callback(call)

    async def ended(self) -> None:
        """Waits until it has ended. Raises what its task raises."""
        await asyncio.shield(self._task)

    def _append(self, part: _TextPart | Flushed | None) -> None:
        self._parts.append(part)
        self._arrived.set()

    def _take_rest(self) -> None:
        self._stop_timer()
        if rest := self._buffer.take_rest():
            self._append(_TextPart(rest, self._traceparent))

    def _take_words(self) -> None:
        self._delay = None
        if words := self._buffer.take_words():
            self._append(_TextPart(words, self._traceparent))

    def _take_sentences(self, *, clause: bool = False) -> _TextPart | None:
        """Returns some of the sentences in the buffer that are complete, or with ``clause`` its first clauses; None if
        there are none. A call takes a few milliseconds at most."""
        text = self._buffer.take(clause=clause)
        if not self._buffer:
            self._stop_timer()
        return _TextPart(text, self._traceparent) if text else None

    def _stop_timer(self) -> None:
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

    async def _run(self) -> None:
        """Speaks the parts in order until the text ends."""
        try:
            while (part := await self._next()) is not None:
                if isinstance(part, Flushed):
                    await self._send(self, part)
                else:
                    await self._speak(part)
            if rest := await self._audio.finish():
                await self._send(self, EncodedAudio(rest))
            await self._send(self, Finished())
        except SpeechError as error:
            flushes = sum(isinstance(part, Flushed) for part in self._parts)
            await self._send(self, Failed(error, flushes))
        finally:
            self._stop_timer()

    async def _next(self) -> _TextPart | Flushed | None:
        """Returns the next part, flush, or None at the end of the text, and waits for it."""
        while True:
            if self._parts:
                return self._parts.popleft()
            if part := self._take_sentences(clause=self.options.clauses):
                return part
            self._arrived.clear()
            await self._arrived.wait()

    async def _speak(self, part: _TextPart) -> None:
        """Speaks a part and those that follow it up to a flush. A part without a word, such as "...", is silence."""
        self._speaking = True
        try:
            part = await self._joined(part)
            if not is_speakable(part.text):
                return
            speech = self.options.speech.model_copy(update={"text": part.text})
            deliver = _Delivery(partial(self._send, self), part.text)
            client = replace(self._client, traceparent=part.traceparent)
            with suppress(NothingToSpeak):
                await self._speaker.speak(client, speech, self._audio, self._pause, deliver)
                await self._send(self, UtteranceEnded())
            self._pause = PAUSE / speech.speed if _ENDS_SENTENCE.search(part.text[-ENDING:]) else 0.0
        finally:
            self._speaking = False

    async def _joined(self, part: _TextPart) -> _TextPart:
        """Returns a part with those that follow it and have arrived, up to a flush or a text of another trace. Together
        they are no longer than a text may be."""
        while True:
            await asyncio.sleep(0)  # a long text of odd marks must not keep others waiting
            following = self._following(part)
            if following is None:
                return part
            part = replace(part, text=part.text + following.text)

    def _following(self, part: _TextPart) -> _TextPart | None:
        """Removes and returns the part that can be spoken with ``part``; None if there is none."""
        if not self._parts and (sentences := self._take_sentences()):
            self._parts.append(sentences)
        following = self._parts[0] if self._parts else None
        if not isinstance(following, _TextPart) or following.traceparent != part.traceparent:
            return None
        if len(part.text) + len(following.text) > self._most:
            return None
        self._parts.popleft()
        return following


class _Delivery:
    """Sends the audio of one utterance, and before it that it begins."""

    def __init__(self, send: Callable[[Event], Awaitable[None]], text: str) -> None:
        self._send = send
        self._text = text
        self._begun = False

    async def __call__(self, piece: EncodedAudio) -> None:
        if not self._begun:
            self._begun = True
            await self._send(UtteranceBegan(self._text))
        await self._send(piece)


def _language(name: str | None, voice: Voice) -> str:
    """Returns the language by whose rules sentences end."""
    return voice.languages[0] if name is None or name.lower() == AUTO else name
