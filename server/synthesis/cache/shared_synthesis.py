"""One synthesis for everybody who asks for the same while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from types import TracebackType
from typing import Any

from server.errors import EngineFailed
from server.record import Synthesis
from server.synthesis.cache.clip import Clip
from server.utterance import Chunk, Interval

Make = Callable[[Synthesis], AsyncGenerator[Chunk, None]]
Find = Callable[[], Awaitable[Clip | None]]


class SharedSynthesis:
    """Makes the next chunk when the first of its listeners wants it, and keeps all so far for those who come late.

    A listener who reads slowly is no hindrance to the others, and if all do, the synthesis waits, as it would for one.
    What is made is made in a task of its own: a listener who leaves takes nothing from the others. With the last
    one the synthesis is given up.
    """

    def __init__(self, synthesis: Synthesis) -> None:
        """``synthesis`` is that of the request that began it."""
        self.synthesis = synthesis
        self._clips: list[Clip] = []
        self._intervals: list[tuple[Interval, ...]] = []
        self._listeners = 0
        self._requested = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.over = False
        """Whether nobody should join any more; known before any listener knows of the end."""
        self.failure: Exception | None = None
        """What the listeners get after the last part, once it is over."""
        self._traceback: TracebackType | None = None
        self.hit = False
        """Whether the clip was in the shared tier, and nothing was made."""

    @property
    def clip(self) -> Clip | None:
        """All audio so far, None if there is none."""
        return Clip.joined(self._clips)

    def start(self, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begins the task that calls ``fill``, for whoever is about to listen. The caller holds the task."""
        self._task = asyncio.create_task(run)
        return self._task

    async def fill(self, make: Make, find: Find | None = None) -> None:
        """Takes the whole clip if ``find`` finds it, or else the chunks that ``make`` makes as listeners want them.

        Returns when it is over, also if the synthesis failed; raises only CancelledError.
        """
        try:
            await self._fill(make, find)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who listen get it
            self._end(error)
        else:
            self._end(None)
        finally:
            # Cancelled by others than us: no listener may take it for a clean end, or wait for ever.
            self._end(EngineFailed("the speech was given up before its end"))

    async def listen(self, *, leads: bool = False) -> AsyncGenerator[Chunk, None]:
        """All audio from the beginning; who ``leads`` also learns where the time went.

        Raises what the synthesis failed with.
        """
        self._listeners += 1
        position = 0
        try:
            while True:
                late = position < len(self._clips)
                while position < len(self._clips):
                    yield self._clips[position].chunk(self._intervals[position] if leads else ())
                    position += 1
                    if late:  # there may be minutes of audio to catch up with, and others have work to do
                        await asyncio.sleep(0)
                if self.over:
                    break
                news = self._news
                self._requested.set()
                await news.wait()
            if self.failure is not None:
                # Each gets the traceback as it was, not with what raising it for the others has added.
                raise self.failure.with_traceback(self._traceback)
        finally:
            self._listeners -= 1
            if self._listeners == 0 and not self.over:
                self.stop(EngineFailed("nobody listened to the speech any more"))
                await self._wait_for_end()

    def stop(self, error: Exception) -> None:
        """Gives the synthesis up, unless it is over; whoever still listens gets the error."""
        if self.over:
            return
        self._end(error)
        if self._task is not None:
            self._task.cancel()

    async def _wait_for_end(self) -> None:
        """Waits until the synthesis has given back what it held. Whoever is cancelled meanwhile cancels nothing."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _fill(self, make: Make, find: Find | None) -> None:
        if find is not None and (clip := await find()) is not None:
            self.hit = True
            for piece in clip.pieces():
                self._add(piece, ())
            return
        async with aclosing(make(self.synthesis)) as chunks:
            async for chunk in chunks:
                self._add(Clip.of(chunk), chunk.intervals)
                self._requested.clear()  # before anybody has heard of it: who wanted something so far wanted this one
                self._wake()
                await self._requested.wait()

    def _add(self, clip: Clip, intervals: tuple[Interval, ...]) -> None:
        self._clips.append(clip)
        self._intervals.append(intervals)

    def _end(self, failure: Exception | None) -> None:
        """Only the first call counts."""
        if self.over:
            return
        self.over = True
        self.failure = failure
        self._traceback = failure.__traceback__ if failure is not None else None
        self._wake()

    def _wake(self) -> None:
        """Wakes everybody who waits for more."""
        news, self._news = self._news, asyncio.Event()
        news.set()
