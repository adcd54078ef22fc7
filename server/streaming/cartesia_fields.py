"""The fields that Cartesia's calls and messages share, and what they mean here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from server.audio.formats import Format, audio_format
from server.errors import InvalidRequest, UnsupportedFormat
from server.routes.requests import EncodingName, FormatName, TtsRequest
from server.streaming.query import validated
from server.utterance import SPEED_RANGE

PREFIXES = ("", "/cartesia")
"""The beginnings of the paths. Under the first one, a path that the server uses itself is left out."""
REFUSED = {
    "add_phoneme_timestamps": "phonemes have no times; add_timestamps gives those of words",
    "pronunciation_dict_id": "there are no such dictionaries; those of the server are used",
    "save": "no audio is kept",
    "use_normalized_timestamps": "words have times as they are written",
}
"""Why a field may only be false or null, which says nothing."""
IGNORED = frozenset({"duration", "use_original_timestamps"})
"""Fields of earlier versions that change nothing here."""
SPEEDS = {"slow": 0.8, "normal": 1.0, "fast": 1.25}
"""The speeds of the field ``speed``, which Cartesia does not give in numbers."""
MOST_BIT_RATES = {8000: 64_000, 16000: 160_000, 22050: 160_000, 24000: 160_000}
"""The highest bit rate that MP3 has at a sample rate, where it is less than Cartesia allows (ISO/IEC 11172-3, 13818-3,
and MPEG-2.5)."""
STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)

_FORMATS: dict[str, FormatName] = {"raw": "pcm", "wav": "wav", "mp3": "mp3"}
_SampleRate = Literal[8000, 16000, 22050, 24000, 44100, 48000]


class CartesiaVoice(BaseModel):
    """A voice by its name."""

    model_config = STRICT

    mode: Literal["id"] = "id"
    id: str = Field(min_length=1, max_length=256)


class CartesiaFormat(BaseModel):
    """The form of the audio."""

    model_config = STRICT

    container: Literal["raw", "wav", "mp3"]
    encoding: EncodingName | None = None
    sample_rate: _SampleRate
    bit_rate: Literal[32_000, 64_000, 96_000, 128_000, 192_000] | None = None

    def mp3(self) -> Format | None:
        """Returns the format with its bit rate; None unless it is MP3 with one. Raises UnsupportedFormat."""
        if self.container != "mp3" or self.bit_rate is None:
            return None
        most = MOST_BIT_RATES.get(self.sample_rate, self.bit_rate)
        if self.bit_rate > most:
            raise UnsupportedFormat(
                f"output_format.bit_rate: must be at most {most} for {self.sample_rate} Hz",
                param="output_format.bit_rate",
            )
        return audio_format("mp3", self.sample_rate).with_bit_rate(self.bit_rate)


class RawCartesiaFormat(CartesiaFormat):
    """The form of audio in messages and events."""

    container: Literal["raw"]


class GenerationConfig(BaseModel):
    """How the voice speaks."""

    model_config = STRICT

    speed: float | None = Field(None, ge=SPEED_RANGE[0], le=SPEED_RANGE[1])
    volume: float | None = None
    emotion: str | None = None


def _voice(value: object) -> object:
    """Returns a voice as an object; a string is its id."""
    return {"id": value} if isinstance(value, str) else value


class CartesiaSpeech(BaseModel):
    """A text, and how to speak it."""

    model_config = STRICT

    transcript: str
    model_id: str | None = None
    voice: Annotated[CartesiaVoice, BeforeValidator(_voice)]
    output_format: CartesiaFormat
    language: str | None = None
    locale: str | None = None
    generation_config: GenerationConfig | None = None
    speed: Literal["slow", "normal", "fast"] | None = None
    normalization: Literal["auto"] | None = None

    def as_tts(self) -> TtsRequest:
        """Returns the equivalent TtsRequest, with streaming. Raises InvalidRequest and UnsupportedFormat."""
        form = self.output_format
        if (form.container == "mp3") != (form.encoding is None):
            raise InvalidRequest(
                "output_format.encoding: is needed for raw and wav, and not allowed for mp3",
                param="output_format.encoding",
            )
        if self.language is not None and self.locale is not None:
            raise InvalidRequest("locale: must not be given together with language", param="locale")
        if self._config.volume not in (None, 1.0):
            raise InvalidRequest(
                "generation_config.volume: must be 1, since the volume can't be changed",
                param="generation_config.volume",
            )
        return TtsRequest(
            text=self.transcript,
            voice_name=self.voice.id,
            language=self.language if self.locale is None else self.locale,
            speed=self._speed,
            response_format=_FORMATS[form.container],
            sample_rate=form.sample_rate,
            encoding=form.encoding,
            stream=True,
            timestamps=self.timed,
        )

    @property
    def timed(self) -> bool:
        """Whether the times of words are requested."""
        return False

    @property
    def _config(self) -> GenerationConfig:
        return self.generation_config or GenerationConfig()

    @property
    def _speed(self) -> float:
        speed = self._config.speed
        return SPEEDS[self.speed or "normal"] if speed is None else speed

    def ignored(self) -> Iterator[str]:
        """Yields the names of the fields that are set and have no effect."""
        if self._config.emotion is not None:
            yield "generation_config.emotion"
        if self.output_format.bit_rate is not None and self.output_format.container != "mp3":
            yield "output_format.bit_rate"


class EventfulSpeech(CartesiaSpeech):
    """A text whose audio is sent in messages or events."""

    output_format: RawCartesiaFormat
    add_timestamps: bool | None = None

    @property
    def timed(self) -> bool:
        return bool(self.add_timestamps)


Speech = TypeVar("Speech", bound=CartesiaSpeech)


def read_speech(model: type[Speech], values: Mapping[str, Any]) -> Speech:
    """Returns the fields of a call or a message. Raises InvalidRequest, which names the first field that is wrong."""
    for name, reason in REFUSED.items():
        if values.get(name) not in (None, False):
            raise InvalidRequest(f"{name}: {reason}", param=name)
    return validated(model, {name: value for name, value in values.items() if name not in IGNORED | REFUSED.keys()})
