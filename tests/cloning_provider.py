"""A provider that hums registered voices at the pitch of their recordings, from the real store of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from server.errors import UnknownVoice
from server.utterance import Samples, Voice
from server.voices.recordings import SAMPLE_RATE
from server.voices.tenant_recordings import TenantRecordings
from tests.humming_provider import HummingProvider


class CloningProvider(HummingProvider):
    """Has the voices joe and kan, and those that tenants register."""

    def __init__(self, recordings: TenantRecordings | Path) -> None:
        super().__init__(name="cloning")
        self.recordings = TenantRecordings(recordings) if isinstance(recordings, Path) else recordings

    def voices(self) -> tuple[Voice, ...]:
        registered = [
            Voice(each.name, ("en",), SAMPLE_RATE, each.checksum, tenant) for tenant, each in self.recordings.all()
        ]
        return (*super().voices(), *registered)

    def pitch_of(self, voice: Voice) -> float:
        if not voice.registered:
            return super().pitch_of(voice)
        recording = self.recordings.find(voice.tenant, voice.name)
        if recording is None:
            raise UnknownVoice("this voice does not exist any more", param="voice_name")
        return pitch(recording.read(), SAMPLE_RATE)


def tone(hertz: float, seconds: float = 3.0) -> Samples:
    """A recording of a voice that hums."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pitch(audio: Samples, rate: int) -> int:
    """The pitch of a hum in Hz, rounded to tens."""
    spectrum = np.abs(np.fft.rfft(audio, n=rate))
    return round(int(spectrum.argmax()), -1)
