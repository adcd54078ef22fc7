"""Samples of voices that clients have registered, to be spoken like."""

from __future__ import annotations

import hashlib
import threading
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.errors import InvalidRequest, UnknownVoice
from server.speech import VOICE_NAME, Samples

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
    """SHA-256 over its audio."""

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
        self._known = {path.stem: _described(path) for path in sorted(folder.glob(f"*{SUFFIX}")) if _is_ours(path)}

    @property
    def samples(self) -> dict[str, VoiceSample]:
        """All of them, by name; at once, without work."""
        return dict(self._known)

    def put(self, name: str, audio: Samples) -> VoiceSample:
        """Keeps ``audio`` (see VoiceSample.read) under ``name``, in place of what was there.

        Raises InvalidRequest when ``name`` is no voice's name, or there is no room for one more.
        """
        if not VOICE_NAME.fullmatch(name):  # this is what keeps it inside the folder
            raise InvalidRequest(f"id: must match {VOICE_NAME.pattern}", param="id")
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
            self._known[name] = _described(path)
            return self._known[name]

    def remove(self, name: str) -> None:
        """Raises UnknownVoice."""
        with self._lock:
            if name not in self._known:
                raise UnknownVoice("no voice is registered under this id", param="id")
            del self._known[name]
            (self._folder / f"{name}{SUFFIX}").unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    return bool(VOICE_NAME.fullmatch(path.stem)) and path.is_file() and not path.is_symlink()


def _described(path: Path) -> VoiceSample:
    return VoiceSample(path.stem, path, hashlib.sha256(path.read_bytes()).hexdigest())
