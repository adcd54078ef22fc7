"""The request bodies: types that validate them and describe them in /openapi.json."""

from __future__ import annotations

import asyncio
from typing import Literal, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError, from_json

from server.audio.formats import FORMATS, Format, audio_format
from server.errors import (
    InvalidJson,
    InvalidRequest,
    RequestTimeout,
    SpeechError,
    UnsupportedFormat,
    UnsupportedMediaType,
)
from server.text.lexicon import MAX_PRONUNCIATIONS, Pronunciation
from server.text.script import InputType
from server.utterance import LOUDNESS_RANGE, SEED_RANGE, SPEED_RANGE

JSON = "application/json"
FormatName = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
"""The keys of FORMATS."""
SampleRate = Literal[8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]
"""The values of SAMPLE_RATES."""
EncodingName = Literal["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"]
"""The values of SampleEncoding."""
NOT_STREAMED = "not_streamed"
"""The type of the pydantic error for options that streams do not support."""
INPUT_TYPE: InputType = Field(
    "text", description="ssml: the text is SSML, of which docs/text.md has the subset. markdown: it is Markdown."
)
SAMPLE_RATE: SampleRate | None = Field(
    None, description="Hz; absent, as response_format says. opus has 48000 alone, every other format all of these."
)
ENCODING: EncodingName | None = Field(
    None, description="For wav and pcm: 16-bit samples (pcm_s16le) if absent, 32-bit floats, mu-law or A-law."
)
PRONUNCIATIONS: tuple[Pronunciation, ...] = Field(
    (),
    max_length=MAX_PRONUNCIATIONS,
    description="How words or phrases of this text are said, instead of as the rules and dictionaries read them.",
)
SEED: int | None = Field(
    None,
    ge=SEED_RANGE[0],
    le=SEED_RANGE[1],
    description="The same seed makes the same audio (docs/seeds.md); absent, the server draws one. X-TTS-Seed has it.",
)
SMALL_BODY = 8192
"""The size in bytes up to which a JSON body can't hold enough members to matter."""
MAX_MEMBERS = 16
"""The maximum members of a field that is an object or a list, and of each member of it."""
PRONUNCIATIONS_FIELD = "pronunciations"
Model = TypeVar("Model", bound=BaseModel)


class TtsRequest(BaseModel):
    """The body of POST /tts."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="TtsRequest")

    text: str = Field(
        description="What to say. Emotion tags such as (happy) are neither spoken nor counted.",
        examples=["(happy) Hello world, this is a test."],
    )
    voice_name: str | None = Field(None, description="A voice of GET /v1/audio/voices; absent, the default voice.")
    language: str | None = Field(
        None,
        description="One of the voice's languages; absent, its first. auto: each sentence in its own, as far as the "
        "voice can.",
    )
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], description="1 is the voice's own pace.")
    response_format: FormatName = Field(
        "wav", description="Mono, at the voice's sample rate; opus 48 kHz, pcm 24 kHz: 16-bit samples without a header."
    )
    sample_rate: SampleRate | None = SAMPLE_RATE
    encoding: EncodingName | None = ENCODING
    stream: bool = Field(False, description="true: audio is sent while it is being made.")
    input_type: InputType = INPUT_TYPE
    pronunciations: tuple[Pronunciation, ...] = PRONUNCIATIONS
    timestamps: bool = Field(
        False,
        description="true: the answer is JSON with the audio in base64 and the time of each word; of a stream, events.",
    )
    loudness: float | None = Field(
        None,
        ge=LOUDNESS_RANGE[0],
        le=LOUDNESS_RANGE[1],
        description="LUFS by EBU R128, such as -16; absent, as the voice speaks. Not for streams, whose loudness is "
        "known at their end.",
    )
    cache: bool = Field(
        True, description="false: audio is made for this request alone, and not kept; so does Cache-Control: no-store."
    )
    seed: int | None = SEED
    dry_run: bool = Field(
        False,
        description="true: nothing is spoken. The answer is JSON with how long it would take if it had to be made now, "
        "and whether it would be admitted. It counts for the limit on requests, not for quotas.",
    )
    verify: bool = Field(
        False,
        description="true: a speech recogniser listens to the clip before it is sent, and it is made again if words "
        "are missing or added. English, not for streams; X-TTS-Verification has the result (docs/verification.md).",
    )

    @model_validator(mode="after")
    def _some_are_of_a_whole(self) -> Self:
        if self.stream and self.loudness is not None:
            raise _not_streamed("loudness", "it is measured over the whole")
        if self.stream and self.verify:
            raise _not_streamed("verify", "a clip is verified before it is sent")
        return self

    @model_validator(mode="after")
    def _has_a_format(self) -> Self:
        """Raises UnsupportedFormat; pydantic passes it on, since it is no ValueError."""
        _ = self.format
        return self

    @property
    def format(self) -> Format:
        """The format of the audio."""
        return audio_format(self.response_format, self.sample_rate, self.encoding)


async def read_json(request: web.Request, seconds: float) -> bytes:
    """Returns the body of a JSON request.

    Raises UnsupportedMediaType, RequestTimeout if it does not arrive within ``seconds``, InvalidJson if it is cut off.
    """
    if media_type(request.headers.get("Content-Type", "")) != JSON:
        raise UnsupportedMediaType(f"the header Content-Type must be {JSON}")
    return await read_body(request, seconds)


def refuse_compressed(request: web.Request) -> None:
    """Raises UnsupportedMediaType for a compressed body: a thousand bytes can expand to a million."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("the body must not be compressed: send it without the header Content-Encoding")


