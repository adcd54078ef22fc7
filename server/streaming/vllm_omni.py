"""vLLM-Omni's WebSocket for speech, ``/v1/audio/speech/stream``: a configuration, then texts that ``input.done`` ends.

Source: vllm-omni, vllm_omni/entrypoints/openai/serving_speech_stream.py and protocol/audio.py.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from aiohttp import web

from server.audio.formats import FORMATS, PCM
from server.errors import InvalidRequest, SpeechError, TextTooLong
from server.routes.requests import TtsRequest
from server.settings import Settings
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import (
    ContextOptions,
    Event,
    Failed,
    Flushed,
    StreamingContext,
    UtteranceBegan,
    UtteranceEnded,
)
from server.streaming.conversation import Message, Opening, Socket, SocketFormat
from server.streaming.message_fields import SocketQuery
from server.streaming.query import read_query, validated
from server.streaming.streaming_session import StreamingSession
from server.streaming.vllm_omni_fields import InputText, SessionConfig, read_config
from server.utterance import Word

PATHS = ("/v1/audio/speech/stream",)
FRAME_BYTES = 64 * 1024
"""The longest frame of audio that is sent while it is made: clients take no more than a megabyte by default."""


@dataclass(slots=True)
class _Sentence:
    """A part of a text that is spoken as one utterance, and its audio so far."""

    begins: float
    """The seconds of the context's audio before it."""
    size: int = 0
    """Bytes."""
    seconds: float = 0.0
    chunks: int = 0
    words: list[Word] = field(default_factory=list)


