"""Converts a Piper voice (VITS as ONNX, with a JSON file beside it) into a stock Coqui VITS checkpoint.

Both are the same network under different names: https://github.com/OHF-Voice/piper1-gpl (piper/train/vits/models.py)
and TTS.tts.models.vits. At noise 0 their audio is equal to 1e-4. Sizes are read from the weights' shapes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from server.errors import VoiceError
from server.voices import speakers
from server.voices.checkpoint import before_import
from server.voices.manifest import CONFIG, MODEL, expand_language, first_problem

if TYPE_CHECKING:
    import torch
    from TTS.tts.configs.vits_config import VitsConfig

Array = npt.NDArray[np.float32]

BLANK, BEGIN, END = "_", "^", "$"

RENAMES = (
    (r"^enc_p\.", "text_encoder."),
    (r"^dec\.", "waveform_decoder."),
    (r"^dp\.flows\.0\.m$", "duration_predictor.flows.0.translation"),
    (r"^dp\.flows\.0\.logs$", "duration_predictor.flows.0.log_scale"),
    # Piper also counts the channel flips between the flows: 0, 2, 4, 6, and in the predictor 0, 3, 5, 7.
    (r"^dp\.flows\.(\d+)\.", lambda match: f"duration_predictor.flows.{(int(match[1]) + 1) // 2}."),
    (r"^dp\.", "duration_predictor."),
    (r"^flow\.flows\.(\d+)\.", lambda match: f"flow.flows.{int(match[1]) // 2}."),
)  # fmt: skip
TRAINING_ONLY = re.compile(r"^posterior_encoder\.|^duration_predictor\.(post_|flows\.1\.)")
"""Weights that an ONNX file lacks and speech does not need, but that stock Coqui expects in a checkpoint."""


class _AudioSection(BaseModel):
    sample_rate: int = Field(gt=0, le=192_000)


class _EspeakSection(BaseModel):
    voice: str = Field(min_length=1)


class _InferenceSection(BaseModel):
    noise_scale: float = Field(0.667, ge=0)
    length_scale: float = Field(1.0, gt=0)
    noise_w: float = Field(0.8, ge=0)


class _LanguageSection(BaseModel):
    code: str


class PiperConfig(BaseModel):
    """The relevant fields of a Piper voice's JSON file."""

    model_config = ConfigDict(allow_inf_nan=False)

    audio: _AudioSection
    espeak: _EspeakSection
    inference: _InferenceSection = _InferenceSection()
    phoneme_type: Literal["espeak"] = "espeak"
    phoneme_id_map: dict[str, tuple[int, ...]]
    num_speakers: int = Field(1, ge=0)
    language: _LanguageSection | None = None
    dataset: str = ""

    @field_validator("phoneme_id_map")
    @classmethod
    def _one_codepoint_one_id(cls, symbols: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        if any(len(symbol) != 1 or len(ids) != 1 or ids[0] < 0 for symbol, ids in symbols.items()):
            raise ValueError("has phonemes of several codepoints or ids, which a Coqui vocabulary can't hold")
        if len({ids[0] for ids in symbols.values()}) != len(symbols):
            raise ValueError("gives two phonemes the same id")
        if not {BLANK, BEGIN, END} <= symbols.keys():
            raise ValueError(f"lacks one of {BLANK} {BEGIN} {END}")
        return symbols

    @classmethod
    def read(cls, path: Path) -> PiperConfig:
        """Reads a JSON file. Raises VoiceError when it is not a Piper voice's, or the voice can't be converted."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise VoiceError(path, f"is not a Piper voice that can be converted: {first_problem(error)}") from None
        except OSError as error:
            raise VoiceError(path, f"can't be read: {error.strerror}") from error

    @property
    def languages(self) -> tuple[str, ...]:
        """The primary subtag and, if it differs, the full code: ("en", "en-us")."""
        return expand_language(self.language.code if self.language else self.espeak.voice)


@dataclass
class Network:
    """The weights of an ONNX file by Piper's own names, and the strides and dilations of its convolutions."""

    weights: dict[str, Array] = field(default_factory=dict)
    strides: dict[str, int] = field(default_factory=dict)
    dilations: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Network:
        """Reads an ONNX file. Raises VoiceError when it is not one.

        A weight is found by the node that uses it (/dec/ups.0/ConvTranspose has dec.ups.0.weight): exporters rename
        initializers (onnx::Conv_8168, and ``sid`` for the embedding) when they fuse weight norms.
        """
        import onnx
        from google.protobuf.message import DecodeError

        try:
            graph = onnx.load(str(path), load_external_data=False).graph
        except OSError as error:
            raise VoiceError(path, f"can't be read: {error.strerror}") from error
        except DecodeError as error:
            raise VoiceError(path, "is not an ONNX file") from error
        try:
            return cls._of(graph)
        except (KeyError, IndexError, ValueError) as error:
            raise VoiceError(path, f"is not a Piper VITS voice: {error}") from error

    @classmethod
    def _of(cls, graph: Any) -> Network:
        from onnx import helper, numpy_helper

        tensors = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                tensors[node.output[0]] = node.attribute[0].t
            elif node.op_type == "Identity" and node.input[0] in tensors:  # equal weights, stored once
                tensors[node.output[0]] = tensors[node.input[0]]

        def array(name: str) -> Array:
            return np.asarray(numpy_helper.to_array(tensors[name]), dtype=np.float32)

        network = cls()
        for node in graph.node:
            name = node.name.strip("/").rpartition("/")[0].replace("/", ".")
            if node.op_type in {"Conv", "ConvTranspose"}:
                network.weights[f"{name}.weight"] = array(node.input[1])
                if len(node.input) > 2:
                    network.weights[f"{name}.bias"] = array(node.input[2])
                attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
                network.strides[name] = attributes["strides"][0]
                network.dilations[name] = attributes["dilations"][0]
            elif node.op_type == "Gather" and name in {"enc_p.emb", "emb_g"}:
                network.weights[f"{name}.weight"] = array(node.input[0])
            elif node.name == "/dp/flows.0/Mul" and node.input[1] in tensors:  # exp(-logs), folded on export
                network.weights["dp.flows.0.logs"] = -np.log(array(node.input[1]))
            elif node.name == "/dp/flows.0/Exp" and node.input[0] in tensors:  # newer exporters fold -logs only
                network.weights["dp.flows.0.logs"] = -array(node.input[0])
        for name in tensors:
            if re.search(r"\.(gamma|beta|emb_rel_[kv])$|^dp\.flows\.0\.(m|logs)$", name):
                network.weights[name] = array(name)
        return network

    def shape(self, name: str) -> tuple[int, ...]:
        return self.weights[f"{name}.weight"].shape

    def count(self, pattern: str) -> int:
        """Returns the number of layers that match ``pattern``, whose only group is their number. Raises KeyError if
        there is none."""
        numbers = {int(match[1]) for name in self.weights if (match := re.match(pattern, name))}
        if not numbers:
            raise KeyError(f"no weights match {pattern}")
        return max(numbers) + 1

    def sizes(self) -> dict[str, Any]:
        """Returns Coqui's VitsArgs for this network. Raises KeyError or IndexError for an unknown architecture."""
        hidden = self.shape("enc_p.emb")[1]
        heads = hidden // self.weights["enc_p.encoder.attn_layers.0.emb_rel_k"].shape[2]
        upsamplings = [f"dec.ups.{i}" for i in range(self.count(r"dec\.ups\.(\d+)\."))]
        kind = "1" if "dec.resblocks.0.convs1.0" in self.strides else "2"
        convolutions = "convs1" if kind == "1" else "convs"
        blocks = [
            [f"dec.resblocks.{block}.{convolutions}.{i}"
             for i in range(self.count(rf"dec\.resblocks\.{block}\.{convolutions}\.(\d+)\."))]
            for block in range(self.count(r"dec\.resblocks\.(\d+)\.") // len(upsamplings))
        ]  # fmt: skip
        return {
            "hidden_channels": hidden,
            "hidden_channels_ffn_text_encoder": self.shape("enc_p.encoder.ffn_layers.0.conv_1")[0],
            "num_heads_text_encoder": heads,
            "num_layers_text_encoder": self.count(r"enc_p\.encoder\.attn_layers\.(\d+)\."),
            "kernel_size_text_encoder": self.shape("enc_p.encoder.ffn_layers.0.conv_1")[2],
            "kernel_size_flow": self.shape("flow.flows.0.enc.in_layers.0")[2],
            "dilation_rate_flow": 1,
            "num_layers_flow": self.count(r"flow\.flows\.0\.enc\.in_layers\.(\d+)\."),
            "resblock_type_decoder": kind,
            "resblock_kernel_sizes_decoder": [self.shape(block[0])[2] for block in blocks],
            "resblock_dilation_sizes_decoder": [[self.dilations[name] for name in block] for block in blocks],
            "upsample_rates_decoder": [self.strides[name] for name in upsamplings],
            "upsample_kernel_sizes_decoder": [self.shape(name)[2] for name in upsamplings],
            "upsample_initial_channel_decoder": self.shape("dec.conv_pre")[0],
            "use_sdp": "dp.flows.0.m" in self.weights,
        }


def convert(onnx_path: Path, json_path: Path, folder: Path, speaker: int | None = None) -> PiperConfig:
    """Writes ``folder``/config.json and model.pth; returns the voice's JSON file.

    ``speaker`` is the number of one speaker, if there are several. Raises VoiceError, which names the file, when the
    two are not a Piper VITS voice.
    """
    voice = PiperConfig.read(json_path)
    network = Network.read(onnx_path)
    if speaker is None and speakers.SPEAKERS in network.weights:
        raise VoiceError(onnx_path, "has several speakers, of which its JSON file says nothing")
    before_import()
    import torch
    from TTS.tts.models.vits import Vits

    symbols = [symbol for symbol in sorted(voice.phoneme_id_map, key=voice.phoneme_id_map.__getitem__)
               if symbol not in {BLANK, BEGIN, END}]  # fmt: skip
    # The order of Coqui's IPAPhonemes: padding, end, begin, blank, then the characters. Piper pads with its blank.
    rows = [voice.phoneme_id_map[symbol][0] for symbol in (BLANK, END, BEGIN, BLANK, *symbols)]
    try:
        if speaker is not None:
            tensors = {name: torch.from_numpy(array.copy()) for name, array in network.weights.items()}
            folded = speakers.fold(tensors, speaker, speakers.PIPER)
            network.weights = {name: weight.numpy() for name, weight in folded.items()}
        network.weights["enc_p.emb.weight"] = network.weights["enc_p.emb.weight"][rows]
        config = coqui_config(voice, "".join(symbols), network.sizes())
        config.use_phonemes = False  # only while the model is built: otherwise Coqui looks for the espeak program
        with torch.random.fork_rng(devices=[]):
            blueprint = Vits(config).state_dict()
        config.use_phonemes = True
        weights = coqui_weights(network, blueprint)
    except (KeyError, IndexError, ValueError, AssertionError, ZeroDivisionError) as error:
        raise VoiceError(onnx_path, f"is not a Piper VITS voice: {' '.join(str(error).split())}") from error
    torch.save({"model": weights}, folder / MODEL)
    config.save_json(str(folder / CONFIG))
    return voice


def coqui_config(voice: PiperConfig, characters: str, sizes: dict[str, Any]) -> VitsConfig:
    """Returns the configuration for this voice in stock Coqui."""
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig

    return VitsConfig(
        run_name=f"piper-{voice.dataset}",
        model_args=VitsArgs(
            num_chars=len(characters) + 4,
            init_discriminator=False,
            num_layers_posterior_encoder=1,  # training only: as small as possible
            inference_noise_scale=voice.inference.noise_scale,
            inference_noise_scale_dp=voice.inference.noise_w,
            length_scale=voice.inference.length_scale,
            **sizes,
        ),
        audio=BaseAudioConfig(
            sample_rate=voice.audio.sample_rate,
            hop_length=math.prod(sizes["upsample_rates_decoder"]),
            fft_size=1024, win_length=1024, num_mels=80, mel_fmin=0, mel_fmax=None,
        ),
        characters=CharactersConfig(
            characters_class="TTS.tts.utils.text.characters.IPAPhonemes",
            pad="<PAD>", eos=END, bos=BEGIN, blank=BLANK, characters=characters, punctuations="",
            is_unique=False, is_sorted=False,
        ),
        use_phonemes=True, phonemizer="espeak", phoneme_language=voice.espeak.voice, text_cleaner=None,
        add_blank=True, enable_eos_bos_chars=True, test_sentences=[],
    )  # fmt: skip


def coqui_weights(network: Network, blueprint: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns Piper's weights under Coqui's names; ``blueprint`` is the state of an untrained model of the same sizes.

    Raises ValueError when a weight is missing, unknown or of another shape.
    """
    import torch

    weights: dict[str, torch.Tensor] = {}
    for name, array in network.weights.items():
        key, value = _coqui_name(name), torch.from_numpy(array.copy())
        norm = key.removesuffix("weight") + "parametrizations.weight."
        if norm + "original1" in blueprint:  # weight norm: direction v and length |v| of each row give v back
            axes = tuple(range(1, value.dim()))
            length = torch.linalg.vector_norm(value.double(), dim=axes, keepdim=True).float()
            weights |= {norm + "original0": length, norm + "original1": value}
        else:
            weights[key] = value
    for key, untrained in blueprint.items():
        if key not in weights and TRAINING_ONLY.match(key):
            weights[key] = torch.zeros_like(untrained)
    if missing := blueprint.keys() - weights.keys():
        raise ValueError(f"it lacks {len(missing)} weights, {min(missing)} first")
    if unknown := weights.keys() - blueprint.keys():
        raise ValueError(f"it has {len(unknown)} weights that such a voice has not, {min(unknown)} first")
    for key, value in weights.items():
        if value.shape != blueprint[key].shape:
            raise ValueError(f"{key} has the shape {tuple(value.shape)}, not {tuple(blueprint[key].shape)}")
    return weights


def _coqui_name(name: str) -> str:
    for pattern, replacement in RENAMES:
        name, count = re.subn(pattern, replacement, name)
        if count:
            return name
    return name
