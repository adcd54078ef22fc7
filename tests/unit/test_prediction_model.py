"""The file of a prediction model: what is read is what was written, and no hostile file is used."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel.prediction.__main__ import main
from otel.prediction.features import TERMS, VECTOR
from otel.prediction.model_file import (
    LEAF,
    MOST_BYTES,
    MOST_NODES,
    MOST_TREES,
    ModelInvalid,
    PredictionModel,
    _checksum,
    decode,
    encode,
    read,
)
from tests.prediction_models import STUMP, features, forest, model, record

Change = Callable[[dict[str, Any]], None]


def test_a_model_survives_its_file() -> None:
    forests = {**record().forests, "duration_p50": forest(0.1, 0.125, (STUMP, STUMP))}
    written = record(forests=forests)
    there = decode(encode(written).encode())
    assert there.record == written
    for streamed in (False, True):
        own = features(streamed=streamed)
        assert there.predict(own, "model") == PredictionModel.of(written).predict(own, "model")


def test_a_prediction_is_the_linear_part_times_the_trees() -> None:
    own = features(phonemes=200, throughput=4.0)
    there = PredictionModel.of(record(forests={**record().forests, "duration_p50": forest(0.1, 0.125, (STUMP,))}))
    assert there.predict(own, "model").duration.p50 == pytest.approx(0.1 * 200 / 4 * math.exp(0.125 + 0.25))
    stream = there.predict(features(phonemes=200, throughput=4.0, streamed=True), "model")
    assert stream.duration.p50 == pytest.approx(0.1 * 200 / 4 * math.exp(0.125 - 0.5))


def test_the_p95_is_never_below_the_median() -> None:
    crossed = {**record().forests, "duration_p95": forest(0.01)}
    prediction = PredictionModel.of(record(forests=crossed)).predict(features(), "model")
    assert prediction.duration.p95 == prediction.duration.p50


def test_a_whole_answer_has_its_first_audio_at_its_end() -> None:
    first = {**record().forests, "first_audio_p50": forest(0.001), "first_audio_p95": forest(0.002)}
    there = PredictionModel.of(record(forests=first))
    whole, stream = (there.predict(features(streamed=streamed), "model") for streamed in (False, True))
    assert whole.first_audio == whole.duration
    assert stream.first_audio.p50 < stream.duration.p50


def test_names_that_the_model_has_not_seen_are_taken_as_one() -> None:
    voice = VECTOR.index("voice")
    vectors = [
        model().record.voices and features(voice=name).vector(model().codes)[voice] for name in ("joe", "x", "y")
    ]
    assert vectors == [0.0, -1.0, -1.0]


def _forest(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["forests"]["duration_p50"]
    return found


def _tree(document: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = STUMP.model_dump()
    _forest(document)["trees"] = [tree]
    return tree


def _cycle(document: dict[str, Any]) -> None:
    tree = _tree(document)
    tree["feature"][1] = 0
    tree["left"][1], tree["right"][1] = 0, 2


def _two_parents(document: dict[str, Any]) -> None:
    _tree(document)["right"][0] = 1


def _outside(document: dict[str, Any]) -> None:
    _tree(document)["left"][0] = 99


def _unknown_feature(document: dict[str, Any]) -> None:
    _tree(document)["feature"][0] = len(VECTOR)


def _text_as_number(document: dict[str, Any]) -> None:
    _tree(document)["value"][0] = "0.5"


def _enormous_leaf(document: dict[str, Any]) -> None:
    _tree(document)["value"][1] = 1e300


def _uneven(document: dict[str, Any]) -> None:
    _tree(document)["value"].append(1.0)


def _many_nodes(document: dict[str, Any]) -> None:
    tree = _tree(document)
    for key, value in (("feature", LEAF), ("value", 0.0), ("left", 0), ("right", 0)):
        tree[key] += [value] * MOST_NODES


def _many_trees(document: dict[str, Any]) -> None:
    tree = STUMP.model_dump()
    _forest(document)["trees"] = [tree] * (MOST_TREES + 1)


def _negative_weight(document: dict[str, Any]) -> None:
    _forest(document)["weights"][0] = -1.0


def _few_weights(document: dict[str, Any]) -> None:
    _forest(document)["weights"] = [1.0] * (len(TERMS) - 1)


def _no_forest(document: dict[str, Any]) -> None:
    del document["forests"]["audio_p50"]


def _another_member(document: dict[str, Any]) -> None:
    document["command"] = "rm"


def _huge_integer(document: dict[str, Any]) -> None:
    _forest(document)["intercept"] = 10**400


@pytest.mark.parametrize(
    "change",
    [
        _cycle, _two_parents, _outside, _unknown_feature, _text_as_number, _enormous_leaf, _uneven, _many_nodes,
        _many_trees, _negative_weight, _few_weights, _no_forest, _another_member, _huge_integer,
    ],
)  # fmt: skip
def test_a_model_that_is_not_one_is_refused(change: Change) -> None:
    document = json.loads(encode(record()))["model"]
    change(document)
    content = json.dumps({"schema": 1, "checksum": _checksum(document), "model": document})
    with pytest.raises(ModelInvalid):
        decode(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"schema": 1}',
        b"[" * 100_000,
        b'{"schema": 1, "checksum": "", "model": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"schema": 1, "checksum": "", "model": NaN}',
        b" " * (MOST_BYTES + 1),
        encode(record()).replace('"schema": 1', '"schema": 2').encode(),
        encode(record()).replace('"rows": 1000', '"rows": 1001').encode(),
        encode(record()).replace('"intercept": 0.0', '"intercept": 1e999').encode(),
    ],
)
def test_a_file_that_is_not_a_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelInvalid):
        decode(content)


def test_no_message_repeats_the_file() -> None:
    document = json.loads(encode(record()))["model"]
    document["canary"] = "canary"
    with pytest.raises(ModelInvalid) as caught:
        decode(json.dumps({"schema": 1, "checksum": _checksum(document), "model": document}).encode())
    assert "canary" not in str(caught.value)


def test_only_a_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path / "nothing") is None
    with pytest.raises((ModelInvalid, OSError)):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelInvalid):
        read(tmp_path / "pipe")


def test_the_command_describes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.json"
    assert main([str(path)]) == 1
    path.write_text(encode(record()))
    assert main([str(path)]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["rows"] == 1000
    assert described["evaluation_microseconds"] > 0
