"""Gives a Piper model its noise from outside: the nodes of its ONNX file that draw noise become inputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from server.engine.noise import NoiseKey, NoiseStage

if TYPE_CHECKING:
    from onnx import NodeProto

DRAWS = "RandomNormalLike"
RHYTHM, SOUND = "rhythm_noise", "sound_noise"
"""The names of the inputs: shapes (1, 2, ids) and (frames, channels)."""
FRAMES_PER_ID = 8
"""Frames of noise for an id at speed 1, more than twice what an id lasts on average."""
MOST_FRAMES = 2048
"""The most frames of noise for a phrase, 24 s at 22,050 Hz; after them the noise repeats."""


class UnknownNoise(Exception):
    """The model draws its noise in an unknown way."""


def noise_inputs(key: NoiseKey, ids: int, channels: int, scale: float) -> dict[str, npt.NDArray[np.float32]]:
    """Returns the noise of a phrase of so many ``ids``, whose durations are multiplied by ``scale``."""
    frames = min(MOST_FRAMES, math.ceil(ids * FRAMES_PER_ID * scale))
    rhythm = np.ascontiguousarray(key.normal(NoiseStage.RHYTHM, (ids, 2)).T[None])
    return {RHYTHM: rhythm, SOUND: key.normal(NoiseStage.SOUND, (frames, channels))}


def with_noise_inputs(path: Path) -> tuple[bytes, int]:
    """Returns the model of a file with its noise as inputs, and the channels of a frame.

    Raises UnknownNoise when the file does not draw noise for its durations and its frames, as Piper's do; and the
    errors of onnx for a file that is not a model.
    """
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    draws = [node for node in graph.node if node.op_type == DRAWS]
    rhythm = [node for node in draws if node.name.startswith("/dp/")]
    channels = _channels(graph)
    if len(draws) != 2 or len(rhythm) != 1 or channels is None:
        raise UnknownNoise
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type != DRAWS:
            nodes.append(node)
        else:
            nodes += _rhythm(node) if node.name == rhythm[0].name else _sound(node)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.extend(
        [
            helper.make_tensor_value_info(RHYTHM, TensorProto.FLOAT, [1, 2, "ids"]),
            helper.make_tensor_value_info(SOUND, TensorProto.FLOAT, ["frames", channels]),
        ]
    )
    return model.SerializeToString(), channels


def _rhythm(node: NodeProto) -> list[NodeProto]:
    from onnx import helper

    return [helper.make_node("Identity", [RHYTHM], node.output)]


def _sound(node: NodeProto) -> list[NodeProto]:
    """Returns the nodes that take as many frames of noise as the node's input has, shape (1, channels, frames)."""
    from onnx import TensorProto, helper

    def constant(name: str, *values: int, scalar: bool = False) -> NodeProto:
        tensor = helper.make_tensor(name, TensorProto.INT64, [] if scalar else [len(values)], values)
        return helper.make_node("Constant", [], [name], value=tensor)

    names = ("zero", "one", "first", "last", "like", "frames", "given", "held", "places", "wrapped", "taken", "turned")
    zero, one, first, last, like, frames, given, held, places, wrapped, taken, turned = (
        f"{SOUND}/{name}" for name in names
    )
    return [
        constant(zero, 0, scalar=True),
        constant(one, 1, scalar=True),
        constant(first, 0),
        constant(last, 2, scalar=True),
        helper.make_node("Shape", [node.input[0]], [like]),
        helper.make_node("Gather", [like, last], [frames], axis=0),
        helper.make_node("Shape", [SOUND], [given]),
        helper.make_node("Gather", [given, zero], [held], axis=0),
        helper.make_node("Range", [zero, frames, one], [places]),
        helper.make_node("Mod", [places, held], [wrapped]),
        helper.make_node("Gather", [SOUND, wrapped], [taken], axis=0),
        helper.make_node("Transpose", [taken], [turned], perm=[1, 0]),
        helper.make_node("Unsqueeze", [turned, first], node.output),
    ]


def _channels(graph: Any) -> int | None:
    """Returns the channels of a frame, half of what the text encoder projects to; None if it has no projection."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv" and node.name == "/enc_p/proj/Conv":
            shape = shapes.get(node.input[1])
            return shape[0] // 2 if shape else None
    return None
