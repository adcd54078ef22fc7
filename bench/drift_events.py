"""Generates a day of events in the format of the Collector's file exporter: OTLP JSON, a batch a line, files of 50 MB.

A server would need weeks for ten million requests. A generated event has the same attributes, order and size (2.4 kB
for a synthesized clip) as ttscope's, and different numbers in each.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

FILE_BYTES = 50_000_000
BATCH = 512
"""The number of events in a line: the SDK sends as many at once."""
DUPLICATE_SHARE = 0.001
"""The share of batches that are delivered twice, as when the response to the first attempt is lost."""
NIGHT_SHARE = 0.4
"""The requests of the quietest hour relative to the average hour; the busiest has as many more."""
RESOURCE = {
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.1",
    "service.instance.id": "8e57cbf2-4d47-432d-8118-13d53ed651c0",
    "service.name": "ttscope",
    "service.version": "0.1.0",
}
STAGES = ("normalize", "queue", "phonemize", "infer", "decode", "encode", "send")


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that differs between events: its column, and its format."""

    column: str
    form: str = "%.17g"


VOICE: dict[str, Any] = {
    "tts.voice_name": "joe",
    "tts.voice_checksum": "3b306da7cf91d911a9821dd1ba3f5b00189d3e6c93f29d44ce551b50d8b3e942",
    "tts.language": "en",
    "tts.word_count": Slot("words", "%d"),
    "tts.word_count_range": "26-50",
    "tts.char_count": Slot("characters", "%d"),
    "tts.char_count_range": "101-200",
    "tts.speed": 1.0,
}


def event(status: int, outcome: str, features: dict[str, Any]) -> dict[str, Any]:
    """Returns all attributes of an event, in the server's order."""
    return {
        "gen_ai.operation.name": "text_to_speech",
        "tts.request_id": Slot("id", "%s"),
        "tts.endpoint": "/tts",
        "tts.method": "POST",
        "tts.status_code": status,
        "tts.outcome": outcome,
        **features,
        "tts.client": "anonymous",
        "tts.build": "0.1.0",
        **VOICE,
    }


def audio_features(cache: str) -> dict[str, Any]:
    """Returns the attributes of an answer with audio."""
    return {
        "tts.streamed": True,
        "tts.duration": Slot("duration"),
        "tts.time_to_first_audio": Slot("first"),
        "tts.stream_underrun": 0.0,
        "tts.audio_duration": Slot("audio"),
        "tts.chunks": 7,
        "tts.provider": "coqui",
        "tts.cache": cache,
    }


GENERATED = {
    **event(200, "ok", {**audio_features("miss"), "tts.real_time_factor": Slot("factor")}),
    "tts.loudness": Slot("loudness"),
    "tts.silence_share": Slot("silence"),
    "tts.clipping_share": 0.0,
    "tts.seconds_per_character": Slot("pace"),
    **{f"tts.stage.{stage}": Slot(f"stage {stage}", "%.9f") for stage in STAGES},
    "tts.usual_duration": Slot("usual"),
}
HIT = {**event(200, "ok", audio_features("hit")), "tts.stage.normalize": Slot("stage normalize", "%.9f")}
REJECTED = event(
    429,
    "rejected",
    {"tts.error_type": "queue_full", "tts.streamed": False, "tts.audio_duration": 0.0, "tts.cache": "bypass"},
)
SHARES = ((GENERATED, 0.75), (HIT, 0.2), (REJECTED, 0.05))


class Template:
    """The JSON of an event, with slots for the values that differ."""

    def __init__(self, features: dict[str, Any]) -> None:
        slots = [Slot("time", "%d"), Slot("observed", "%d")]
        parts = []
        for key, value in features.items():
            kind = value_kind(value)
            if isinstance(value, Slot):
                slots.append(value)
                text = value.form if kind == "doubleValue" else f'"{value.form}"'
            else:
                text = json.dumps(str(value) if kind == "intValue" else value)
            parts.append(f'{{"key":"{key}","value":{{"{kind}":{text}}}}}')
        slots += [Slot("trace", "%s"), Slot("span", "%s")]
        self._columns = [slot.column for slot in slots]
        self._text = (
            '{"timeUnixNano":"%d","observedTimeUnixNano":"%d","severityNumber":9,"severityText":"INFO",'
            f'"eventName":"tts.request","attributes":[{",".join(parts)}],"traceId":"%s","spanId":"%s"}}'
        )

    def fill(self, columns: dict[str, list[Any]]) -> list[str]:
        """Returns an event for each row of the columns."""
        return [self._text % values for values in zip(*(columns[name] for name in self._columns), strict=True)]


