"""Finds the installed voices, and the reasons why others can't be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from server.errors import VoiceError
from server.utterance import VOICE_NAME, Voice
from server.voices.manifest import CONFIG, MODEL, ONNX, ONNX_CONFIG, Manifest

ALIASES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""The names of OpenAI's own voices. A request for one of them gets the default voice, unless an installed voice has the
name; a registered voice can't have it."""

VOICES_FOLDER = "voices"
"""The folder of voices in the data directory."""
STAGING_PREFIX = ".installing-"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class InstalledVoice:
    """A voice whose files are on this machine and intact."""

    voice: Voice
    folder: Path
    phonemizer: str
    """An espeak-ng voice, or manifest.CHARACTERS."""
    has_onnx: bool = False
    """Whether its folder contains the ONNX files that it was converted from."""

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def config(self) -> Path:
        return self.folder / CONFIG

    @property
    def onnx(self) -> Path | None:
        """The same voice for onnxruntime. None if it was never ONNX, or was installed before these files were kept."""
        return self.folder / ONNX if self.has_onnx else None

    @property
    def onnx_config(self) -> Path | None:
        """Piper's configuration of the ONNX file."""
        return self.folder / ONNX_CONFIG if self.has_onnx else None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Returns the voice in ``folder``. Raises VoiceError when it is not intact."""
        manifest = Manifest.read(folder)
        try:
            voice = Voice(manifest.name, manifest.languages, manifest.sample_rate, manifest.checksum)
        except ValueError as error:
            raise VoiceError(folder, str(error)) from error
        return cls(voice, folder, manifest.phonemizer, manifest.onnx is not None)


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry in the voices' folder that is not served."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The voices in a folder at the time of the scan."""

    voices: Mapping[str, InstalledVoice]
    """The voices by name, in alphabetical order."""
    skipped: tuple[SkippedEntry, ...]

    @classmethod
    def scan(cls, folder: Path) -> Self:
        """Reads ``folder``/NAME/ for every name; a folder that does not exist holds no voices.

        Every file is hashed, which takes 110 ms for the default voice's 126 MB on one core (sha256 at 1.1 GB/s): little
        compared with the seconds that a model takes to load.
        """
        voices: dict[str, InstalledVoice] = {}
        skipped: list[SkippedEntry] = []
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else []
        for entry in entries:
            if entry.name == LOCK:
                continue
            try:
                voices[entry.name] = _read_entry(entry)
            except VoiceError as error:
                skipped.append(SkippedEntry(_printable(entry.name), _printable(_reason(error, entry))))
        return cls(MappingProxyType(voices), tuple(skipped))


def _read_entry(entry: Path) -> InstalledVoice:
    if entry.name.startswith(STAGING_PREFIX):
        raise VoiceError(entry, "an installation that is under way or was broken off")
    if entry.is_symlink():
        raise VoiceError(entry, "a symbolic link")
    if not entry.is_dir():
        raise VoiceError(entry, "not a folder")
    if not VOICE_NAME.fullmatch(entry.name):
        raise VoiceError(entry, f"not a voice's name, which matches {VOICE_NAME.pattern}")
    return InstalledVoice.read(entry)


def _reason(error: VoiceError, entry: Path) -> str:
    """Returns the problem, including the name of the file in the entry's folder that has it."""
    return error.problem if error.path == entry else f"{error.path.name} {error.problem}"


def _printable(text: str) -> str:
    """Escapes a folder's name, which can hold line breaks, terminal codes and undecodable bytes, for logs and
    terminals."""
    return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
