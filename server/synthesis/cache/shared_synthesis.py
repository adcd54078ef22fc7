"""Request coalescing: equal requests that arrive while a synthesis is running share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Any

from server.errors import EngineFailed
from server.record import Synthesis
from server.synthesis.cache.clip import Clip
from server.utterance import Chunk, Interval

Make = Callable[[Synthesis], AsyncGenerator[Chunk, None]]
Find = Callable[[], Awaitable[Clip | None]]


class SharedSynthesis:
    """Makes a chunk when the first listener needs it, and keeps all chunks for listeners that join later.

    A slow listener does not delay the others. If all are slow, backpressure pauses the synthesis, as for a single
    listener. The synthesis runs in its own task, so a listener that leaves does not affect the others. When the last
    one leaves, the synthesis is cancelled.
    """

    def __init__(self, synthesis: Synthesis) -> None:
        """``synthesis`` belongs to the request that started it."""
        self.synthesis = synthesis
        self._clips: list[Clip] = []
        self._intervals: list[tuple[Interval, ...]] = []
        self._listeners = 0
        self._requested = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.over = False
        """Whether it has ended, so that no listener may join. It is set before any listener sees the end."""
        self.failure: Exception | None = None
        """The error that listeners get after the last chunk, once it is over."""
        self._traceback: TracebackType | None = None
        self.hit = False
        """Whether the clip came from the shared tier, so that no synthesis was needed."""

    @property
    def clip(self) -> Clip | None:
        """All audio so far; None if there is none."""
        clip = Clip.joined(self._clips)
        return clip and replace(clip, seed=self.synthesis.seed)

    @property
    def _total(self) -> int | None:
        """The samples of all audio; None while it is being made, and if it has failed."""
        return sum(clip.samples for clip in self._clips) if self.over and self.failure is None else None

    def start(self, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts and returns the task that calls ``fill``. The caller must keep a reference to it."""
        self._task = asyncio.create_task(run)
        return self._task

    async def fill(self, make: Make, find: Find | None = None) -> None:
        """Takes the clip that ``find`` returns or, on a miss, the chunks of ``make`` as listeners need them.

        Returns at the end, even if the synthesis failed; raises only CancelledError.
        """
        try:
            await self._fill(make, find)
        except Exception as error:  # noqa: BLE001 - listeners get any error
            self._end(error)
        else:
            self._end(None)
        finally:
            # Cancelled from outside: no listener may mistake that for a clean end, or wait forever.
            self._end(EngineFailed("the synthesis was abandoned before its end"))

    async def listen(self, *, leads: bool = False) -> AsyncGenerator[Chunk, None]:
        """Yields all audio from the beginning; ``leads`` adds the intervals, for the request that started it.

        Raises the error of the synthesis.
        """
        self._listeners += 1
        position = 0
        try:
            while True:
                late = position < len(self._clips)
                while position < len(self._clips):
                    intervals = self._intervals[position] if leads else ()
                    yield self._clips[position].chunk(intervals, None if position else self._total)
                    position += 1
                    if late:  # catching up on minutes of audio must not block the event loop
                        await asyncio.sleep(0)
                if self.over:
                    break
                news = self._news
                self._requested.set()
                await news.wait()
            if self.failure is not None:
                # Each listener gets the original traceback, without the frames of the other listeners.
                raise self.failure.with_traceback(self._traceback)
        finally:
            self._listeners -= 1
            if self._listeners == 0 and not self.over:
                self.stop(EngineFailed("no client listened to the speech any more"))
                await self._wait_for_end()

    def stop(self, error: Exception) -> None:
        """Cancels the synthesis unless it is over; its listeners get ``error``."""
        if self.over:
            return
        self._end(error)
        if self._task is not None:
            self._task.cancel()

    async def _wait_for_end(self) -> None:
        """Waits until the synthesis has released its resources. Cancelling the wait does not cancel the task."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _fill(self, make: Make, find: Find | None) -> None:
        if find is not None and (clip := await find()) is not None:
            self.hit = True
            self.synthesis.seed = clip.seed
            for piece in clip.pieces():
                self._add(piece, ())
            return
        async with aclosing(make(self.synthesis)) as chunks:
            async for chunk in chunks:
                self._add(Clip.of(chunk), chunk.intervals)
                self._requested.clear()  # before listeners wake: all demand so far was for this chunk
                self._wake()
                await self._requested.wait()

    def _add(self, clip: Clip, intervals: tuple[Interval, ...]) -> None:
        self._clips.append(clip)
        self._intervals.append(intervals)

    def _end(self, failure: Exception | None) -> None:
        """Marks it as over and wakes the listeners; only the first call counts."""
        if self.over:
            return
        self.over = True
        self.failure = failure
        self._traceback = failure.__traceback__ if failure is not None else None
        self._wake()

    def _wake(self) -> None:
        """Wakes all listeners that wait for a chunk."""
        news, self._news = self._news, asyncio.Event()
        news.set()
