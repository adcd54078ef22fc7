"""Builds the providers that the settings name, in the order of the fallback chain."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from server.providers.coqui import CoquiProvider
from server.providers.hibari import HibariVoice
from server.providers.kokoro import KokoroVoices
from server.providers.onnx import OnnxProvider
from server.providers.packaged import PackagedProvider
from server.providers.provider import Provider
from server.providers.ray import RayProvider
from server.providers.ray_link import RayLink
from server.providers.remote import PCM_RATE, RemoteProvider, RemoteVoice
from server.providers.xtts import XttsProvider
from server.settings import ProviderName, Settings
from server.shared.shared_files import SharedFiles
from server.utterance import Voice
from server.voices.catalogue import Catalogue
from server.voices.recordings import RecordingLimits
from server.voices.tenant_recordings import RECORDINGS_FOLDER, TenantRecordings


def build_providers(
    settings: Settings, catalogue: Catalogue, log: logging.Logger, shared: SharedFiles | None = None
) -> list[Provider]:
    """Returns the providers; registered voices lie in ``shared``, if there is a store that servers share. Raises
    EngineFailed when one can't be built."""
    installed = catalogue.voices.values()
    threads, max_seconds = settings.threads, settings.max_audio_seconds
    builders: dict[ProviderName, Callable[[], Provider]] = {
        "coqui": lambda: CoquiProvider(
            installed,
            device=settings.device,
            threads=threads,
            max_audio_seconds=max_seconds,
            stall_seconds=settings.engine_stall_seconds,
            number_format=settings.number_format,
            log=log,
        ),
        "onnx": lambda: OnnxProvider(installed, threads=threads, max_audio_seconds=max_seconds, log=log),
        "hibari": lambda: PackagedProvider(HibariVoice(), threads=threads, max_audio_seconds=max_seconds, log=log),
        "kokoro": lambda: PackagedProvider(KokoroVoices(), threads=threads, max_audio_seconds=max_seconds, log=log),
        "xtts": lambda: XttsProvider(
            settings.xtts_dir or Path(),
            open_recordings(settings, shared),
            device=settings.device,
            max_audio_seconds=max_seconds,
            log=log,
        ),
        "remote": lambda: RemoteProvider(
            _remote_voices(settings),
            base_url=settings.remote_url,
            key=settings.remote_key.get_secret_value() or None,
            model=settings.remote_model,
            response_format=settings.remote_format,
            max_audio_seconds=max_seconds,
            log=log,
        ),
        "ray": lambda: RayProvider(
            (each.voice for each in installed),
            link=RayLink(settings.ray_address),
            max_audio_seconds=max_seconds,
            log=log,
        ),
    }
    return [builders[name]() for name in settings.providers]


def open_recordings(settings: Settings, shared: SharedFiles | None) -> TenantRecordings:
    """Returns the registered voices of the settings."""
    folder = settings.data_dir if shared is None else shared.folder
    limits = RecordingLimits(settings.max_recordings, settings.max_recording_bytes)
    return TenantRecordings(folder / RECORDINGS_FOLDER, limits, shared)


def _remote_voices(settings: Settings) -> list[RemoteVoice]:
    """Returns the other server's voices under their names there. Their models are unknown, so the checksum covers the
    server's address, its model's name and the voice's name."""
    voices = []
    for name, languages in settings.remote_voices.items():
        identity = "\n".join((settings.remote_url, settings.remote_model, name))
        checksum = hashlib.sha256(identity.encode()).hexdigest()
        voices.append(RemoteVoice(Voice(name, languages, PCM_RATE, checksum), name))
    return voices
