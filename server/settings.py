"""Every setting, typed, from the environment; what is wrong is reported all at once, before anything else happens."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from otel.sdk import otlp
from otel.sdk import variables as standard
from otel.sdk.honoured_variables import SECRETS
from otel.sdk.variable_rules import SIGNALS
from otel.support.api_key import FILE_VARIABLE, KEY_VARIABLE
from otel.support.environment import read, unknown
from server.audit_settings import LEAST_SECRET
from server.pauses import DEFAULT_PAUSES
from server.settings_groups import SettingsGroups
from server.shared.bucket_store import STORE_SECRETS
from server.utterance import VOICE_NAME

PREFIX = "TTSCOPE_"
Port = Annotated[int, Field(ge=0, le=65535)]
ProviderName = Literal["coqui", "onnx", "hibari", "kokoro", "remote", "xtts", "ray"]
VoiceName = Annotated[str, Field(pattern=f"^{VOICE_NAME.pattern}$")]
ProviderVoice = Annotated[str, Field(pattern=rf"^({'|'.join(get_args(ProviderName))})(:.{{1,64}})?$")]
Languages = Annotated[tuple[Annotated[str, Field(pattern="^[a-z]{2,3}(-[a-z0-9]{1,8})*$")], ...], Field(min_length=1)]
EmotionTag = Annotated[str, Field(pattern=r"^[^\W\d_](?:[^\W\d_]|[' -]){0,31}$")]
PauseSeconds = Annotated[float, Field(ge=0, le=10)]
HostName = Annotated[str, Field(pattern=r"^(\*|\[?[A-Za-z0-9._:-]{1,253}\]?)$")]
PERCENT_ENCODED = 12
"""The most bytes of a character in a URL: 4 bytes of UTF-8, each as %XX."""


class Settings(SettingsGroups):
    """The environment, read once at start. Names are TTSCOPE_ and the field in capitals, where no alias is given."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, populate_by_name=True, extra="forbid"
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 listens on every interface.")
    port: Port = Field(8010, description="Port of the API; 0 chooses a free port.")
    management_host: str = Field("127.0.0.1", description="Address of the management port.")
    management_port: Port = Field(
        8002,
        validation_alias="PROMETHEUS_PORT",
        description="Management port, for Prometheus; 0 chooses a free port. `TTSCOPE_MANAGEMENT_PORT` sets it too, if "
        "this is unset.",
    )
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = Field(
        (),
        description="Names of this server, separated by commas, that the header Host may have, with any port. Always "
        "allowed: localhost, 127.0.0.1, [::1] and the address of TTSCOPE_HOST; with 0.0.0.0 or ::, all IP addresses. "
        "Anything else gets 421. * allows every name, and with it DNS rebinding.",
    )
    metrics_enabled: bool = Field(
        True,
        validation_alias="METRICS_ENABLED",
        description="false: no metric is recorded, shown or exported. `TTSCOPE_METRICS_ENABLED` sets it too, if this "
        "is unset.",
    )
    data_dir: Path = Field(Path("var"), description="Folder of voices and events; only one server can use it.")
    default_voice: str = Field("joe", description="The voice of requests that do not name one.")
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto (CUDA if present), cpu, cuda or cuda:N."
    )
    threads: int | None = Field(None, ge=1, description="Number of cores for synthesis, without a GPU; by default all.")
    providers: Annotated[tuple[ProviderName, ...], NoDecode] = Field(
        ("coqui", "onnx"),
        min_length=1,
        description="Providers in the order in which they are tried, separated by commas: coqui (the engine on "
        "torch), onnx (the same voices on onnxruntime), hibari (a small English voice), kokoro (Japanese; needs the "
        "extra japanese), remote (an OpenAI-compatible server), xtts (voices that clients register), ray (coqui in a "
        "Ray cluster; needs the extra ray).",
    )
    voice_providers: Annotated[dict[VoiceName, tuple[ProviderVoice, ...]], NoDecode] = Field(
        {},
        description='Providers of single voices, as JSON: {"joe": ["coqui", "remote:alloy"]}. After the colon stands '
        "the provider's own name for the voice, if it differs. Registered voices in it are the tenant default's.",
    )
    remote_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Address of the remote provider, up to /v1: http://host:8010/v1."
    )
    remote_key: SecretStr = Field(SecretStr(""), description="API key for the remote provider.")
    remote_model: str = Field("tts-1", min_length=1, description="Model to request from the remote provider.")
    remote_format: Literal["wav", "pcm"] = Field(
        "wav", description="Format to request from the remote provider: wav, or pcm for 24 kHz without a header."
    )
    remote_voices: Annotated[dict[VoiceName, Languages], NoDecode] = Field(
        {}, description='Voices of the remote provider and their languages, as JSON: {"alloy": ["en"]}.'
    )
    xtts_dir: Path | None = Field(
        None, description="Folder of an XTTS v2 model (config.json, vocab.json, model.pth), for the provider xtts."
    )
    max_recordings: int = Field(64, ge=0, description="Most voices that one tenant may register.")
    max_recording_bytes: int = Field(
        96 * 1024 * 1024, ge=0, description="Disk for one tenant's recordings, in bytes; one of 30 s takes 1.3 MB."
    )
    cache_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Memory for cached audio, in bytes; 0 switches the cache off."
    )
    cache_secret: SecretStr = Field(
        SecretStr(""),
        description=f"Secret of at least {LEAST_SECRET} characters, which keys the cache and encrypts clips in Redis. "
        "Needed with TTSCOPE_REDIS_URL, and the same for all servers that share it. By default random at every start.",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="Redis in which servers share clips: redis://host:6379/0. Servers work without it if it fails.",
    )
    reference_latency_seconds: float | None = Field(
        None,
        gt=0,
        description="Latency that each provider's latency is compared with; by default that of its first stable hour.",
    )
    max_text_characters: int = Field(5000, ge=1, le=1_000_000, description="Longest text of a request, in characters.")
    max_break_seconds: float = Field(10.0, ge=0, le=60, description="Longest break that SSML may request, in seconds.")
    emotion_tags: Annotated[tuple[EmotionTag, ...], NoDecode] = Field(
        (),
        description="Words that are neither spoken nor counted when they stand alone in parentheses, separated by "
        "commas, in any case: happy,in a whisper. They replace the default, which docs/text.md lists.",
    )
    paragraph_pause_seconds: PauseSeconds = Field(
        DEFAULT_PAUSES.paragraph,
        description="Silence after a paragraph at speed 1, in addition to the voice's own; also after SSML's p.",
    )
    heading_pause_seconds: PauseSeconds = Field(
        DEFAULT_PAUSES.heading, description="Silence after a heading at speed 1, in addition to the voice's own."
    )
    item_pause_seconds: PauseSeconds = Field(
        DEFAULT_PAUSES.item,
        description="Silence after an item of a list, a line of code or a row of a table, and before a list, at speed "
        "1, in addition to the voice's own.",
    )
    cell_pause_seconds: PauseSeconds = Field(
        DEFAULT_PAUSES.cell,
        description="Silence after a table's cell at speed 1, in addition to the voice's own; after the last one of a "
        "row it is TTSCOPE_ITEM_PAUSE_SECONDS.",
    )
    max_audio_seconds: float = Field(
        900.0, gt=0, description="Longest speech of a request, in seconds, as predicted from its phonemes."
    )
    max_body_bytes: int = Field(256 * 1024, ge=1024, description="Largest body of a request, in bytes.")
    max_in_flight: int = Field(
        256,
        ge=1,
        description="Most requests whose audio is being made or waits to be made; one more is refused with 429. A "
        "request whose audio is only being sent does not count.",
    )
    max_unsent_bytes: int = Field(
        512 * 1024 * 1024,
        ge=1024 * 1024,
        description="Memory for audio that waits to be sent, in bytes, as estimated while it is made. A request that "
        "would exceed it is refused with 429.",
    )
    max_client_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of TTSCOPE_MAX_UNSENT_BYTES that one client may use, and of TTSCOPE_MAX_IN_FLIGHT while "
        "other clients send requests. A client is an IPv4 address or an IPv6 network of 64 bits. 1 switches this "
        "limit off.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies, separated by commas, whose TTSCOPE_FORWARDED_HEADER is trusted. "
        "Without it all clients behind a proxy count as one.",
    )
    max_queue_seconds: float = Field(
        900.0, gt=0, description="Most speech that may wait to be made, in estimated seconds; more is refused with 429."
    )
    deadline_seconds: float = Field(
        120.0,
        gt=0,
        description="Time for a non-streamed response, or for the first audio of a stream; then the answer is 504. A "
        "request that is sure to take longer is refused with 429 at once.",
    )
    engine_stall_seconds: float = Field(
        30.0,
        gt=0,
        description="Time for one step of the engine, which normally takes milliseconds; then the engine's process is "
        "killed and restarted. If five times the longest step so far is more, that is the limit, up to four times this "
        "value.",
    )
    max_connections: int = Field(
        4096,
        ge=1,
        description="Most open connections, within the limit of open files (ulimit -Hn, less 256). One more replaces "
        "the connection that has been idle for longest; if none is idle, it gets 503.",
    )
    receive_seconds: float = Field(
        30.0,
        gt=0,
        description="Time for a client to send its headers, from the start of its connection or the first byte of a "
        "later request; the same time again for the body, and first for a TLS handshake. After a response, an idle "
        "connection is kept for 75 s.",
    )
    send_seconds: float = Field(
        60.0,
        gt=0,
        description="Time for a client to take 64 KB of audio, and longest time below TTSCOPE_MIN_SEND_RATE.",
    )
    min_send_rate: float = Field(
        0.75,
        gt=0,
        description="Seconds of audio per second that a client must take, on average over its response; a slower "
        "client is cut off. A client that plays the stream takes 1, so the default leaves a quarter for a bad line and "
        "cuts off a reader at half the pace after three minutes. More than 1 would cut off every client that plays the "
        "stream.",
    )
    cache_header: bool = Field(
        True,
        description="false: responses have no header X-TTS-Cache, which reveals that somebody of the same tenant asked "
        "for the same text before. Timing still reveals it; only TTSCOPE_CACHE_BYTES=0 prevents that.",
    )
    cache_shared: bool = Field(
        False,
        description="true: tenants share cached audio of installed voices, and X-TTS-Cache and timing tell one what "
        "others asked for. Audio of registered voices is never shared.",
    )
    drain_seconds: float = Field(30.0, ge=0, description="Time for requests in flight to finish when the server stops.")
    watchdog_seconds: float = Field(
        60.0,
        ge=0,
        description="The server ends, to be restarted, when its event loop has been blocked for so long; 0 switches "
        "this off.",
    )
    traces_per_second: int = Field(
        5, ge=0, description="Traces kept per second in addition to those of errors and slow requests."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")
    build: str = Field("", description="Name of this build in events: a commit, or an image's tag.")

    @property
    def max_query_bytes(self) -> int:
        """The longest text in a URL, percent-encoded; a text in a URL may not have more bytes than a body."""
        return min(PERCENT_ENCODED * self.max_text_characters, self.max_body_bytes)

    @field_validator("allowed_hosts", "providers", "trusted_proxies", "emotion_tags", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """An empty name is left out: compose.yaml adds the hosts that the operator set to its own."""
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("voice_providers", "remote_voices", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        """Here, since a mistake in what pydantic-settings decodes itself is not reported with the others."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("must be JSON") from None


def load() -> Settings:
    """Reads the environment. Raises SettingsError."""
    standard.tidy()
    return read(Settings, _variable, _conflicts)


def variables() -> dict[str, str]:
    """Every variable and the field it sets."""
    names = sorted(Settings.model_fields, key=lambda name: name not in Settings.__annotations__)  # those of bases last
    return {_variable(name): name for name in names}


def secret_variables() -> frozenset[str]:
    """The variables that hold secrets: no process that the server starts is to have them."""
    fields = Settings.model_fields
    ours = (name for name, field in variables().items() if fields[field].annotation is SecretStr)
    return frozenset({*ours, *SECRETS, *STORE_SECRETS, KEY_VARIABLE})


def unknown_variables() -> list[str]:
    """Returns the variables of our prefix, and of OpenTelemetry's, that set nothing."""
    return [*unknown(PREFIX, {*variables(), *_prefixed_names(), KEY_VARIABLE, FILE_VARIABLE}), *standard.unknown()]


def _prefixed_names() -> set[str]:
    """The variables of our prefix that set a field; pydantic reads them for fields with an alias too."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def _variable(field: object) -> str:
    name = str(field)
    info = Settings.model_fields.get(name)
    if info is None:  # pydantic reports a field with an alias under the alias
        return name
    return str(info.validation_alias) if info.validation_alias else f"{PREFIX}{name.upper()}"


def _conflicts(settings: Settings) -> list[str]:
    problems = []
    if settings.port == settings.management_port != 0:
        problems.append(f"PROMETHEUS_PORT: must differ from TTSCOPE_PORT, both are {settings.port}")
    if settings.agent_check_port and settings.agent_check_port in (settings.port, settings.management_port):
        problems.append("TTSCOPE_AGENT_CHECK_PORT: must differ from TTSCOPE_PORT and PROMETHEUS_PORT")
    problems += settings.web_conflicts()
    problems += settings.wyoming_conflicts((settings.port, settings.management_port, settings.agent_check_port))
    used = {
        *settings.providers,
        *(entry.split(":")[0] for order in settings.voice_providers.values() for entry in order),
    }
    if len(set(settings.providers)) < len(settings.providers):
        problems.append("TTSCOPE_PROVIDERS: names a provider twice")
    if missing := used - set(settings.providers):
        problems.append(f"TTSCOPE_VOICE_PROVIDERS: TTSCOPE_PROVIDERS must name {', '.join(sorted(missing))} too")
    if "remote" in settings.providers and not (settings.remote_url and settings.remote_voices):
        problems.append("TTSCOPE_REMOTE_URL, TTSCOPE_REMOTE_VOICES: both are needed for the provider remote")
    if "xtts" in settings.providers and settings.xtts_dir is None:
        problems.append("TTSCOPE_XTTS_DIR: is needed for the provider xtts")
    problems += settings.ray_conflicts(used="ray" in settings.providers)
    secret = settings.cache_secret.get_secret_value()
    if secret and len(secret) < LEAST_SECRET:
        problems.append(f"TTSCOPE_CACHE_SECRET: must have at least {LEAST_SECRET} characters")
    redis_url = settings.redis_url.get_secret_value()
    if redis_url and not redis_url.startswith(("redis://", "rediss://", "unix://")):
        problems.append("TTSCOPE_REDIS_URL: must begin with redis://, rediss:// or unix://")
    if redis_url and not secret:
        problems.append("TTSCOPE_CACHE_SECRET: is needed with TTSCOPE_REDIS_URL")
    signals = [signal for signal in SIGNALS if signal != "METRICS" or settings.metrics_enabled]
    return problems + otlp.problems(signals)
