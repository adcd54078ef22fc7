"""The progress of one sentence from ids to audio: its ready steps, and the results of finished ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from server.scheduling.engine import Decode, Encode, Latent, Refine, Sentence, Step, StepResult
from server.scheduling.windows import FrameSpan, blocks, windows
from server.utterance import Interval, Samples, Word

LEAD_SECONDS = 0.03
"""The longest time before its first sound that is a part of a word. After a pause the model gives a word up to 0.2 s
more, which are silent."""


@dataclass(slots=True, eq=False)
class SentenceWork:
    """The state of one sentence of a job."""

    sentence: Sentence
    seconds: float
    """Seconds of its audio, silence included; an estimate until it is encoded."""
    low_latency: bool
    """Whether it begins with short windows, for a listener who waits for its first audio."""
    latent: Latent | None = None
    windows: tuple[FrameSpan, ...] = ()
    blocks: tuple[FrameSpan, ...] = ()
    encoding: bool = False
    refining: bool = False
    refined: int = 0
    """The number of blocks that passed through the flow."""
    started: set[int] = field(default_factory=set)
    """The windows that are decoded or running. They may be out of order, since a batch has windows of equal length."""
    delivered: int = 0
    """The number of windows whose audio was delivered to the job."""
    decoded: dict[int, tuple[Samples, Interval]] = field(default_factory=dict)
    """Decoded windows that are not delivered yet, and when each was decoded."""

    @property
    def finished(self) -> bool:
        return self.latent is not None and self.delivered == len(self.windows)

    @property
    def remaining(self) -> float:
        """Seconds of its audio that are not delivered yet."""
        if self.latent is None or self.delivered == 0:
            return self.seconds
        return self.seconds - self.windows[self.delivered - 1].stop * self.latent.frame_seconds

    def ready_steps(self) -> Iterator[tuple[Step, float, int]]:
        """Yields each step that can run now, the second of the sentence at which its audio begins, and its window."""
        latent = self.latent
        if latent is None:
            if not self.encoding:
                yield Encode(self.sentence), 0.0, 0
            return
        refined_frames = self.blocks[self.refined - 1].stop if self.refined else 0
        for number in range(self.delivered, len(self.windows)):
            if number in self.started:
                continue
            window = self.windows[number]
            position = self.sentence.leading_silence + window.start * latent.frame_seconds
            if refined_frames < min(latent.frames, window.stop + latent.context):
                if not self.refining:
                    block = self.blocks[self.refined]
                    yield Refine(latent, block.start, block.stop), position, 0
                return
            yield Decode(latent, window.start, window.stop), position, number

    def begin(self, step: Step, window: int) -> None:
        """Marks ``step`` as running; a Decode decodes ``window``."""
        match step:
            case Encode():
                self.encoding = True
            case Refine():
                self.refining = True
            case Decode():
                self.started.add(window)

    def complete(self, result: StepResult, window: int, interval: Interval) -> None:
        """Stores a step's ``result``: an encoded sentence, a decoded ``window``, or None for a refined block."""
        if isinstance(result, np.ndarray):
            self.decoded[window] = result, interval
        elif result is None:
            self.refined += 1
            self.refining = False
        else:
            self.latent = result
            self.windows = windows(result.frames, self.low_latency)
            self.blocks = blocks(result.frames, self.low_latency, result.context)
            self.seconds = result.frames * result.frame_seconds + self.sentence.silence

    def next_window(self) -> tuple[Samples, Interval] | None:
        """Returns the next window in order and when it was decoded, or None while it is not decoded."""
        window = self.decoded.pop(self.delivered, None)
        if window is not None:
            self.delivered += 1
        return window

    def words(self, begin: float) -> tuple[Word, ...]:
        """Returns the sentence's words with their times; ``begin`` is the sentence's start in the audio, in seconds."""
        latent = self.latent
        if latent is None or not self.sentence.words:
            return ()
        begin += self.sentence.leading_silence
        times = [begin, *(begin + end * latent.frame_seconds for end in latent.ends)]
        return tuple(
            Word(
                word.written,
                max(times[word.start], times[word.start + word.lead] - LEAD_SECONDS),
                times[word.stop],
            )
            for word in self.sentence.words
        )
