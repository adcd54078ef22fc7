"""What the change job remembers between two rounds: one file, replaced as a whole, so that no request is counted twice.

A crash leaves the file of the round before, and the next round reads the same commits of rows again.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from drift import files
from drift.sequential.builds import BuildVerdict
from drift.sequential.expectation import Expectation
from drift.sequential.monitor import Monitor
from drift.sequential.news import News

log = logging.getLogger("ttscope.drift.sequential")
NAME = "changes.json"
FORMAT = 1
KEPT_NEWS = 200


class Pending(msgspec.Struct, frozen=True):
    """News that an output has not got yet."""

    news: str
    """Its id."""
    output: str


class Memory(msgspec.Struct):
    """The content of the file."""

    format: int = FORMAT
    commit: int = -1
    """The last commit of rows that was tested."""
    expectation: Expectation | None = None
    fitted: float = 0.0
    """When an expectation was last tried to be fitted, in seconds since 1970."""
    usual_from: float = 0.0
    """The begin of a lasting change, before which requests are no longer usual."""
    unusual: list[tuple[float, float]] = []
    """The periods of changes that ended, whose requests no expectation is fitted to."""
    monitor: Monitor = msgspec.field(default_factory=Monitor)
    news: list[News] = []
    """The last news, oldest first."""
    verdict: BuildVerdict | None = None
    """The last verdict on a build."""
    pending: list[Pending] = []


def load(folder: Path) -> Memory:
    """Returns what was saved in ``folder``; a new memory if there is none, or if it can't be read."""
    try:
        memory = msgspec.json.decode((folder / NAME).read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("the sequential tests begin anew", extra={"reason": type(error).__name__})
        return Memory()
    return memory if memory.format == FORMAT else Memory()


def save(folder: Path, memory: Memory) -> None:
    """Replaces the file. Raises OSError."""
    memory.news = memory.news[-KEPT_NEWS:]
    known = {news.id for news in memory.news}
    memory.pending = [pending for pending in memory.pending if pending.news in known]
    files.write(folder / NAME, msgspec.json.encode(memory).decode())
