"""The recordings of one tenant's registered voices, for providers that imitate them."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from otel.support.appended_file import sync_folder
from server.audio import wav
from server.errors import InvalidRequest, UnknownVoice
from server.logs import LOGGER
from server.shared.shared_files import SharedFiles
from server.utterance import VOICE_NAME, Samples
from server.voices.catalogue import ALIASES

SAMPLE_RATE = 22_050
"""The sample rate in Hz of XTTS v2's input."""
SUFFIX, STAGED = ".wav", ".part"
RESERVED = ("default", "other", "registered")
"""Names that mean something else: the default voice to clients of Coqui, and the labels of voices without their own."""

log = logging.getLogger(f"{LOGGER}.voices")


@dataclass(frozen=True, slots=True)
class Recording:
    """A registered recording."""

    name: str
    path: Path
    size: int
    """Bytes of its file."""
    checksum: str
    """The SHA-256 over its audio and the time of registration. A recording that is deleted and registered again is
    another voice, so audio cached for the first one is not used for the second."""

    def read(self) -> Samples:
        """Returns its audio, mono, at SAMPLE_RATE: shape (samples,), within -1 to 1."""
        with wave.open(str(self.path), "rb") as file:
            return wav.floats(file.readframes(file.getnframes()))


@dataclass(frozen=True, slots=True)
class RecordingLimits:
    """The limits of a tenant's recordings, which bound the disk space that clients can use."""

    recordings: int = 64
    bytes: int = 96 * 1024**2


DEFAULT_LIMITS = RecordingLimits()


