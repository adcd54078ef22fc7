"""Reads the OTEL_* variables: which signals are exported over OTLP, where to, how, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from otel.sdk import honoured_variables as defaults
from otel.sdk.variable_rules import MOST, SIGNALS, Signal
from otel.sdk.variables import VARIABLES, value

GRPC, HTTP = "grpc", "http/protobuf"
EXPORT_TIMEOUTS: dict[Signal, str] = {
    "TRACES": "OTEL_BSP_EXPORT_TIMEOUT",
    "METRICS": "OTEL_METRIC_EXPORT_TIMEOUT",
    "LOGS": "OTEL_BLRP_EXPORT_TIMEOUT",
}
QUEUES: dict[Signal, str] = {"TRACES": "OTEL_BSP", "LOGS": "OTEL_BLRP"}
SCHEMES = "must begin with http:// or, for TLS, https://, such as http://collector:4317"


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how a signal is exported."""

    protocol: str
    endpoint: str
    """For gRPC what the variable says; for HTTP the URL that takes the signal."""
    plain: bool
    """Whether there is no TLS."""
    headers: dict[str, str]
    gzip: bool
    seconds: float
    """The time for one export, including its retries."""
    certificate: str | None
    """The path of the certificates to trust; None for the default."""
    client_key: str | None
    client_certificate: str | None


def target(signal: Signal) -> Target:
    """Returns the target of ``signal``. Call it only if ``problems`` finds none."""
    endpoint, protocol = _endpoint(signal)[1], _protocol(signal)
    insecure = (_option(signal, "INSECURE") or "").lower() == "true"
    seconds = float(_option(signal, "TIMEOUT") or defaults.EXPORT_SECONDS)
    return Target(
        protocol,
        endpoint,
        plain=insecure if "://" not in endpoint else endpoint.lower().startswith("http://"),
        headers=dict(parse_env_headers(_option(signal, "HEADERS") or "", liberal=True)),
        gzip=(_option(signal, "COMPRESSION") or "").lower() == "gzip",
        seconds=min(seconds, _export_timeout_millis(signal) / 1000),
        certificate=_option(signal, "CERTIFICATE"),
        client_key=_option(signal, "CLIENT_KEY"),
        client_certificate=_option(signal, "CLIENT_CERTIFICATE"),
    )


def otlp_enabled(signal: Signal) -> bool:
    """Returns whether the standard variables enable the export of ``signal``."""
    exporter = _lower(f"OTEL_{signal}_EXPORTER")
    return not sdk_disabled() and exporter != "none" and (exporter == "otlp" or bool(_option(signal, "ENDPOINT")))


def metric_interval() -> float:
    """Returns the milliseconds between exports of metrics."""
    return float(value("OTEL_METRIC_EXPORT_INTERVAL") or defaults.METRIC_INTERVAL_MILLIS)


def metric_timeout() -> float:
    """Returns the milliseconds for one collection, and for one export, of metrics."""
    return float(_export_timeout_millis("METRICS"))


def fixed_sampling() -> bool | None:
    """Returns the decision on every trace, by OTEL_TRACES_SAMPLER; None if each is decided by its request."""
    return {"always_on": True, "always_off": False}.get(_lower("OTEL_TRACES_SAMPLER"))


def sdk_disabled() -> bool:
    """Returns whether OTEL_SDK_DISABLED disables everything."""
    return _lower("OTEL_SDK_DISABLED") == "true"


def problems(signals: Iterable[Signal] = SIGNALS) -> list[str]:
    """Returns the errors in the standard variables; each line begins with a variable's name, and has no value.

    ``signals`` are those that the program makes. What concerns only signals that are switched off is not checked.
    """
    if sdk_disabled():
        return []
    on = [signal for signal in signals if _lower(f"OTEL_{signal}_EXPORTER") != "none"]
    lines = [
        problem
        for variable in VARIABLES.values()
        if not variable.signals or set(variable.signals) & set(on)
        if (text := value(variable.name)) and (problem := variable.problem(text))
    ]
    for signal in on:
        lines += [*_endpoint_problems(signal), *_client_problems(signal), *_queue_problems(signal)]
    return list(dict.fromkeys(lines))


def _endpoint_problems(signal: Signal) -> Iterator[str]:
    name, endpoint = _endpoint(signal)
    protocol = _protocol(signal)
    if not re.match("https?://", endpoint, re.IGNORECASE):
        if protocol != GRPC:
            yield f"{name}: {SCHEMES.replace('4317', '4318')}"
        elif _option(signal, "INSECURE") is None:
            yield f"{name}: {SCHEMES}; without a scheme, OTEL_EXPORTER_OTLP_INSECURE must say whether there is TLS"
        elif not re.fullmatch(r"[\w.-]+:\d{1,5}|\[[0-9A-Fa-f:.]+\]:\d{1,5}", endpoint):
            yield f"{name}: must be HOST:PORT, or a URL that begins with http:// or https://"
        return
    try:
        url = urlsplit(endpoint)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or re.search(r"\s", endpoint):
        yield f"{name}: must be a URL with a host, and a port from 1 to 65535"
    elif "@" in url.netloc:
        yield f"{name}: must have no user and password: set OTEL_EXPORTER_OTLP_HEADERS"
    elif url.query or url.fragment:
        yield f"{name}: must have no query and no fragment"
    elif protocol == GRPC and url.path not in {"", "/"}:
        yield f"{name}: must have no path for gRPC: leave it out, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"


def _client_problems(signal: Signal) -> Iterator[str]:
    if bool(_option(signal, "CLIENT_KEY")) != bool(_option(signal, "CLIENT_CERTIFICATE")):
        yield "OTEL_EXPORTER_OTLP_CLIENT_KEY, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: both are needed for mutual TLS"


def _queue_problems(signal: Signal) -> Iterator[str]:
    if queue := QUEUES.get(signal):
        size, batch = f"{queue}_MAX_QUEUE_SIZE", f"{queue}_MAX_EXPORT_BATCH_SIZE"
        if _whole(batch, defaults.BATCH_SIZE) > _whole(size, defaults.QUEUE_SIZE):
            unset = f"unless set, they are {defaults.BATCH_SIZE} and {defaults.QUEUE_SIZE}"
            yield f"{batch}: must not be more than {size}; {unset}"


def _endpoint(signal: Signal) -> tuple[str, str]:
    """Returns the variable that sets the signal's endpoint, and the endpoint."""
    own, general = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    if endpoint := value(own):
        return own, endpoint
    endpoint = value(general)
    if _protocol(signal) == GRPC:
        return general, endpoint or "http://localhost:4317"
    return general, f"{(endpoint or 'http://localhost:4318').rstrip('/')}/v1/{signal.lower()}"


def _protocol(signal: Signal) -> str:
    return (_option(signal, "PROTOCOL") or GRPC).lower()


def _option(signal: Signal, option: str) -> str | None:
    return value(f"OTEL_EXPORTER_OTLP_{signal}_{option}") or value(f"OTEL_EXPORTER_OTLP_{option}")


def _export_timeout_millis(signal: Signal) -> int:
    """Returns the limit of one export beside OTEL_EXPORTER_OTLP_TIMEOUT; 0 in the variable means none."""
    return _whole(EXPORT_TIMEOUTS[signal], defaults.EXPORT_TIMEOUT_MILLIS) or MOST


def _whole(name: str, default: int) -> int:
    text = value(name) or ""
    return int(text) if VARIABLES[name].rule.fits(text) else default


def _lower(name: str) -> str:
    return (value(name) or "").lower()
