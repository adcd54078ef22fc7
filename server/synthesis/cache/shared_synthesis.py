"""One synthesis for everybody who asks for the same while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType

from server.errors import EngineFailed
from server.synthesis.cache.clip import Clip
from server.utterance import Chunk, Interval

Make = Callable[[], AsyncGenerator[Chunk, None]]
Find = Callable[[], Awaitable[Clip | None]]


class SharedSynthesis:
    """Makes the next chunk when the first of its listeners wants it, and keeps all so far for those who come late.

    A listener who reads slowly is no hindrance to the others, and if all do, the synthesis waits, as it would for one.
    What is made is made in a task of its own: a listener who leaves takes nothing from the others. With the last
    one the synthesis is given up.
    """

    def __init__(self, make: Make, landed: Callable[[SharedSynthesis], None], find: Find | None = None) -> None:
        """``make`` begins the synthesis, if ``find`` does not find the whole clip somewhere. ``landed`` is called once,
        as soon as nobody should join any more, before any listener knows."""
        self._make = make
        self._landed = landed
        self._find = find
        self._parts: list[Clip] = []
        self._intervals: list[tuple[Interval, ...]] = []
        self._listeners = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.over = False
        self.failure: Exception | None = None
        """What the listeners get after the last part, once it is over."""
        self._traceback: TracebackType | None = None
        self.found = False
        """Whether the clip was found, and nothing was made."""

    @property
    def clip(self) -> Clip | None:
        """All audio so far, None if there is none."""
        return Clip.joined(self._parts)

    def start(self) -> asyncio.Task[None]:
        """Begins with the first chunk, for whoever is about to listen. The caller holds the task."""
        self._task = asyncio.create_task(self._run())
        return self._task

    async def listen(self, *, leads: bool = False) -> AsyncGenerator[Chunk, None]:
        """All audio from the beginning; who ``leads`` also learns where the time went.

        Raises what the synthesis failed with.
        """
        self._listeners += 1
        heard = 0
        try:
            while True:
                late = heard < len(self._parts)
                while heard < len(self._parts):
                    yield self._parts[heard].chunk(self._intervals[heard] if leads else ())
                    heard += 1
                    if late:  # there may be minutes of audio to catch up with, and others have work to do
                        await asyncio.sleep(0)
                if self.over:
                    break
                news = self._news
                self._wanted.set()
                await news.wait()
            if self.failure is not None:
                # Each gets the traceback as it was, not with what raising it for the others has added.
                raise self.failure.with_traceback(self._traceback)
        finally:
            self._listeners -= 1
            if self._listeners == 0 and not self.over:
                self.stop(EngineFailed("nobody listened to the speech any more"))
                await self._ended()

    def stop(self, error: Exception) -> None:
        """Gives the synthesis up; whoever still listens gets the error."""
        self._land(error)
        if self._task is not None:
            self._task.cancel()

    async def _ended(self) -> None:
        """Until the synthesis has given back what it held. Whoever is cancelled meanwhile cancels nothing here."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self._fill()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who listen are told
            self._land(error)
        else:
            self._land(None)
        finally:
            # Cancelled by others than us: no listener may take it for a clean end, or wait for ever.
            self._land(EngineFailed("the speech was given up before its end"))

    async def _fill(self) -> None:
        if self._find is not None and (clip := await self._find()) is not None:
            self.found = True
            for piece in clip.pieces():
                self._add(piece, ())
            return
        async with aclosing(self._make()) as chunks:
            async for chunk in chunks:
                self._add(Clip.of(chunk), chunk.intervals)
                self._wanted.clear()  # before anybody has heard of it: who wanted something so far wanted this one
                self._tell()
                await self._wanted.wait()

    def _add(self, part: Clip, intervals: tuple[Interval, ...]) -> None:
        self._parts.append(part)
        self._intervals.append(intervals)

    def _land(self, failure: Exception | None) -> None:
        """Only the first call counts."""
        if self.over:
            return
        self.over = True
        self.failure = failure
        self._traceback = failure.__traceback__ if failure is not None else None
        try:
            self._landed(self)
        finally:
            self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
