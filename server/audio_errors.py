"""The errors of what audio is sent, and in which form; ``errors.py`` has all others."""

from __future__ import annotations

from server.speech_error import SpeechError


class InvalidSample(SpeechError):
    """The recording can't be decoded, is too short or too long, or is silent."""

    status = 422


class UnsupportedFormat(SpeechError):
    """The audio is not available in this format, or the format not at this sample rate or in this encoding."""

    status = 422


class RangeNotSatisfiable(SpeechError):
    """The header Range begins behind the end of the audio. Content-Range gives its length."""

    status = 416

    def __init__(self, size: int) -> None:
        """``size`` is the length in bytes."""
        self.size = size
        super().__init__(f"the header Range must begin within the {size} bytes of the audio")

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self.size}"}
