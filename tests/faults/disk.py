"""Faults of the disk and of file handles, for the server's own files of events."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import suppress

from tests.faults.fault import ANY, Losses, Mended, fault
from tests.faults.places import ServerSite
from tests.faults.trial import Trial

EVENTS_LOST = 4
AWAY_SECONDS = 5.0
COUNTED = "speech continues; every event that can't be written is counted; writing resumes by itself when there is room"
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class LostEvents:
    """The server's count of events that it lost, compared with those that are missing."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._before = self._counted()

    def enough(self) -> bool:
        return self.number() >= EVENTS_LOST

    def number(self) -> int:
        return round(self._counted() - self._before)

    def written_again(self) -> bool:
        """Whether an event has been written since there is room again."""
        ids = {entry.request_id for entry in self._trial.load.book.answered()[-3:]}
        return bool(self._trial.site.events(ids))

    def check(self) -> None:
        """Called when all is well again. Raises AssertionError if some were lost and not counted."""
        self._trial.counted_losses = range(self.number(), self.number() + 1)
        self._trial.note(f"tts_events_lost_total counts {self.number()}")

    def _counted(self) -> float:
        return self._trial.site.exposed("tts_events_lost_total")


@fault("A full disk (a tmpfs of 16 MB under events/)", COUNTED, place="server", may_lose=Losses(events=ANY))
def disk_full(trial: Trial) -> Iterator[Mended]:
    site = trial.site
    assert isinstance(site, ServerSite)
    assert site.has_disk, "not tried: to mount a tmpfs needs root"
    lost = LostEvents(trial)
    filler = site.events_folder / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        trial.mark()
        trial.until(lost.enough, "events that are lost")
    finally:
        filler.unlink()
    yield lost.written_again
    lost.check()


@fault("Files that may not grow (RLIMIT_FSIZE)", COUNTED, place="server", may_lose=Losses(events=ANY))
def files_may_not_grow(trial: Trial) -> Iterator[Mended]:
    lost = LostEvents(trial)
    server = trial.site.server()
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try:
        trial.until(lost.enough, "events that are lost")
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    yield lost.written_again
    lost.check()


@fault(
    "No file handles for 5 s (RLIMIT_NOFILE)",
    "new connections wait, and are answered when there are handles again; nothing is lost",
    place="server",
)
def no_handles(trial: Trial) -> Iterator[Mended]:
    server = trial.site.server()
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        trial.pause(AWAY_SECONDS)
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
    yield trial.site.ready
