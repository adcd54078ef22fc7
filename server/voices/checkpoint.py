"""Opens an untrusted Coqui VITS checkpoint: config.json and model.pth."""

from __future__ import annotations

import json
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.errors import VoiceError
from server.lifecycle.launch import ENVIRONMENT
from server.voices import speakers

if TYPE_CHECKING:
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

CHARACTER_SETS = {
    "TTS.tts.utils.text.characters.Graphemes",
    "TTS.tts.utils.text.characters.IPAPhonemes",
    "TTS.tts.models.vits.VitsCharacters",
}
"""The classes that a configuration may name. Coqui imports any name, so a hostile file could run any module."""

NOT_SINGLE = ("use_speaker_embedding", "use_d_vector_file", "use_language_embedding", "use_speaker_encoder_as_loss")
PATHS = ("speakers_file", "d_vector_file", "language_ids_file", "speaker_encoder_config_path",
         "speaker_encoder_model_path")  # fmt: skip


def before_import() -> None:
    """Prepares the process for the import of torch and Coqui.

    In a process that ``server.lifecycle.launch`` did not start, it sets what that would have set. It also silences
    Coqui and its dependencies in the log and on standard error, since some of them print the text.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", ENVIRONMENT["OMP_WAIT_POLICY"])
    for name in ("TTS", "trainer", "coqpit", "transformers", "numba", "matplotlib", "fsspec"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for module in ("TTS", "trainer", "coqpit", "transformers", "torch", "torchaudio", "torchcodec", "librosa", "jieba"):
        warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")


def read_config(path: Path, *, one_of_several: bool = False) -> VitsConfig:
    """Returns the configuration of a single-speaker, single-language VITS model. Raises VoiceError for any other.

    With ``one_of_several``, the model may have several speakers, and the result is the configuration of one of them.
    """
    data = read_json(path)
    if data.get("model") != "vits":
        raise VoiceError(path, f"describes a model of the kind {data.get('model')!r}, not 'vits'")
    from TTS.tts.configs.vits_config import VitsConfig

    config = VitsConfig()
    try:
        config.from_dict(data)
    except Exception as error:  # coqpit raises any exception on malformed values
        raise VoiceError(path, f"is not a configuration that Coqui reads: {_line(error)}") from error
    if one_of_several:
        for section in (config, config.model_args):
            section.use_speaker_embedding, section.speakers_file = False, None
        config.speakers = None
    _require_single(path, config)
    characters = config.characters
    if characters is not None and characters.characters_class not in {None, "", *CHARACTER_SETS}:
        raise VoiceError(path, f"wants the character set {characters.characters_class!r}, which is none of Coqui's own")
    return config


def read_json(path: Path) -> dict[str, Any]:
    """Returns a configuration without its comments; empty if it is not an object. Raises VoiceError."""
    before_import()
    from TTS.config import read_json_with_comments

    try:
        data = read_json_with_comments(str(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise VoiceError(path, f"is not readable JSON: {error}") from error
    return data if isinstance(data, dict) else {}


def load(config_path: Path, model_path: Path, speaker: int | None = None) -> Vits:
    """Returns the model in evaluation mode on the CPU, without the weights for training, for one speaker.

    Its ``tokenizer`` knows the vocabulary but never phonemizes: Coqui would need the espeak program for that. Raises
    VoiceError when the files are damaged, hostile or don't belong together.
    """
    config = read_config(config_path, one_of_several=speaker is not None)
    weights = _read_weights(model_path)
    from TTS.tts.models.vits import Vits

    if config.use_phonemes:
        _name_character_set(config)
        config.use_phonemes = False
    config.model_args.init_discriminator = False
    try:
        if speaker is not None:
            weights = speakers.fold(weights, speaker, speakers.COQUI)
        model = Vits(config)
        model.load_state_dict({key: value for key, value in weights.items() if not _training_only(key)})
    except Exception as error:  # Coqui's constructors raise any exception on unexpected sizes
        raise VoiceError(model_path, f"does not fit its configuration: {_line(error)}") from error
    return model.eval()


def _read_weights(path: Path) -> dict[str, Any]:
    import torch

    try:
        # weights_only: a checkpoint is a pickle, and a hostile one would run code.
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = state["model"]
        if not isinstance(weights, dict):
            raise TypeError("its 'model' is not a dictionary of weights")
    except Exception as error:  # unpickling a damaged file can raise anything
        raise VoiceError(path, f"is not a checkpoint that can be loaded safely: {_line(error)}") from error
    return weights


def _require_single(path: Path, config: VitsConfig) -> None:
    args = config.model_args
    for flag in NOT_SINGLE:
        if getattr(args, flag, False) or getattr(config, flag, False):
            raise VoiceError(path, f"has {flag}: only voices of one speaker and one language can be used")
    for name in PATHS:
        if getattr(args, name, None) or getattr(config, name, None):
            raise VoiceError(path, f"names a file of its own in {name}: only voices of one speaker can be used")


def _name_character_set(config: VitsConfig) -> None:
    """Names IPA as the vocabulary: Coqui uses it by default only with use_phonemes, which is switched off next."""
    from TTS.tts.utils.text.characters import IPAPhonemes

    if config.characters is None:
        config.characters = IPAPhonemes().to_config()
    if not config.characters.characters_class:
        config.characters.characters_class = "TTS.tts.utils.text.characters.IPAPhonemes"


def _training_only(key: str) -> bool:
    return key.startswith(("disc.", "speaker_encoder.", "audio_resampler."))


def _line(error: Exception) -> str:
    """Returns the beginning of an error's message on one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
