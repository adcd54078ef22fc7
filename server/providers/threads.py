"""Threads that run models, each one call at a time. Exceptions of models are mapped to the server's errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from otel.contract.values import Device, Stage
from server.errors import ComponentError, EngineFailed, ShuttingDown, SpeechError
from server.utterance import Interval

P = ParamSpec("P")
T = TypeVar("T")


class ThreadClosed(ComponentError):
    """The thread accepts no more calls, or was closed before this call started."""


class WorkerThread:
    """Runs calls one after another, in order of submission, in its own thread.

    It owns an object that only one thread may use, such as a model.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``function`` in its turn, and returns its result or raises its exception.

        A call that is cancelled before it starts never runs; one that is cancelled while it runs continues, and its
        result is dropped. Raises ThreadClosed.
        """
        if self._closed:
            raise ThreadClosed
        call = self._executor.submit(function, *args, **kwargs)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):  # cancelled by close(), not by the caller
                raise ThreadClosed from None
            raise

    async def close(self) -> None:
        """Waits for the running call, cancels the others, and ends the thread. Closing again is allowed."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class TimedResult(Generic[T]):
    """The result of a call; times are nanoseconds of ``time.perf_counter_ns``."""

    result: T
    submitted: int
    start: int
    end: int

    @property
    def seconds(self) -> float:
        """The running time in seconds, without the wait for a thread."""
        return (self.end - self.start) / 1e9

    def interval(self, device: Device, units: float = 1.0) -> Interval:
        """Returns the time in which the call inferred audio on so many ``units`` of ``device``."""
        return Interval(Stage.INFER, self.start, self.end, device=device, units=units)


class ThreadPool:
    """A fixed pool of threads. The thread that has been idle longest runs the call that has waited longest."""

    on_end: Callable[[float], None] | None = None
    """Receives the running time of each call in seconds, in the event loop's thread, also of one that failed or whose
    caller has left. It comes before the result."""

    def __init__(self, name: str, size: int) -> None:
        self._threads = [WorkerThread(f"{name}-{number}") for number in range(size)]
        self._idle: asyncio.Queue[WorkerThread] = asyncio.Queue()
        for thread in self._threads:
            self._idle.put_nowait(thread)

    @property
    def size(self) -> int:
        return len(self._threads)

    async def run(self, function: Callable[[], T], on_start: Callable[[], None] = lambda: None) -> TimedResult[T]:
        """Runs ``function``, and returns its result or raises its exception; ``on_start`` is called when it starts.

        A call that is cancelled before it starts never runs; one that is cancelled while it runs continues, and its
        result is dropped. Raises ThreadClosed.
        """
        submitted = time.perf_counter_ns()
        loop, on_end = asyncio.get_running_loop(), self.on_end

        def timed_call() -> TimedResult[T]:
            start = time.perf_counter_ns()
            try:
                result = function()
            finally:
                end = time.perf_counter_ns()
                if on_end is not None:
                    with suppress(RuntimeError):  # the loop has been closed
                        loop.call_soon_threadsafe(on_end, (end - start) / 1e9)
            return TimedResult(result, submitted, start, end)

        thread = await self._idle.get()
        try:
            on_start()
            return await thread.run(timed_call)
        finally:
            self._idle.put_nowait(thread)

    async def close(self) -> None:
        """Waits for running calls, cancels the others, and ends the threads. Closing again is allowed."""
        # A call that waits for a thread gets a closed one, fails with ThreadClosed, and passes the thread on.
        await asyncio.gather(*(thread.close() for thread in self._threads))


@contextmanager
def map_errors() -> Iterator[None]:
    """Raises SpeechError as it is, ShuttingDown for ThreadClosed, and EngineFailed for any other exception."""
    try:
        yield
    except SpeechError:
        raise
    except ThreadClosed:
        raise ShuttingDown("the server is shutting down") from None
    except Exception as error:  # of torch, onnxruntime, espeak: clients only see that it failed
        raise EngineFailed("the speech engine failed") from error
