"""Samples of voices that clients have registered, to be spoken like."""

from __future__ import annotations

import hashlib
import threading
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.errors import InvalidRequest, UnknownVoice
from server.speech import VOICE_NAME, Samples
from server.voices.aliases import ALIASES

SAMPLES_FOLDER = "samples"
"""In the data directory."""
SAMPLE_RATE = 22_050
"""Hz, what XTTS v2 listens at."""
SUFFIX = ".wav"
MOST = 64
"""Samples that are kept: what a client may use of the disk is this many times the longest sample."""
FULL_SCALE = 32_767


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
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()
        self._forgets: list[Callable[[VoiceSample], None]] = []
        self._known = {path.stem: _described(path) for path in sorted(folder.glob(f"*{SUFFIX}")) if _is_ours(path)}

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
                "id: is the name of one of OpenAI's voices, which the default voice answers to", param="id"
            )

    def put(self, name: str, audio: Samples) -> VoiceSample:
        """Keeps ``audio`` (see VoiceSample.read) under ``name``, in place of what was there.

        Raises InvalidRequest when ``name`` can't be a registered voice's, or there is no room for one more.
        """
        self.require(name)
        with self._lock:
            if name not in self._known and len(self._known) >= self._most:
                raise InvalidRequest(f"id: {self._most} voices are registered; delete one first", param="id")
            path = self._folder / f"{name}{SUFFIX}"
            staged = path.with_suffix(".part")
            self._folder.mkdir(parents=True, exist_ok=True)
            with wave.open(str(staged), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                file.writeframes((audio.clip(-1.0, 1.0) * FULL_SCALE).astype("<i2").tobytes())
            staged.replace(path)
            replaced = self._known.get(name)
            self._known[name] = _described(path)
            if replaced is not None:
                self._forget(replaced)
            return self._known[name]

    def remove(self, name: str) -> None:
        """Raises UnknownVoice."""
        with self._lock:
            if name not in self._known:
                raise UnknownVoice("no voice is registered under this id", param="id")
            sample = self._known.pop(name)
            (self._folder / f"{name}{SUFFIX}").unlink(missing_ok=True)
            self._forget(sample)

    def _forget(self, sample: VoiceSample) -> None:
        for forget in self._forgets:
            forget(sample)


def _is_ours(path: Path) -> bool:
    named = VOICE_NAME.fullmatch(path.stem) and path.stem not in ALIASES
    return bool(named) and path.is_file() and not path.is_symlink()


def _described(path: Path) -> VoiceSample:
    registered = path.stat().st_mtime_ns
    return VoiceSample(path.stem, path, hashlib.sha256(path.read_bytes() + b"%d" % registered).hexdigest())
