"""The file of a trained model: JSON with a version and a checksum, read as hostile input.

Whoever can write the file decides what the server predicts, but no more: its size, its numbers, and the steps of an
evaluation are bounded, and a node's children come after it, so that no tree has a cycle.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from otel.prediction.features import (
    CATEGORIES,
    TERMS,
    VECTOR,
    CategoryName,
    Prediction,
    Quantiles,
    RequestFeatures,
)
from otel.prediction.forest import Forest, Node

SCHEMA = 1
"""The version of the file: raised when its meaning changes. A reader refuses any other."""
MOST_BYTES = 1 << 20
MOST_TREES = 64
"""The most trees of a forest."""
MOST_NODES = 63
"""The most nodes of a tree."""
MOST_NAMES = 1000
"""The most names of a category, voices and builds."""
LEAF = -1
"""The feature of a leaf."""
ForestName = Literal["audio_p50", "duration_p50", "duration_p95", "first_audio_p50", "first_audio_p95"]
"""What a forest predicts."""
FORESTS: tuple[ForestName, ...] = get_args(ForestName)

Number = Annotated[float, Field(allow_inf_nan=False)]
Logarithm = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]


class ModelInvalid(Exception):
    """The file is not a model that can be used. The message says why, and repeats nothing of the file."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TreeNodes(_Record):
    """A tree: its nodes by number, the root first."""

    feature: list[Annotated[int, Field(ge=LEAF, lt=len(VECTOR))]] = Field(min_length=1, max_length=MOST_NODES)
    """The position in VECTOR; LEAF for a leaf."""
    value: list[Number] = Field(min_length=1, max_length=MOST_NODES)
    """The threshold of a split, up to which a request goes to the left; or the logarithm that a leaf adds."""
    left: list[int] = Field(min_length=1, max_length=MOST_NODES)
    """The numbers of the children; of a leaf 0."""
    right: list[int] = Field(min_length=1, max_length=MOST_NODES)

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        count = len(self.feature)
        if not count == len(self.value) == len(self.left) == len(self.right):
            raise ValueError("a tree has one feature, value, left and right for each node")
        children = []
        for number, feature in enumerate(self.feature):
            if feature != LEAF:
                children += [self.left[number], self.right[number]]
                if not number < self.left[number] < count or not number < self.right[number] < count:
                    raise ValueError("the children of a node are nodes that come after it")
            elif abs(self.value[number]) > 20:
                raise ValueError("a leaf is a logarithm between -20 and 20")
        if sorted(children) != list(range(1, count)):
            raise ValueError("every node but the root has one parent")
        return self

    def nested(self) -> Node:
        """Returns the tree as nested tuples."""
        nodes: dict[int, Node] = {}
        for number in reversed(range(len(self.feature))):
            feature, value = self.feature[number], self.value[number]
            if feature == LEAF:
                nodes[number] = value
            else:
                nodes[number] = (feature, value, nodes[self.left[number]], nodes[self.right[number]])
        return nodes[0]


class ForestRecord(_Record):
    """A forest, as in the file."""

    intercept: Logarithm
    weights: list[Weight] = Field(min_length=len(TERMS), max_length=len(TERMS))
    trees: list[TreeNodes] = Field(max_length=MOST_TREES)

    def compiled(self) -> Forest:
        """Returns what evaluates it."""
        return Forest(self.intercept, tuple(self.weights), tuple(tree.nested() for tree in self.trees))


class ModelRecord(_Record):
    """A model, as in the file."""

    id: Name
    created: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
    """Unix seconds."""
    trained_until: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
    """Unix seconds of the newest request that it was judged on."""
    rows: Annotated[int, Field(ge=0)]
    """The requests that it was trained and judged on."""
    builds: Names
    """The builds of the server that made them."""
    voices: dict[Name, Name] = Field(max_length=MOST_NAMES)
    """The checksum of each voice."""
    categories: dict[CategoryName, Names]
    forests: dict[ForestName, ForestRecord]
    judgement: dict[Name, Number] = Field(max_length=100)
    """The figures of the held-out requests: losses, coverage, errors."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if set(self.categories) != set(CATEGORIES) or set(self.forests) != set(FORESTS):
            raise ValueError("a model has all categories and all forests")
        return self


@dataclass(frozen=True, slots=True)
class PredictionModel:
    """A model that can be evaluated."""

    record: ModelRecord
    codes: Mapping[str, Mapping[str, float]]
    forests: Mapping[str, Forest]

    @classmethod
    def of(cls, record: ModelRecord) -> PredictionModel:
        """Compiles the trees of a record."""
        codes: dict[str, dict[str, float]] = {
            category: {name: float(number) for number, name in enumerate(names)}
            for category, names in record.categories.items()
        }
        return cls(record, codes, {name: forest.compiled() for name, forest in record.forests.items()})

    def predict(self, features: RequestFeatures, predictor: str) -> Prediction:
        """Returns the prediction for a request; ``predictor`` is the name that it goes by."""
        vector, terms = features.vector(self.codes), features.terms()
        audio, p50, p95, first_p50, first_p95 = (self.forests[name].predict(vector, terms) for name in FORESTS)
        duration = Quantiles(p50, max(p50, p95))
        first = Quantiles(first_p50, max(first_p50, first_p95)) if features.streamed else duration
        return Prediction(features, predictor, audio, duration, first)


def encode(record: ModelRecord) -> str:
    """Returns the text of the file."""
    model = record.model_dump(mode="json")
    return json.dumps({"schema": SCHEMA, "checksum": _checksum(model), "model": model}, allow_nan=False) + "\n"


def decode(content: bytes) -> PredictionModel:
    """Returns the model of a file's content. Raises ModelInvalid."""
    if len(content) > MOST_BYTES:
        raise ModelInvalid(f"the file has more than {MOST_BYTES} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelInvalid("the file is not JSON") from None
    if not isinstance(document, dict) or document.keys() != {"schema", "checksum", "model"}:
        raise ModelInvalid("the file must have schema, checksum and model, and nothing else")
    if document["schema"] != SCHEMA:
        raise ModelInvalid(f"the file's schema is not {SCHEMA}")
    try:
        if document["checksum"] != _checksum(document["model"]):
            raise ModelInvalid("the file's checksum is not that of its model")
        return PredictionModel.of(ModelRecord.model_validate(document["model"]))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ModelInvalid(f"the model is invalid ({problem['type']})") from None
    except (ValueError, RecursionError, OverflowError):  # numbers that JSON does not have
        raise ModelInvalid("the model has a number that is not finite, or is nested too deeply") from None


def read(path: Path) -> PredictionModel | None:
    """Returns the model of a file; None without a file. Raises ModelInvalid, and OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would block
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ModelInvalid("the path is not that of a file")
        return decode(file.read(MOST_BYTES + 1))


def _checksum(model: object) -> str:
    text = json.dumps(model, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
