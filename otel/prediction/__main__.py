"""``python -m otel.prediction FILE``: what a model was trained on, how it was judged, and how long it takes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from otel.prediction.features import RequestFeatures
from otel.prediction.model_file import ModelInvalid, PredictionModel, read

EVALUATIONS = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a model as JSON; returns 1 if it can't be used."""
    parser = argparse.ArgumentParser(prog="python -m otel.prediction", description=__doc__)
    parser.add_argument("file", type=Path)
    path = parser.parse_args(arguments).file
    try:
        model = read(path)
    except (ModelInvalid, OSError) as error:
        model, reason = None, str(error)
    else:
        reason = "there is no such file"
    if model is None:
        print(f"{path}: {reason}", file=sys.stderr)
        return 1
    print(json.dumps(describe(model), indent=1))
    return 0


def describe(model: PredictionModel) -> dict[str, object]:
    """Returns what is worth knowing of a model."""
    return {
        **model.record.model_dump(mode="json", exclude={"forests", "categories"}),
        "trees": sum(len(forest.trees) for forest in model.record.forests.values()),
        "evaluation_microseconds": round(1e6 * evaluation_seconds(model), 1),
    }


def evaluation_seconds(model: PredictionModel, evaluations: int = EVALUATIONS) -> float:
    """Returns the median of the seconds that a prediction takes, over requests of all lengths."""
    names = {category: next(iter(codes), "") for category, codes in model.codes.items()}
    requests = [
        RequestFeatures(
            words=words,
            characters=6 * words,
            phonemes=7 * words,
            speed=1.0,
            streamed=streamed,
            audio_ahead=audio,
            requests_ahead=int(audio / 10),
            throughput=10.0,
            voice=names["voice"],
            language=names["language"],
            response_format=names["response_format"],
            device=names["device"],
        )
        for words in (3, 20, 80, 400)
        for streamed in (False, True)
        for audio in (0.0, 100.0)
    ]
    times = []
    for number in range(evaluations):
        features = requests[number % len(requests)]
        start = time.perf_counter()
        model.predict(features, "")
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    sys.exit(main())
