"""A Coqui VITS model ready to speak: called directly, without Coqui's Synthesizer, by the one thread that owns it."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from server.errors import EngineFailed
from server.speech import Chunk, Interval, Stage
from server.voices import checkpoint
from server.voices.catalogue import InstalledVoice

if TYPE_CHECKING:
    import torch
    from TTS.tts.models.vits import Vits
    from TTS.tts.utils.text.tokenizer import TTSTokenizer


class Vocabulary:
    """The symbols that a model knows, and the ids it knows them by."""

    def __init__(self, tokenizer: TTSTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, int] = {
            symbol: tokenizer.characters.char_to_id(symbol) for symbol in dict.fromkeys(tokenizer.characters.vocab)
        }

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """The ids as the model was trained on them, blanks and ends included, and how many symbols it knows of these.

        Unknown symbols are dropped. Coqui's own tokenizer logs them and the text around them.
        """
        known = [self._ids[symbol] for symbol in self._compose(symbols) if symbol in self._ids]
        ids = self._tokenizer.intersperse_blank_char(known) if self._tokenizer.add_blank else known
        if self._tokenizer.use_eos_bos:
            ids = self._tokenizer.pad_with_bos_eos(ids)
        return ids, len(known)

    def clean(self, text: str, language: str) -> str:
        """``text`` as a model that reads characters wants it: numbers written out and so on, by its own cleaner."""
        cleaner = self._tokenizer.text_cleaner
        return str(cleaner(text, lang=language)) if cleaner else text

    def _compose(self, symbols: Iterable[str]) -> list[str]:
        """Joins a mark that the model does not know with its letter: espeak gives c and a cedilla, Coqui wants them
        as one; Piper, and Coqui for the tilde, as two."""
        composed: list[str] = []
        for symbol in symbols:
            if composed and unicodedata.combining(symbol) and symbol not in self._ids:
                joined = unicodedata.normalize("NFC", composed[-1] + symbol)
                composed[-1] = joined if joined in self._ids else composed[-1]
            else:
                composed.append(symbol)
        return composed


class VitsModel:
    """A model on its device. Only the thread that loaded it may call ``synthesize``; the vocabulary is free to all."""

    def __init__(self, network: Vits, device: torch.device) -> None:
        """``network`` must be in evaluation mode; it is changed: moved, and its weight norms folded in."""
        self.vocabulary = Vocabulary(network.tokenizer)
        self.sample_rate = int(network.config.audio.sample_rate)
        self._length_scale = float(network.length_scale)
        self._device = device
        self._decoding_since = 0
        network.posterior_encoder = None  # training only
        fold_weight_norm(network)
        network.requires_grad_(False).to(device)
        network.waveform_decoder.register_forward_pre_hook(self._mark_decoding)
        self._network = network

    @classmethod
    def load(cls, installed: InstalledVoice, device: torch.device) -> Self:
        """Raises VoiceError when the voice's files can't be loaded."""
        return cls(checkpoint.load(installed.config, installed.model), device)

    def synthesize(self, ids: Sequence[int], speed: float = 1.0) -> Chunk:
        """The speech for one sentence's ids, shape (samples,), with the intervals INFER and DECODE.

        Raises EngineFailed when what comes out is not audio.
        """
        import torch

        start = time.perf_counter_ns()
        self._network.length_scale = self._length_scale / speed
        with torch.inference_mode():
            inputs = torch.tensor([ids], dtype=torch.long, device=self._device)
            lengths = torch.tensor([len(ids)], dtype=torch.long, device=self._device)
            output = self._network.inference(inputs, {"x_lengths": lengths})["model_outputs"]
            samples = output[0, 0].float().cpu().numpy()  # waits for the device
        end = time.perf_counter_ns()
        if not np.isfinite(samples).all():
            raise EngineFailed("the voice's model gave numbers that are not audio")
        return Chunk(
            np.clip(samples, -1.0, 1.0),
            self.sample_rate,
            (Interval(Stage.INFER, start, self._decoding_since), Interval(Stage.DECODE, self._decoding_since, end)),
        )

    def _mark_decoding(self, *_: Any) -> None:
        """The frames are made, their decoding into a waveform begins."""
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._decoding_since = time.perf_counter_ns()


def fold_weight_norm(network: torch.nn.Module) -> None:
    """Multiplies the weight norms out: bit for bit the same result, without doing it again at every call."""
    from torch.nn.utils import parametrize

    for module in list(network.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
