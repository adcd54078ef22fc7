"""The session of one socket: its contexts, and what its client may have open at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from server.errors import InvalidRequest
from server.streaming.context import ContextOptions, Send, StreamingContext
from server.streaming.utterance_synthesizer import Interruption, SocketClient, UtteranceSynthesizer

MOST_CONTEXTS = 32
"""The most contexts of a session that have not ended."""
MOST_NAME_CHARACTERS = 256
"""The most characters of a context's name."""


class StreamingSession:
    """The contexts of one socket, by the names that its client gives them. One that has ended is forgotten."""

    def __init__(
        self, client: SocketClient, speaker: UtteranceSynthesizer, send: Send, *, most_characters: int
    ) -> None:
        """``most_characters`` may wait to be spoken in each context."""
        self.client = client
        self._speaker = speaker
        self._send = send
        self._most_characters = most_characters
        self._contexts: dict[str, StreamingContext] = {}
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises ConnectionError when the client has left, TimeoutError when it reads too slowly, and what else a
        context fails by."""

    @property
    def busy(self) -> bool:
        """Whether any context speaks or has text to speak."""
        return any(context.busy for context in self._contexts.values())

    @property
    def contexts(self) -> tuple[StreamingContext, ...]:
        """The contexts that have not ended."""
        return tuple(self._contexts.values())

    def find(self, name: str) -> StreamingContext | None:
        """Returns the context of this name if it takes more text."""
        context = self._contexts.get(name)
        return context if context is not None and context.open else None

    async def check(self, options: ContextOptions) -> None:
        """Raises the errors of ``open`` for options, and opens nothing."""
        await self._speaker.check(options.speech, self.client.caller)

    async def open(self, name: str, options: ContextOptions) -> StreamingContext:
        """Begins a context. Raises InvalidRequest if there are too many or if the name is too long or in use, NotReady,
        and the errors of a request with these options."""
        if len(name) > MOST_NAME_CHARACTERS:
            raise _refusal(f"must not have more than {MOST_NAME_CHARACTERS} characters")
        if name in self._contexts:
            raise _refusal("this context is still open, or its audio has not ended; use another name")
        if len(self._contexts) >= MOST_CONTEXTS:
            raise _refusal(f"at most {MOST_CONTEXTS} contexts may be open in one socket")
        utterance = await self._speaker.check(options.speech, self.client.caller)
        context = StreamingContext(
            name,
            utterance.voice,
            options,
            speaker=self._speaker,
            client=self.client,
            send=self._send,
            most_characters=self._most_characters,
        )
        self._contexts[name] = context
        context.on_end(partial(self._forget, context))
        return context

    async def cancel(self, name: str, played_ms: int | None = None) -> None:
        """Stops the context of this name, if there is one. ``played_ms`` is the length of its audio that the client
        says it has played, None if it does not say."""
        context = self._contexts.get(name)
        if context is not None:
            await context.cancel(Interruption(None if played_ms is None else played_ms / 1000))

    async def finish(self) -> None:
        """Speaks what all contexts still have, and returns when it is delivered. Raises ConnectionError and
        TimeoutError."""
        contexts = self.contexts
        for context in contexts:
            context.finish()
        await asyncio.gather(*(context.ended() for context in contexts))

    async def ended(self, tasks: Sequence[asyncio.Future[Any]]) -> BaseException | None:
        """Waits until one of ``tasks`` has ended or the session is lost, cancels all tasks, those that were added
        meanwhile too, and closes the session. Returns why the client was lost; None if it was not."""
        try:
            ended, _ = await asyncio.wait((*tasks, self._lost), return_when=asyncio.FIRST_COMPLETED)
            return next((error for each in ended if (error := each.exception()) is not None), None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Stops all contexts."""
        await asyncio.gather(*(context.cancel() for context in self.contexts))
        if self._lost.done():
            self._lost.exception()  # it is known to the one who closes
        else:
            self._lost.cancel()

    def _forget(self, context: StreamingContext, task: asyncio.Task[None]) -> None:
        self._contexts.pop(context.identifier, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._lost.done():
            self._lost.set_exception(error)


def _refusal(problem: str) -> InvalidRequest:
    return InvalidRequest(f"context_id: {problem}", param="context_id")
