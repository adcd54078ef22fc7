"""Reads WAV and raw PCM as they arrive, in pieces cut anywhere; accepts only 16-bit mono."""

from __future__ import annotations

import struct

import numpy as np

from server.audio.wav import floats
from server.errors import ComponentError
from server.utterance import Samples

RATES = range(4000, 192_001)
"""Hz. Speech at lower rates can't be understood, and at higher ones a sender could make a second arbitrarily large."""
MAX_HEADER_BYTES = 1 << 16
"""The maximum number of bytes before the samples. ffmpeg's LIST has 26, so there is room for a title and comments."""
ENDLESS = 0x7FFFF000
"""Sizes from this value on mean that the size is unknown: to a pipe, sox writes this value, ffmpeg 0xFFFFFFFF, and
others the latter less the header. As a real size it would be twelve hours at 24 kHz."""

_PCM, _EXTENSIBLE = 1, 0xFFFE
_SAMPLE_BYTES = 2
_FORM_BYTES = range(16, 65)
"""16 for PCM, 40 when extensible."""


class AudioUnreadable(ComponentError):
    """The bytes are not audio of the declared form. The message is our own and contains none of them."""


class PcmReader:
    """Reads little-endian 16-bit mono samples without a header."""

    complete = False
    """Whether all audio has arrived; bytes after it are ignored."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        """Hz."""
        self._odd = b""

    def feed(self, piece: bytes) -> Samples:
        """Returns the samples that are complete with these bytes, shape (samples,), within -1 to 1.

        The inverse of ``server.audio.wav.pcm16``; -32768, which that never writes, becomes -1 too.
        """
        piece = self._odd + piece
        complete = len(piece) - len(piece) % _SAMPLE_BYTES
        self._odd = piece[complete:]
        samples = floats(piece[:complete])
        np.maximum(samples, np.float32(-1.0), out=samples)
        return samples

    def end(self) -> None:
        """Ends the audio. Raises AudioUnreadable when some of it is missing."""
        if self._odd:
            raise AudioUnreadable("the audio ends in the middle of a sample")


class WavReader:
    """Reads a WAV file of 16-bit mono PCM. The sizes in a stream may be wrong, since its writer could not know them."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._header_bytes = 0
        """Bytes of the header that were parsed; those in ``_head`` are not parsed yet."""
        self._skip = 0
        """Bytes to skip of a chunk that is not needed."""
        self._rate: int | None = None
        self._pcm: PcmReader | None = None
        self._remaining: int | None = None
        """Bytes of samples that are still to come; None if the header does not give them."""

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz. Raises AudioUnreadable while the header is incomplete."""
        if self._pcm is None:
            raise AudioUnreadable("the audio ends within its header")
        return self._pcm.sample_rate

    @property
    def complete(self) -> bool:
        """Whether all audio has arrived; bytes after it are ignored."""
        return self._remaining == 0

    def feed(self, piece: bytes) -> Samples:
        """Returns the samples that are complete with these bytes, shape (samples,), within -1 to 1.

        Raises AudioUnreadable; afterwards the reader can't be used.
        """
        if self._pcm is None:
            self._head += piece
            self._pcm = self._read_header()
            if self._pcm is None:
                return np.empty(0, np.float32)
            piece = bytes(self._head)
            self._head.clear()
        if self._remaining is not None:
            piece = piece[: self._remaining]
            self._remaining -= len(piece)
        return self._pcm.feed(piece)

    def end(self) -> None:
        """Ends the audio. Raises AudioUnreadable when some of it is missing."""
        if self._pcm is None:
            raise AudioUnreadable("the audio ends within its header")
        if self._remaining:
            raise AudioUnreadable("the audio is shorter than its header says")
        self._pcm.end()

    def _read_header(self) -> PcmReader | None:
        """Parses the header as far as it has arrived. Returns the reader of the samples when they begin."""
        if self._header_bytes == 0:
            if len(self._head) < 12:
                return None
            riff, _, wave = struct.unpack("<4sI4s", self._take(12))
            if (riff, wave) != (b"RIFF", b"WAVE"):
                raise AudioUnreadable("the audio is not WAV")
        while True:
            self._skip -= len(self._take(min(self._skip, len(self._head))))
            if self._skip or len(self._head) < 8:
                return None
            name, size = struct.unpack_from("<4sI", self._head)
            if name == b"data":
                self._take(8)
                return self._begin(size)
            if self._header_bytes + size > MAX_HEADER_BYTES:
                raise AudioUnreadable("the audio's header is too long")
            if name == b"fmt ":
                if size not in _FORM_BYTES:
                    raise AudioUnreadable("the audio's header is damaged")
                if len(self._head) < 8 + size:
                    return None
                self._rate = _rate(bytes(self._head[8 : 8 + size]))
            self._skip = 8 + size + size % 2  # chunks begin at even offsets

    def _begin(self, size: int) -> PcmReader:
        """Returns the reader of the samples, which have ``size`` bytes according to the header."""
        if self._rate is None:
            raise AudioUnreadable("the audio's header does not say its format")
        if 0 < size < ENDLESS:
            if size % _SAMPLE_BYTES:
                raise AudioUnreadable("the audio's header is damaged")
            self._remaining = size
        return PcmReader(self._rate)

    def _take(self, count: int) -> bytes:
        data = bytes(self._head[:count])
        del self._head[:count]
        self._header_bytes += count
        return data


def _rate(form: bytes) -> int:
    """Returns the sample rate in Hz from a chunk ``fmt``. Raises AudioUnreadable unless it is 16-bit mono PCM.

    Source: Multimedia Programming Interface and Data Specifications 1.0 (Microsoft and IBM, 1991). WAVEFORMATEXTENSIBLE
    has the actual format in the first two of its last sixteen bytes.
    """
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if code == _EXTENSIBLE and len(form) >= 40:
        (code,) = struct.unpack_from("<H", form, 24)
    if code != _PCM or bits != 8 * _SAMPLE_BYTES:
        raise AudioUnreadable("the audio is not 16-bit PCM")
    if channels != 1:
        raise AudioUnreadable("the audio is not mono")
    if rate not in RATES:
        raise AudioUnreadable("the audio has a sample rate that no speech has")
    return int(rate)
