"""Samples of voices that clients have registered, to be spoken like."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from server.errors import InvalidRequest, UnknownVoice
from server.logs import LOGGER
from server.utterance import VOICE_NAME, Samples
from server.voices.aliases import ALIASES

SAMPLES_FOLDER = "samples"
"""In the data directory."""
SAMPLE_RATE = 22_050
"""Hz, what XTTS v2 listens at."""
SUFFIX, STAGED = ".wav", ".part"
MOST = 64
"""Samples that are kept: what a client may use of the disk is this many times the longest sample."""
FULL_SCALE = 32_767

log = logging.getLogger(f"{LOGGER}.voices")


@dataclass(frozen=True, slots=True)
class VoiceSample:
    """A registered sample."""

    name: str
    path: Path
    checksum: str
    """SHA-256 over its audio and when it was registered: a recording that is deleted and registered again is another
    voice, so nothing that was cached of the first one is ever heard again."""

    def read(self) -> Samples:
        """Its audio, mono, SAMPLE_RATE, shape (samples,), within -1 to 1."""
        with wave.open(str(self.path), "rb") as file:
            data = file.readframes(file.getnframes())
        return np.asarray(np.frombuffer(data, "<i2") / FULL_SCALE, dtype=np.float32)


class SampleStore:
    """A folder of samples. Its methods block: they read and write files. Any thread may call them."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        """Removes what a crash left half written. A sample that can't be read is skipped, with a line in the log."""
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()
        self._forgets: list[Callable[[VoiceSample], None]] = []
        self._known = dict(self._found())

    @property
    def samples(self) -> dict[str, VoiceSample]:
        """All of them, by name; at once, without work."""
        return dict(self._known)

    def on_forgotten(self, forget: Callable[[VoiceSample], None]) -> None:
        """Has ``forget`` called with each sample that is removed or replaced, in the thread that does it."""
        self._forgets.append(forget)

    def require(self, name: str) -> None:
        """Raises InvalidRequest when nothing can be registered under ``name``."""
        if not VOICE_NAME.fullmatch(name):  # this is what keeps it inside the folder
            raise InvalidRequest(f"id: must match {VOICE_NAME.pattern}", param="id")
        if name in ALIASES:  # or whoever asks for OpenAI's voice would hear a stranger's
            raise InvalidRequest(
                "id: this is one of OpenAI's voices, which stand for the default voice; choose another", param="id"
            )

    def put(self, name: str, audio: Samples) -> VoiceSample:
        """Keeps ``audio`` (see VoiceSample.read) under ``name``, in place of what was there.

        Raises InvalidRequest when ``name`` can't be a registered voice's, or there is no room for one more, and OSError
        when the disk does not take it; then what was there before is still there.
        """
        self.require(name)
        with self._lock:
            if name not in self._known and len(self._known) >= self._most:
                raise InvalidRequest(f"id: {self._most} voices are registered; delete one first", param="id")
            path = self._folder / f"{name}{SUFFIX}"
            staged = path.with_suffix(STAGED)
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                _write(staged, audio)
                described = replace(_described(staged), path=path)
                staged.replace(path)
            except OSError:
                staged.unlink(missing_ok=True)
                raise
            _sync(self._folder)
            replaced = self._known.get(name)
            self._known[name] = described
            if replaced is not None:
                self._forget(replaced)
            return described

    def remove(self, name: str) -> None:
        """Raises UnknownVoice."""
        with self._lock:
            if name not in self._known:
                raise UnknownVoice("no voice is registered with this id", param="id")
            sample = self._known.pop(name)
            (self._folder / f"{name}{SUFFIX}").unlink(missing_ok=True)
            self._forget(sample)

    def _forget(self, sample: VoiceSample) -> None:
        for forget in self._forgets:
            forget(sample)

    def _found(self) -> Iterator[tuple[str, VoiceSample]]:
        for leftover in self._folder.glob(f"*{STAGED}"):
            if _is_ours(leftover):
                leftover.unlink(missing_ok=True)
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if not _is_ours(path):
                continue
            try:
                yield path.stem, _described(path)
            except (OSError, EOFError, wave.Error) as error:
                # The class alone: whoever registered the voice has chosen its name.
                log.warning("a registered voice can't be read and is skipped: %s", type(error).__name__)


def _is_ours(path: Path) -> bool:
    named = VOICE_NAME.fullmatch(path.stem) and path.stem not in ALIASES
    return bool(named) and path.is_file() and not path.is_symlink()


def _described(path: Path) -> VoiceSample:
    """Raises OSError, EOFError or wave.Error when it is no sample of ours with audio in it."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, SAMPLE_RATE):
            raise wave.Error("not a sample of ours")
        if not file.getnframes() or len(file.readframes(file.getnframes())) != 2 * file.getnframes():
            raise EOFError
    registered = path.stat().st_mtime_ns
    return VoiceSample(path.stem, path, hashlib.sha256(path.read_bytes() + b"%d" % registered).hexdigest())


def _write(path: Path, audio: Samples) -> None:
    """Writes ``audio`` to the disk. Raises OSError."""
    with path.open("wb") as raw:
        with wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((audio.clip(-1.0, 1.0) * FULL_SCALE).astype("<i2").tobytes())
        raw.flush()
        os.fsync(raw.fileno())


def _sync(folder: Path) -> None:
    """Puts the names in ``folder`` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