class RecordingStore:
    """A folder of recordings. Its methods block, since they read and write files. Any thread may call them."""

    def __init__(
        self, folder: Path, limits: RecordingLimits = DEFAULT_LIMITS, shared: SharedFiles | None = None
    ) -> None:
        """Removes files that a crash left incomplete. A recording that can't be read is skipped and logged. If
        ``folder`` is one of the copies of ``shared``, changes are made there."""
        self._folder = folder
        self._limits = limits
        self._shared = shared
        self._lock = threading.Lock()
        self._removal_callbacks: list[Callable[[Recording], None]] = []
        self._recordings = dict(self._scan())

    @property
    def recordings(self) -> dict[str, Recording]:
        """All recordings by name. Reading this takes no time."""
        return dict(self._recordings)

    def on_removal(self, callback: Callable[[Recording], None]) -> None:
        """Calls ``callback`` with each recording that is removed or replaced, in the thread that removes it."""
        self._removal_callbacks.append(callback)

    def require(self, name: str) -> None:
        """Raises InvalidRequest when nothing can be registered under ``name``."""
        if not VOICE_NAME.fullmatch(name):  # keeps the file inside the folder
            raise InvalidRequest(f"id: must match {VOICE_NAME.pattern}", param="id")
        if name in ALIASES:  # otherwise a request for OpenAI's voice would get a client's
            raise InvalidRequest(
                f"id: OpenAI's voices stand for the default voice; choose another than {', '.join(ALIASES)}", param="id"
            )
        if name in RESERVED:
            raise InvalidRequest(f"id: must not be one of {', '.join(RESERVED)}", param="id")

    def put(self, name: str, audio: Samples) -> Recording:
        """Stores ``audio`` (see Recording.read) under ``name`` and replaces an earlier recording.

        Raises InvalidRequest when ``name`` can't be a registered voice's or the limits are reached, and OSError or
        SharedStoreUnavailable when the disk or the shared store fails; the earlier recording is then unchanged.
        """
        self.require(name)
        with self._lock:
            self._check_room(name, wav.HEADER_BYTES + 2 * len(audio))
            path = self._folder / f"{name}{SUFFIX}"
            if self._shared is None:
                recording = self._store(path, audio)
            else:
                self._shared.change(self._shared.name(path), lambda draft: _write(draft, audio))
                recording = _describe(path)
            replaced = self._recordings.get(name)
            self._recordings[name] = recording
            if replaced is not None:
                self._report_removal(replaced)
            return recording

    def remove(self, name: str) -> None:
        """Removes a recording. Raises UnknownVoice, and SharedStoreUnavailable: then it stays."""
        with self._lock:
            if name not in self._recordings:
                raise UnknownVoice("no voice is registered with this id", param="id")
            path = self._folder / f"{name}{SUFFIX}"
            if self._shared is not None:
                self._shared.change(self._shared.name(path), lambda draft: draft.unlink(missing_ok=True))
            path.unlink(missing_ok=True)
            self._report_removal(self._recordings.pop(name))

    def reload(self, names: Iterable[str]) -> None:
        """Reads recordings again that another server has registered, replaced or removed."""
        with self._lock:
            for name in names:
                path = self._folder / f"{name}{SUFFIX}"
                before, after = self._recordings.pop(name, None), None
                if is_recording(path) and (after := _readable(path)):
                    self._recordings[name] = after
                if before is not None and before != after:
                    self._report_removal(before)

    def _store(self, path: Path, audio: Samples) -> Recording:
        """Writes a recording's file, which is complete at any time, and returns the recording. Raises OSError."""
        staged = path.with_suffix(STAGED)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            _write(staged, audio)
            recording = replace(_describe(staged), path=path)
            staged.replace(path)
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        return recording

    def _check_room(self, name: str, size: int) -> None:
        """Raises InvalidRequest when there is no room for a recording of ``size`` bytes under ``name``."""
        others = [recording for recording in self._recordings.values() if recording.name != name]
        if len(others) >= self._limits.recordings:
            raise InvalidRequest(f"id: {self._limits.recordings} voices are registered; delete one first", param="id")
        if sum(recording.size for recording in others) + size > self._limits.bytes:
            raise InvalidRequest(
                f"id: the recordings would take more than {self._limits.bytes} bytes; delete one first", param="id"
            )

    def _report_removal(self, recording: Recording) -> None:
        for callback in self._removal_callbacks:
            callback(recording)

    def _scan(self) -> Iterator[tuple[str, Recording]]:
        for leftover in self._folder.glob(f"*{STAGED}"):
            if is_recording(leftover):
                leftover.unlink(missing_ok=True)
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if is_recording(path) and (recording := _readable(path)):
                yield path.stem, recording


def is_recording(path: Path) -> bool:
    """Whether a path is a file whose name a store gives."""
    valid_name = VOICE_NAME.fullmatch(path.stem) and path.stem not in ALIASES
    return bool(valid_name) and path.is_file() and not path.is_symlink()


def _readable(path: Path) -> Recording | None:
    """Returns the recording in a file; None, and a line in the log, if it can't be read."""
    try:
        return _describe(path)
    except (OSError, EOFError, wave.Error) as error:
        # Only the class, since a client chose the voice's name.
        log.warning("a registered voice can't be read and is skipped: %s", type(error).__name__)
        return None


def _describe(path: Path) -> Recording:
    """Returns the recording in a file. Raises OSError, EOFError or wave.Error when the store did not write it."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, SAMPLE_RATE):
            raise wave.Error("not a recording of this store")
        if not file.getnframes() or len(file.readframes(file.getnframes())) != 2 * file.getnframes():
            raise EOFError
    registered, content = path.stat().st_mtime_ns, path.read_bytes()
    return Recording(path.stem, path, len(content), hashlib.sha256(content + b"%d" % registered).hexdigest())


def _write(path: Path, audio: Samples) -> None:
    """Writes ``audio`` and syncs it to the disk. Raises OSError."""
    pcm = wav.pcm16(audio)
    with path.open("wb") as file:
        file.write(wav.header(SAMPLE_RATE, len(pcm)))
        file.write(pcm)
        file.flush()
        os.fsync(file.fileno())
