"""The symbols that a model knows, and the ids it knows them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from server.text.symbols import compose

if TYPE_CHECKING:
    from TTS.tts.utils.text.tokenizer import TTSTokenizer


class Vocabulary:
    """A model's symbols; any thread may use it."""

    def __init__(self, tokenizer: TTSTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, int] = {
            symbol: tokenizer.characters.char_to_id(symbol) for symbol in dict.fromkeys(tokenizer.characters.vocab)
        }

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """The ids as the model was trained on them, blanks and ends included, and how many symbols it knows of these.

        Unknown symbols are dropped. Coqui's own tokenizer logs them and the text around them.
        """
        known = [self._ids[symbol] for symbol in compose(symbols, self._ids) if symbol in self._ids]
        ids = self._tokenizer.intersperse_blank_char(known) if self._tokenizer.add_blank else known
        if self._tokenizer.use_eos_bos:
            ids = self._tokenizer.pad_with_bos_eos(ids)
        return ids, len(known)

    def places(self, symbols: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """From which id to which of ``encode(symbols)`` each of the ``spans`` of symbols goes; they are in order.

        With the blank before its first symbol, in which the mouth gets ready: a recogniser counts it to the word too.
        """
        tokenizer = self._tokenizer
        step, first = (2, 1) if tokenizer.add_blank else (1, 0)
        first += bool(tokenizer.use_eos_bos)
        places, known, at = [], 0, 0
        for start, stop in spans:
            known += self.encode(symbols[at:start])[1]
            inside = self.encode(symbols[start:stop])[1]
            start_id = first + step * known
            places.append((start_id - step + 1, start_id + step * (inside - 1) + 1) if inside else (start_id, start_id))
            known, at = known + inside, stop
        return places

    def clean(self, text: str, language: str) -> str:
        """``text`` as a model that reads characters wants it: numbers written out and so on, by its own cleaner."""
        cleaner = self._tokenizer.text_cleaner
        return str(cleaner(text, lang=language)) if cleaner else text