def media_type(content_type: str) -> str:
    """Returns the header Content-Type without its parameters, in lower case.

    aiohttp's ``request.content_type`` parses the whole header as an e-mail header. For some clients' values that takes
    long and raises exceptions other than ValueError.
    """
    return content_type.partition(";")[0].strip().lower()


async def read_body(request: web.Request, seconds: float) -> bytes:
    """Returns the body. Raises RequestTimeout if it does not arrive within ``seconds``, InvalidJson if it is cut off,
    UnsupportedMediaType if it is compressed."""
    refuse_compressed(request)
    try:
        if request.content.is_eof():  # it arrived with the headers: a timer would cost more than the read
            return await request.read()
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {seconds:g} seconds") from None
    except web.RequestPayloadError:
        raise InvalidJson("the body is incomplete, or can't be decoded") from None


def wants_fresh(request: web.Request) -> bool:
    """Returns whether Cache-Control forbids cached responses (no-cache) or caching (no-store), as in RFC 9111."""
    directives = request.headers.get("Cache-Control", "").lower().split(",")
    return any(directive.strip() in ("no-store", "no-cache") for directive in directives)


def parse_tts(body: bytes) -> TtsRequest:
    """Returns the request. Raises InvalidJson, or names the first wrong field: UnsupportedFormat, InvalidRequest."""
    return parse(TtsRequest, body)


def parse(model: type[Model], body: bytes) -> Model:
    """Returns the validated model. Raises the errors of ``parse_tts``."""
    if len(body) > SMALL_BODY:
        _bound_members(model, body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = next((str(name) for name in problem["loc"][:1] if name in model.model_fields), "")
        if field == PRONUNCIATIONS_FIELD and problem["type"] != "too_long":
            raise InvalidRequest(_pronunciation_problem(problem), param=field) from None
        raise _refusal(problem["type"], problem["msg"], field, ", ".join(model.model_fields)) from None


def _bound_members(model: type[Model], body: bytes) -> None:
    """Raises InvalidRequest for more members than any valid request has: pydantic creates an error for each unknown
    member, which takes 50 ms for the 23,000 that fit into a body."""
    try:
        members = from_json(body)
    except ValueError:
        return  # pydantic reports what is wrong
    if not isinstance(members, dict):
        return
    fields = model.model_fields
    if members.keys() - fields.keys():
        raise _refusal("extra_forbidden", "", "", ", ".join(fields))
    for field, value in members.items():
        most = MAX_PRONUNCIATIONS if field == PRONUNCIATIONS_FIELD else MAX_MEMBERS
        if isinstance(value, dict | list) and len(value) > most:
            raise InvalidRequest(f"{field}: must not have more than {most} members", param=field)
        for each in value if isinstance(value, list) else ():
            if isinstance(each, dict | list) and len(each) > MAX_MEMBERS:
                raise InvalidRequest(f"{field}: a member of it has more than {MAX_MEMBERS} members", param=field)


def _pronunciation_problem(problem: ErrorDetails) -> str:
    """Returns what is wrong with which field of which entry."""
    place, message = PRONUNCIATIONS_FIELD, problem["msg"]
    for part in problem["loc"][1:3]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part in Pronunciation.model_fields:
            place += f".{part}"
    if problem["type"] == "extra_forbidden":
        message = f"there is no such field; allowed fields are {', '.join(Pronunciation.model_fields)}"
    return f"{place}: {message if message.startswith('U+') else message[0].lower() + message[1:]}"


def _not_streamed(field: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError(
        NOT_STREAMED, "{field} can't be had of a stream: {reason}", {"field": field, "reason": reason}
    )


def _refusal(kind: str, message: str, field: str, fields: str) -> SpeechError:
    """Returns the error. ``field`` is one of the model or empty: unknown names from the client are not repeated."""
    if kind == "json_invalid":
        return InvalidJson(f"the body must be a JSON object in UTF-8: {message.removeprefix('Invalid JSON: ')}")
    if kind == "extra_forbidden":
        return InvalidRequest(f"there is no such field; allowed fields are {fields}", param=field or None)
    if field == "response_format":
        return UnsupportedFormat(f"response_format must be one of {', '.join(FORMATS)}", param=field)
    if kind == NOT_STREAMED:
        return InvalidRequest(message, param=message.partition(" ")[0])
    if not field:
        return InvalidRequest(f"the body must be a JSON object with fields of {fields}")
    return InvalidRequest(f"{field}: {message[0].lower()}{message[1:]}", param=field)
