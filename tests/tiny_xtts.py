"""An XTTS checkpoint that fits into a test: the real classes and files, a few thousand weights, all by chance.

What it says is a murmur of TOKENS_SPOKEN tokens; how it is asked, streamed, cloned and stopped is as real as with
the published weights, which are 1.9 GB and can't be had by a test.
"""

from __future__ import annotations

import json
from pathlib import Path

TOKENS = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[de]", "[START]", *"abcdefghijklmnopqrstuvwxyz'.,!?-"]
TOKENS_SPOKEN = 40
"""Of audio, 46 ms each."""
SENTENCE = "Hello there, how are you?"
"""As long as those tokens."""
LOUDER = 15.0
"""Weights by chance whisper, which would be taken for silence."""


def write_tiny_xtts(folder: Path, *, seed: int = 0) -> Path:
    """Writes config.json, vocab.json and model.pth into ``folder``, and returns it."""
    import torch
    from tokenizers import Tokenizer, models
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(TOKENS)}, [], unk_token="[UNK]"))
    tokenizer.add_special_tokens(TOKENS[:6])
    tokenizer.save(str(folder / "vocab.json"))
    config = XttsConfig()
    config.languages = ["en", "de"]
    config.gpt_cond_len, config.gpt_cond_chunk_len = 6, 3
    arguments = config.model_args
    arguments.tokenizer_file = str(folder / "vocab.json")
    arguments.gpt_layers, arguments.gpt_n_model_channels, arguments.gpt_n_heads = 1, 32, 2
    arguments.decoder_input_dim = 32
    arguments.gpt_max_audio_tokens, arguments.gpt_num_audio_tokens = TOKENS_SPOKEN, 66
    arguments.gpt_start_audio_token, arguments.gpt_stop_audio_token = 64, 65
    arguments.gpt_use_perceiver_resampler = True
    torch.manual_seed(seed)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=folder / "vocab.json")
    model.init_models()
    weights = model.state_dict()
    weights["gpt.mel_head.bias"][arguments.gpt_stop_audio_token] = -100.0  # by chance it would stop anywhere
    weights["hifigan_decoder.waveform_decoder.conv_post.weight"] *= LOUDER
    torch.save({"model": weights}, folder / "model.pth")
    arguments.tokenizer_file = ""
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return folder
