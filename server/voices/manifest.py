"""voice.json: what an installed voice is, where it came from, and the checksums of its files."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.errors import VoiceError
from server.utterance import VOICE_NAME

MANIFEST = "voice.json"
MODEL = "model.pth"
CONFIG = "config.json"
FILES = (CONFIG, MODEL)
ONNX = "voice.onnx"
ONNX_CONFIG = "voice.onnx.json"
ONNX_FILES = (ONNX, ONNX_CONFIG)
"""The files that a Piper voice was converted from, kept for synthesis with onnxruntime."""

CHARACTERS = "coqui"
"""The phonemizer of a model that reads characters of its own vocabulary instead of phonemes."""

LANGUAGE = r"[a-z]{2,3}(-[a-z0-9]{1,8})*"
DIGEST = r"^[0-9a-f]{64}$"


class Manifest(BaseModel):
    """The content of voice.json, which lies beside model.pth and config.json, and the ONNX files if they were kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{VOICE_NAME.pattern}$")
    languages: tuple[Annotated[str, Field(pattern=f"^{LANGUAGE}$")], ...] = Field(min_length=1)
    """BCP 47 codes in lower case; the first is the primary subtag alone."""
    sample_rate: int = Field(gt=0, le=192_000)
    """Hz."""
    phonemizer: str = Field(min_length=1)
    """An espeak-ng voice, or CHARACTERS."""
    source: str
    licence: str
    files: dict[str, str]
    """The SHA-256 of each file of FILES, by name."""
    checksum: str = Field(pattern=DIGEST)
    """The SHA-256 over the names and checksums of ``files``, so the voice is the same with and without ONNX files."""
    onnx: dict[str, str] | None = None
    """The SHA-256 of each file of ONNX_FILES, by name; None if they were not kept."""

    @classmethod
    def describe(
        cls, folder: Path, *, name: str, languages: tuple[str, ...], sample_rate: int, phonemizer: str, source: str,
        licence: str,
    ) -> Self:  # fmt: skip
        """Returns the manifest of the files in ``folder``. Raises VoiceError when one is missing."""
        files = digests(folder, FILES)
        onnx = digests(folder, ONNX_FILES) if (folder / ONNX).exists() else None
        return cls(
            name=name, languages=languages, sample_rate=sample_rate, phonemizer=phonemizer, source=source,
            licence=licence, files=files, checksum=checksum(files), onnx=onnx,
        )  # fmt: skip

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads ``folder``/voice.json and verifies the files beside it.

        Raises VoiceError when the manifest or a file is missing, malformed, a link, or not what was installed.
        """
        path = folder / MANIFEST
        require_file(path)
        try:
            manifest = cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise VoiceError(path, first_problem(error)) from None
        except OSError as error:
            raise VoiceError(path, f"can't be read: {error.strerror}") from error
        manifest.verify(folder)
        return manifest

    def verify(self, folder: Path) -> None:
        """Raises VoiceError unless the files in ``folder`` are those that the manifest describes."""
        if self.name != folder.name:
            raise VoiceError(folder / MANIFEST, f"describes the voice {self.name!r}, which its folder is not named")
        described = self.files | (self.onnx or {})
        actual = digests(folder, self.file_names)
        if described.keys() != actual.keys() or self.checksum != checksum(self.files):
            raise VoiceError(folder / MANIFEST, "its checksums don't belong together")
        for name, digest in actual.items():
            if digest != described[name]:
                raise VoiceError(folder / name, "is not what was installed: its checksum differs")

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the files beside the manifest."""
        return FILES if self.onnx is None else FILES + ONNX_FILES

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")


def digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Returns the SHA-256 of each of the files ``names`` in ``folder``. Raises VoiceError when one is missing or a
    link."""
    checksums = {}
    for name in names:
        require_file(folder / name)
        try:
            with (folder / name).open("rb") as file:
                checksums[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise VoiceError(folder / name, f"can't be read: {error.strerror}") from error
    return checksums


def checksum(files: dict[str, str]) -> str:
    """Returns one SHA-256 over the checksums of all files."""
    return hashlib.sha256("".join(f"{name} {files[name]}\n" for name in sorted(files)).encode()).hexdigest()


def require_file(path: Path) -> None:
    """Raises VoiceError unless ``path`` is a regular file: a link could point outside the voices' folder."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise VoiceError(path, "is missing") from None
    except OSError as error:
        raise VoiceError(path, f"can't be read: {error.strerror}") from error
    if stat.S_ISLNK(mode):
        raise VoiceError(path, "is a symbolic link")
    if not stat.S_ISREG(mode):
        raise VoiceError(path, "is not a file")


def first_problem(error: ValidationError) -> str:
    """Returns the first problem of pydantic's error in one line."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


def expand_language(code: str) -> tuple[str, ...]:
    """Returns ("en", "en-us") for "en_US", ("de",) for "de". Raises ValueError when ``code`` is not a language code."""
    full = code.replace("_", "-").lower()
    if not re.fullmatch(LANGUAGE, full):
        raise ValueError(f"{code!r} is not a language code such as en or en-us")
    return tuple(dict.fromkeys((full.split("-")[0], full)))
