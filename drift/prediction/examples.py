"""The examples of a training: requests whose audio was made, with the features that were known on their arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from otel.contract.ranges import WORDS
from otel.prediction.features import CATEGORIES, VECTOR, CategoryName, RequestFeatures

Floats = npt.NDArray[np.float64]
DAY_SECONDS = 86_400.0
MADE = ("miss", "bypass")
"""The cache results of audio that was made for the request itself."""
NEEDED = (
    "words", "characters", "phonemes", "speed", "streamed", "audio_ahead", "requests_ahead", "throughput", "voice",
    "voice_checksum", "language", "response_format", "device", "build", "duration", "time_to_first_audio",
    "audio_duration",
)  # fmt: skip
"""The fields without which a row is no example. Rows of older servers lack some."""
POSITIVE = ("phonemes", "speed", "throughput", "duration", "time_to_first_audio", "audio_duration")
Target = str
TARGETS: Mapping[Target, str] = {
    "audio": "audio_duration",
    "duration": "duration",
    "first_audio": "time_to_first_audio",
}
"""What is predicted, and the row's field that has it."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Requests in order of time."""

    features: Sequence[RequestFeatures]
    seconds: Mapping[Target, Floats]
    """What each target was."""
    times: Floats
    """Unix seconds."""
    build: str
    checksums: Mapping[str, str]
    """Of the voices."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def terms(self) -> Floats:
        """The terms of each request, of shape (requests, len(TERMS))."""
        return np.array([features.terms() for features in self.features], dtype=np.float64)

    @property
    def word_ranges(self) -> npt.NDArray[np.str_]:
        """The range of words of each request."""
        return np.array([WORDS.label(features.words) for features in self.features])

    def vectors(self, categories: Mapping[CategoryName, Sequence[str]]) -> Floats:
        """Returns the vector of each request, of shape (requests, len(VECTOR))."""
        codes: dict[str, dict[str, float]] = {
            name: {value: float(number) for number, value in enumerate(values)} for name, values in categories.items()
        }
        rows = [features.vector(codes) for features in self.features]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(VECTOR))

    def categories(self, by: Floats) -> dict[CategoryName, list[str]]:
        """Returns the names of each category in the order of the mean of ``by``, so that one threshold parts slow names
        from fast ones."""
        ordered: dict[CategoryName, list[str]] = {}
        for category in CATEGORIES:
            names = np.array([getattr(features, category) for features in self.features])
            ordered[category] = sorted(set(names.tolist()), key=lambda name: (float(by[names == name].mean()), name))
        return ordered

    def span(self, start: float, stop: float) -> Examples:
        """Returns the examples from the share ``start`` to the share ``stop`` of all, by time."""
        first, last = round(start * len(self)), round(stop * len(self))
        return self.where(np.arange(len(self)) >= first, np.arange(len(self)) < last)

    def where(self, *conditions: npt.NDArray[np.bool_]) -> Examples:
        """Returns the examples for which all conditions hold."""
        chosen = np.flatnonzero(np.logical_and.reduce(conditions))
        return Examples(
            [self.features[place] for place in chosen.tolist()],
            {target: seconds[chosen] for target, seconds in self.seconds.items()},
            self.times[chosen],
            self.build,
            self.checksums,
        )


def examples_of(rows: pd.DataFrame) -> Examples:
    """Returns the examples among rows.

    They are of one build, the one that answered most requests of the last day, and of the newest checksum of each
    voice: how fast others were says nothing about the next request. A request that fell back to another provider, or
    that has no features because an older server answered it, is no example.
    """
    made = rows[
        (rows["outcome"] == "ok") & rows["cache"].isin(MADE) & rows["fallback_from"].isna() & (rows["streamed"].notna())
    ].dropna(subset=list(NEEDED))
    for name in POSITIVE:
        made = made[made[name] > 0]
    made = made[(made["audio_ahead"] >= 0) & (made["requests_ahead"] >= 0) & (made["words"] >= 0)]
    if made.empty:
        return Examples([], {target: np.zeros(0) for target in TARGETS}, np.zeros(0), "", {})
    made = made.sort_values("time", kind="stable")
    recent = made[made["time"] > made["time"].iloc[-1] - pd.Timedelta(seconds=DAY_SECONDS)]
    build = str(recent["build"].value_counts().index[0])
    made = made[made["build"] == build]
    newest = made.groupby("voice")["voice_checksum"].last()
    made = made[made["voice_checksum"] == made["voice"].map(newest)]
    return Examples(
        [_features(row) for row in made.to_dict("records")],
        {target: made[field].to_numpy(np.float64) for target, field in TARGETS.items()},
        made["time"].astype("int64").to_numpy(np.float64) / _per_second(made["time"]),
        build,
        {str(voice): str(checksum) for voice, checksum in newest.items()},
    )


def _per_second(times: pd.Series) -> float:
    """Returns the ticks per second of a column of times, whose resolution depends on where it came from."""
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[str(times.dt.unit)]


def _features(row: Mapping[str, object]) -> RequestFeatures:
    return RequestFeatures(
        words=int(str(row["words"])),
        characters=int(str(row["characters"])),
        phonemes=int(str(row["phonemes"])),
        speed=float(str(row["speed"])),
        streamed=bool(row["streamed"]),
        audio_ahead=float(str(row["audio_ahead"])),
        requests_ahead=int(str(row["requests_ahead"])),
        throughput=float(str(row["throughput"])),
        voice=str(row["voice"]),
        language=str(row["language"]),
        response_format=str(row["response_format"]),
        device=str(row["device"]),
    )
