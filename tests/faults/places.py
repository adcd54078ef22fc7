"""The two places that faults happen at: what ``make run`` runs, and what ``make stack`` runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.faults.site import COUNTED_PATH, Site, first, words
from tests.redis_server import RedisServer
from tests.stack import Stack, built, environment_of

EVENTS_DISK = "16m"


class ServerSite(Site):
    """What ``make run`` runs: the server alone, which writes events into files of its own, on a disk of their own."""

    command = ("-m", "stack.supervised")
    ready_line = "ttscope is ready"

    def __init__(self, folder: Path, voices: Path) -> None:
        super().__init__(folder, voices)
        self.events_folder = self.data_dir / "events"
        self.events_folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={EVENTS_DISK}", "tmpfs", str(self.events_folder)]
        self.has_disk = not subprocess.run(mount, capture_output=True, check=False).returncode
        """Whether the disk for events is there: to mount one needs root."""

    def kill(self) -> None:
        super().kill()
        if self.has_disk:
            subprocess.run(["umount", "--lazy", str(self.events_folder)], check=True)
            self.has_disk = False

    def counted(self) -> float | None:
        return self.exposed("tts_requests_total", endpoint=COUNTED_PATH)

    def event_files(self) -> Iterable[Path]:
        return sorted(self.events_folder.glob("*.jsonl*"))


class StackSite(Site):
    """What ``make stack`` runs, but for the live dashboard; and a Redis."""

    keeps_traces = keeps_counts = True
    command = ("-m", "stack", "--without-dashboard")
    ready_line = "ready after"

    def __init__(self, folder: Path, voices: Path) -> None:
        super().__init__(folder, voices)
        self.stack = Stack(folder / "stack", built())
        self.redis = RedisServer(folder)
        self._environment |= environment_of(self.stack.settings)
        self._environment |= {
            "TTSCOPE_REDIS_URL": self.redis.url,
            "TTSCOPE_CACHE_SECRET": "a secret of the tests",
            "TTSCOPE_DRIFT_WINDOW_SECONDS": "60",
            "TTSCOPE_DRIFT_GRACE_SECONDS": "0",
        }

    def start(self) -> None:
        self.redis.kill()
        self.redis.start()
        super().start()

    def kill(self) -> None:
        super().kill()
        self.redis.kill()

    def counted(self) -> float | None:
        return self.stack.value(f'sum(max_over_time(tts_requests_total{{endpoint="{COUNTED_PATH}"}}[6h]))')

    def event_files(self) -> Iterable[Path]:
        return sorted(self.stack.settings.events_folder.glob("*.jsonl"))

    def has_trace(self, trace_id: str) -> bool:
        return bool(self.stack.spans(trace_id))

    def program(self, name: str) -> psutil.Process:
        """The process of a program of the pipeline. Raises LookupError while there is none."""
        wanted = str(self.stack.binaries[name]) if name in self.stack.binaries else name
        return first([each for each in self.supervisor().children() if wanted in words(each)[:3]])


PLACES: dict[str, type[Site]] = {"stack": StackSite, "server": ServerSite}


class Sites:
    """A site of each place, started when it is first asked for, and killed in the end."""

    def __init__(self, folder: Path, voices: Path) -> None:
        self._folder, self._voices = folder, voices
        self._sites: dict[str, Site] = {}

    def __enter__(self) -> Sites:
        return self

    def __exit__(self, *failure: object) -> None:
        for site in self._sites.values():
            site.kill()

    def __getitem__(self, place: str) -> Site:
        """A site that can speak. Raises AssertionError if it can't be started."""
        site = self._sites.get(place)
        if site is None:
            site = self._sites[place] = PLACES[place](self._folder / place, self._voices)
        if not site.is_running:  # a fault that went wrong may have ended it
            site.start()
        return site
