"""Splits a multi-speaker voice into single-speaker voices by folding a speaker's vector into the network's biases.

A VITS network gets the speaker as a vector that is the same for every frame, through one-frame convolutions whose
results are added to those of other layers: the first layer of the decoder and of the duration predictor, and each gated
layer of the flow. For one speaker these results are constants, and the remaining single-speaker network computes the
same sums. Source: Kim et al., VITS, ICML 2021, and Coqui's and Piper's code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.errors import VoiceError

if TYPE_CHECKING:
    from torch import Tensor

SPEAKERS = "emb_g.weight"
"""The vectors of the speakers, shape (speakers, channels)."""
FILES = ("speaker_ids.json", "speakers.json")
"""The files with the speakers' names and numbers, from before Coqui put them into the configuration."""
GATED = re.compile(r"(flow\.flows\.\d+\.enc)\.in_layers\.(\d+)\.bias")


@dataclass(frozen=True, slots=True)
class LayerNames:
    """A project's names for the layers that depend on the speaker."""

    conditions: tuple[tuple[str, str], ...]
    """Layers, each with the layer that conditions it on the speaker."""
    dropped: re.Pattern[str]
    """Weights that a single-speaker network does not need."""


COQUI = LayerNames(
    (
        ("waveform_decoder.conv_pre", "waveform_decoder.cond_layer"),
        ("duration_predictor.pre", "duration_predictor.cond"),
    ),
    re.compile(r"emb_g\.|.*\.cond_layer\.|duration_predictor\.cond\."),
)
PIPER = LayerNames((("dec.conv_pre", "dec.cond"), ("dp.pre", "dp.cond")), re.compile(r"emb_g\.|.*\.cond(_layer)?\."))


def fold(weights: Mapping[str, Tensor], speaker: int, naming: LayerNames) -> dict[str, Tensor]:
    """Returns the weights of a network that speaks as the speaker with this number.

    Raises ValueError when the network has no such speakers, or is conditioned differently.
    """
    vectors = weights.get(SPEAKERS)
    if vectors is None or not 0 <= speaker < len(vectors):
        raise ValueError("it has no such speaker")
    vector = vectors[speaker].float()
    folded = {name: weight for name, weight in weights.items() if not naming.dropped.match(name)}
    for layer, condition in naming.conditions:
        if f"{condition}.bias" not in weights or f"{layer}.bias" not in folded:
            raise ValueError(f"it has several speakers, but no {condition} that says which")
        folded[f"{layer}.bias"] = folded[f"{layer}.bias"] + _constant(weights, condition, vector)
    for name in list(folded):
        if match := GATED.fullmatch(name):
            constants = _constant(weights, f"{match[1]}.cond_layer", vector)
            start, width = int(match[2]) * len(folded[name]), len(folded[name])
            folded[name] = folded[name] + constants[start : start + width]
    return folded


def of_coqui(folder: Path, config: Mapping[str, Any]) -> dict[str, int]:
    """Returns the speakers of a Coqui checkpoint by name, none if it has only one. Raises VoiceError when no file names
    them, or the file is damaged."""
    args = config.get("model_args")
    args = args if isinstance(args, dict) else {}
    if not (args.get("use_speaker_embedding") or config.get("use_speaker_embedding")):
        return {}
    names = config.get("speakers")
    if isinstance(names, list) and names:
        return {str(name): number for number, name in enumerate(names)}
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise VoiceError(folder, f"has several speakers, whose names no file tells: {' or '.join(FILES)}")
    return _names(path, _json(path))


def of_piper(path: Path) -> dict[str, int]:
    """Returns the speakers of a Piper voice by name, from its JSON file; none if it has only one."""
    config = _json(path)
    count = config.get("num_speakers", 1)
    if not isinstance(count, int) or count < 2:
        return {}
    return _names(path, config.get("speaker_id_map") or {str(number): number for number in range(count)})


def number_of(path: Path, speakers: Mapping[str, int], speaker: str | None) -> int | None:
    """Returns the number of ``speaker``, None for a voice of one speaker. Raises VoiceError for an unknown name."""
    if not speakers:
        if speaker is None:
            return None
        raise VoiceError(path, "has one speaker only")
    if speaker is not None and speaker in speakers:
        return speakers[speaker]
    examples = ", ".join(list(speakers)[:20]) + (", ..." if len(speakers) > 20 else "")
    raise VoiceError(path, f"has {len(speakers)} speakers, name one with --speaker: {examples}")


def _constant(weights: Mapping[str, Tensor], condition: str, vector: Tensor) -> Tensor:
    return _weight(weights, condition)[:, :, 0].float() @ vector + weights[f"{condition}.bias"].float()


def _weight(weights: Mapping[str, Tensor], layer: str) -> Tensor:
    """Returns the weight of a layer, whose weight norm may be given as length and direction, by torch's new or old
    names."""
    import torch

    for length, direction in (("parametrizations.weight.original0", "parametrizations.weight.original1"),
                              ("weight_g", "weight_v")):  # fmt: skip
        if f"{layer}.{length}" in weights:
            return torch._weight_norm(weights[f"{layer}.{direction}"], weights[f"{layer}.{length}"], 0)
    return weights[f"{layer}.weight"]


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VoiceError(path, f"is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise VoiceError(path, "is not a JSON object")
    return content


def _names(path: Path, names: Any) -> dict[str, int]:
    if not isinstance(names, dict) or not all(isinstance(number, int) for number in names.values()):
        raise VoiceError(path, "does not give each speaker a number")
    return {str(name): number for name, number in sorted(names.items(), key=lambda item: item[1])}