def value_kind(value: Any) -> str:
    """Returns OTLP's name of the value's type."""
    if isinstance(value, Slot):
        return {"%s": "stringValue", "%d": "intValue"}.get(value.form, "doubleValue")
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return kinds[type(value)]


TEMPLATES = tuple((Template(features), share) for features, share in SHARES)
_RESOURCE = ",".join(f'{{"key":"{key}","value":{{"stringValue":"{value}"}}}}' for key, value in RESOURCE.items())
_BEGIN = f'{{"resourceLogs":[{{"resource":{{"attributes":[{_RESOURCE}]}},"scopeLogs":[{{"scope":{{}},"logRecords":['
_END = "]}]}]}\n"


def hourly_requests(total: int) -> list[int]:
    """Returns the number of requests in each hour of a day: lowest at night, highest at noon."""
    weights = [1 + (1 - NIGHT_SHARE) * math.sin(2 * math.pi * (hour - 6) / 24) for hour in range(24)]
    edges = [round(total * sum(weights[:hour]) / sum(weights)) for hour in range(25)]
    return [high - low for low, high in itertools.pairwise(edges)]


def write_hour(folder: Path, start: datetime, count: int, seed: int) -> int:
    """Writes the events of an hour in order of time, and returns how many were delivered twice."""
    rng = np.random.default_rng(seed)
    start_seconds, step = start.timestamp(), timedelta(hours=1).total_seconds() / count
    copies, low = 0, 0
    for number in itertools.count():
        if low >= count:
            break
        with (folder / f"requests-{start:%Y-%m-%dT%H}-{number:03}.jsonl").open("w", encoding="utf-8") as file:
            while low < count and file.tell() < FILE_BYTES:
                size = min(BATCH, count - low)
                repeats = int(rng.random() < DUPLICATE_SHARE)
                file.write(_line(rng, start_seconds + low * step, step, size) * (1 + repeats))
                copies += size * repeats
                low += size
    return copies


def _line(rng: np.random.Generator, begin: float, step: float, size: int) -> str:
    columns = _columns(rng, begin, step, size)
    events: list[str] = []
    for template, share in TEMPLATES:
        low = len(events)
        high = size if template is TEMPLATES[-1][0] else min(size, low + math.ceil(size * share))
        events += template.fill({name: values[low:high] for name, values in columns.items()})
    return _BEGIN + ",".join(events) + _END


def _columns(rng: np.random.Generator, begin: float, step: float, size: int) -> dict[str, list[Any]]:
    words = rng.lognormal(3.4, 0.6, size).astype(int) + 1
    pace = rng.normal(0.052, 0.004, size)
    characters = words * 6
    audio = characters * pace
    duration = audio * rng.lognormal(-2.1, 0.4, size)
    time = ((begin + (np.arange(size) + rng.random(size)) * step) * 1e9).astype(np.int64)
    hexes = rng.bytes(16 * size).hex()
    names = [hexes[place : place + 32] for place in range(0, len(hexes), 32)]
    arrays = {
        "time": time,
        "observed": time + 20_000,
        "words": words,
        "characters": characters,
        "pace": pace,
        "audio": audio,
        "duration": duration,
        "first": duration * 0.3,
        "factor": duration / audio,
        "usual": duration * rng.lognormal(0, 0.1, size),
        "loudness": rng.normal(-22, 1.5, size),
        "silence": rng.beta(4, 30, size),
        **{f"stage {stage}": duration * rng.random(size) / len(STAGES) for stage in STAGES},
    }
    return {
        **{name: array.tolist() for name, array in arrays.items()},
        "id": [f"{name[:8]}-{name[8:12]}-4{name[13:16]}-{name[16:20]}-{name[20:]}" for name in names],
        "trace": names,
        "span": [name[:16] for name in names],
    }