class VllmOmniConversation:
    """See Conversation."""

    def __init__(self, socket: Socket, session: StreamingSession, *, opening: Opening, most_characters: int) -> None:
        """At most ``most_characters`` wait for input.done."""
        self._socket = socket
        self._session = session
        self._options = opening.options
        self._most_characters = most_characters
        self._config: SessionConfig | None = None
        self._names = count()
        self._name = ""
        """The name of the newest context."""
        self._text = ""
        """The text that waits for input.done."""
        self._traceparent: str | None = None
        """The caller's span of the newest text."""
        self._begun = False
        """Whether a text has begun that input.done has not ended."""
        self._texts = self._sentences = 0
        """Count the texts that have been spoken, and the sentences of the next one."""
        self._seconds = 0.0
        """The seconds of the context's audio so far."""
        self._sentence: _Sentence | None = None
        """The one that is being spoken."""

    async def begin(self) -> None:
        """The client speaks first."""

    async def take(self, message: Message) -> bool:
        kind = message.get("type")
        if kind == "session.close":
            return False
        if kind != "session.config" and self._config is None:
            await self.refuse(InvalidRequest("type: the first message must be session.config", param="type"))
            return False
        match kind:
            case "session.config":
                await self._configure(message)
            case "input.text":
                fields = validated(InputText, message)
                self._traceparent = fields.traceparent or self._traceparent
                await self._add(fields.text)
            case "input.done":
                await self._end_text()
            case _:
                kinds = "session.config, input.text, input.done or session.close"
                raise InvalidRequest(f"type: must be {kinds}", param="type")
        return True

    async def send(self, context: StreamingContext, event: Event) -> None:
        match event:
            case UtteranceBegan():
                self._sentence = _Sentence(self._seconds)
                await self._send_start(context, event.text)
            case EncodedAudio() if self._sentence is not None:
                await self._send_audio(context, self._sentence, event)
            case UtteranceEnded() if self._sentence is not None:
                if context.options.speech.timestamps:
                    await self._send_words(self._sentence)
                await self._end_sentence()
            case Flushed():
                await self._send_done()
            case Failed():
                await self._fail(event)

    async def refuse(self, error: SpeechError) -> None:
        await self._socket.send_json({"type": "error", "message": error.message})

    async def _configure(self, message: Message) -> None:
        """Takes the options of the texts that follow, once those before are spoken. Raises SpeechError."""
        if self._begun:
            raise InvalidRequest("type: session.config can't come within a text; send input.done first", param="type")
        config = read_config(message)
        options = replace(
            self._options,
            speech=config.speech(),
            form=FORMATS[config.response_format],
            clauses=config.split_granularity == "clause",
            files=not config.stream_audio,
        )
        await self._session.check(options)
        context = self._session.find(self._name)
        if context is not None:
            context.finish()
            await context.ended()
        self._begin_context()
        self._config, self._options = config, options

    async def _add(self, text: str) -> None:
        self._begun = self._begun or bool(text)
        if self._config is not None and self._config.split_granularity != "none":
            (await self._context()).feed(text, self._traceparent)
        elif len(self._text) + len(text) > self._most_characters:
            raise TextTooLong(f"at most {self._most_characters} characters may wait for input.done", param="text")
        else:
            self._text += text

    async def _end_text(self) -> None:
        context = await self._context()
        context.feed(self._text, self._traceparent)
        self._text = ""
        context.flush()
        self._begun = False

    async def _context(self) -> StreamingContext:
        return self._session.find(self._name) or await self._session.open(self._name, self._options)

    def _begin_context(self) -> None:
        """Chooses the name of the next context: the last one has ended."""
        self._name, self._seconds = str(next(self._names)), 0.0

    async def _send_start(self, context: StreamingContext, text: str) -> None:
        message = {"type": "audio.start", **self._indices(), "sentence_text": text}
        message["format"] = context.options.form.name
        if not context.options.files:
            message |= {"sample_rate": _rate(context), "channels": 1}
        if context.options.speech.timestamps:
            message["word_timestamps"] = True
        await self._socket.send_json(message)

    async def _send_audio(self, context: StreamingContext, sentence: _Sentence, piece: EncodedAudio) -> None:
        sentence.words += piece.words
        if context.options.speech.timestamps:
            await self._send_chunk(sentence, piece.data, piece.seconds)
        elif context.options.files:
            await self._socket.send_bytes(piece.data)
        else:
            for start in range(0, len(piece.data), FRAME_BYTES):
                await self._socket.send_bytes(piece.data[start : start + FRAME_BYTES])
        sentence.size += len(piece.data)
        sentence.seconds += piece.seconds
        self._seconds += piece.seconds

    async def _send_chunk(
        self, sentence: _Sentence, data: bytes, seconds: float, words: list[dict[str, Any]] | None = None
    ) -> None:
        """Sends audio in base64. The last chunk of a sentence has none, and the times of its words."""
        start = 0.0 if words is not None else sentence.seconds
        await self._socket.send_json(
            {
                "type": "audio.chunk",
                **self._indices(),
                "chunk_id": sentence.chunks,
                "chunk_start_ms": _milliseconds(start),
                "chunk_end_ms": _milliseconds(sentence.seconds + seconds),
                "sample_rate": PCM.rates[0],
                "channels": 1,
                "audio_b64": base64.b64encode(data).decode("ascii"),
                "timestamps": words,
            }
        )
        sentence.chunks += 1

    async def _send_words(self, sentence: _Sentence) -> None:
        words = [
            {
                "word": word.written,
                "start_ms": _milliseconds(word.start - sentence.begins),
                "end_ms": _milliseconds(word.end - sentence.begins),
            }
            for word in sentence.words
        ]
        await self._send_chunk(sentence, b"", 0.0, words)

    async def _end_sentence(self, *, failed: bool = False) -> None:
        size = 0 if self._sentence is None else self._sentence.size
        await self._socket.send_json({"type": "audio.done", **self._indices(), "total_bytes": size, "error": failed})
        self._sentence = None
        self._sentences += 1

    async def _send_done(self) -> None:
        """Says that a text is spoken."""
        done = {"type": "session.done", "utterance_index": self._texts, "total_sentences": self._sentences}
        self._texts, self._sentences = self._texts + 1, 0
        await self._socket.send_json(done)

    async def _fail(self, failed: Failed) -> None:
        """Says that a sentence could not be spoken, and ends the texts that are lost with it."""
        partial = {"partial_audio": True, "action": "discard"} if self._sentence and self._sentence.size else {}
        await self._socket.send_json({"type": "error", "message": failed.error.message, **partial})
        if self._sentence is not None:
            await self._end_sentence(failed=True)
        self._begin_context()
        for _ in range(failed.flushes):
            await self._send_done()

    def _indices(self) -> dict[str, Any]:
        return {"utterance_index": self._texts, "sentence_index": self._sentences}


def formats(settings: Settings) -> tuple[SocketFormat, ...]:
    """Returns the format at its path."""
    speech = TtsRequest(text="", response_format="wav", stream=True)
    options = ContextOptions(speech, FORMATS["wav"], settings.buffer_delay_seconds)

    def read(request: web.Request) -> ContextOptions:
        read_query(request, SocketQuery)
        return options

    converse = partial(VllmOmniConversation, most_characters=settings.max_text_characters)
    return tuple(SocketFormat(path, read, converse, voice_in_messages=True) for path in PATHS)


def _rate(context: StreamingContext) -> int:
    """Returns the sample rate of samples without a header, in Hz."""
    return context.options.form.rates[0]


def _milliseconds(seconds: float) -> int:
    return max(0, round(1000 * seconds))
