"""``python -m server.explain ID``: in a sentence, why a request took its time; by the server, Jaeger or Tempo."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from otel.contract.event_fields import RequestField, stage_field
from otel.contract.values import Cancellation, SlowReason, Stage
from otel.support.api_key import authorization
from otel.trace_store.jaeger import Jaeger
from otel.trace_store.json_over_http import JsonOverHttp
from otel.trace_store.store import TraceSearch, TraceStore, TraceStoreError, one_of, request_attributes
from otel.trace_store.tempo import Tempo
from server.errors import ServerCrashed, error_type

TIMEOUT_SECONDS = 10.0
SEARCH_SECONDS = 14 * 24 * 3600
"""The search window in seconds, equal to the retention of the trace stores."""
TRACE_ID = re.compile(r"[0-9a-f]{32}")
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
Fields = Mapping[str, Any]


def main() -> int:
    """Returns the exit code: 0 if the request was found, 1 if not, 2 if no source responded."""
    parser = argparse.ArgumentParser(prog="python -m server.explain", description=__doc__)
    parser.add_argument("id", type=str.lower, help="the X-Request-ID or the X-Trace-ID of the answer")
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="the server (default %(default)s)")
    parser.add_argument("--jaeger", default="http://127.0.0.1:16686", help="Jaeger (default %(default)s)")
    parser.add_argument("--tempo", default="http://127.0.0.1:3200", help="Tempo (default %(default)s)")
    options = parser.parse_args()
    if not REQUEST_ID.fullmatch(options.id):
        parser.error("ID must be a UUID (X-Request-ID) or 32 hexadecimal digits (X-Trace-ID)")
    stores = []
    sources: tuple[tuple[str, Callable[[], Fields | None]], ...] = (
        ("the server", lambda: from_server(options.url, options.id)),
        ("Jaeger", lambda: from_store(Jaeger(JsonOverHttp(options.jaeger)), options.id)),
        ("Tempo", lambda: from_store(Tempo(JsonOverHttp(options.tempo)), options.id)),
    )
    for name, look_up in sources:
        try:
            fields = look_up()
        except (urllib.error.URLError, TimeoutError, json.JSONDecodeError, TraceStoreError):
            continue
        if fields is not None:
            print(sentence(fields))
            return 0
        stores.append(name)
    if not stores:
        print(
            f"nothing answers: no server at {options.url}, no Jaeger at {options.jaeger}, no Tempo at {options.tempo}",
            file=sys.stderr,
        )
        return 2
    print(
        f"{' and '.join(stores)} do not hold it: errors, slow requests and a few of every second are kept",
        file=sys.stderr,
    )
    return 1


def from_server(url: str, identifier: str) -> Fields | None:
    """Returns the request's fields from the server's memory, or None if it does not have the request."""
    trace = _get(f"{url}/traces/{identifier}")
    roots = [span["attributes"] for span in trace["spans"] if span["kind"] == "SERVER"] if trace else []
    return roots[0] if roots else None


def from_store(store: TraceStore, identifier: str) -> Fields | None:
    """Returns the request's fields from a trace store, or None if it does not have them. Raises TraceStoreError."""
    trace_id = identifier
    if not TRACE_ID.fullmatch(identifier):
        end = time.time() + 60  # includes requests that have just started
        conditions = ((one_of(RequestField.REQUEST_ID, identifier),),)
        traces = store.search(TraceSearch(end - SEARCH_SECONDS, end, conditions, limit=1))
        if not traces:
            return None
        trace_id = traces[0].trace_id
    return request_attributes(store.trace(trace_id))


def sentence(fields: Fields) -> str:
    """Returns the explanation, from the attributes of a SERVER span (see docs/telemetry.md)."""
    return f"{_subject(fields)} {_outcome(fields)}{_shares(fields)}."


def _subject(fields: Fields) -> str:
    voice = f", {fields[RequestField.VOICE_NAME]}" if RequestField.VOICE_NAME in fields else ""
    words = f", {fields[RequestField.WORD_COUNT_RANGE]} words" if RequestField.WORD_COUNT_RANGE in fields else ""
    return f"Request {fields[RequestField.REQUEST_ID]} ({fields[RequestField.ENDPOINT]}{voice}{words})"


def _outcome(fields: Fields) -> str:
    if fields[RequestField.OUTCOME] == "rejected":
        return f"was refused as {fields[RequestField.ERROR_TYPE]} before any synthesis"
    if RequestField.CANCELLATION in fields:
        return f"was given up: {Cancellation(str(fields[RequestField.CANCELLATION])).meaning}"
    if fields[RequestField.OUTCOME] == "cancelled":  # a trace of an earlier version
        return "was given up, since the client left or stopped reading"
    if fields.get(RequestField.ERROR_TYPE) == error_type(ServerCrashed):
        return "was lost when the server crashed: it was in flight then, and its connection was cut"
    if RequestField.DURATION not in fields:
        return f"ended as {fields[RequestField.OUTCOME]}"
    duration = float(fields[RequestField.DURATION])
    failed = f" and failed as {fields[RequestField.ERROR_TYPE]}" if RequestField.ERROR_TYPE in fields else ""
    return f"took {_seconds(duration)}{failed}{_comparison(fields, duration)}{_source(fields)}"


def _source(fields: Fields) -> str:
    """Returns the source of the audio, or an empty string for the usual one."""
    if fields.get(RequestField.CACHE) == "hit":
        return ", with audio from the cache"
    if fields.get(RequestField.CACHE) == "coalesced":
        return ", with audio that was being made for an equal request"
    if RequestField.FALLBACK_FROM in fields and RequestField.PROVIDER in fields:
        failed, reason = fields[RequestField.FALLBACK_FROM], fields[RequestField.FALLBACK_REASON]
        return f", spoken by {fields[RequestField.PROVIDER]} instead of {failed} ({reason})"
    return ""


def _comparison(fields: Fields, duration: float) -> str:
    reason = fields.get(RequestField.SLOW_REASON)
    because = f", because {SlowReason(reason).meaning}" if reason else ""
    if RequestField.USUAL_DURATION not in fields:
        return because
    usual = float(fields[RequestField.USUAL_DURATION])
    times = duration / usual
    if not reason and 0.67 < times < 1.5:
        return f", about as usual for its range ({_seconds(usual)})"
    return f", {times:.1f} times the usual {_seconds(usual)} of its range{because}"


def _shares(fields: Fields) -> str:
    """Returns the stages' shares of the time. It omits the send stage: the duration excludes sending at the end."""
    spent = {
        stage: float(fields[stage_field(stage)])
        for stage in Stage
        if stage is not Stage.SEND and stage_field(stage) in fields
    }
    total = sum(spent.values())
    shares = sorted(((seconds, stage) for stage, seconds in spent.items() if seconds >= 0.01 * total), reverse=True)
    if not total or fields[RequestField.OUTCOME] == "rejected":
        return ""
    return ": " + ", ".join(f"{stage} {seconds / total:.0%} ({_seconds(seconds)})" for seconds, stage in shares)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


def _get(url: str) -> Any:
    """Returns the JSON at ``url``, or None for 404. Raises URLError for any other HTTP or connection error."""
    if not url.startswith(("http://", "https://")):
        raise urllib.error.URLError("only http")
    request = urllib.request.Request(url, headers={"Accept": "application/json", **authorization()})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


if __name__ == "__main__":
    sys.exit(main())
