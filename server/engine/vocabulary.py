"""The symbols that a model knows, and the ids it knows them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from server.text.symbols import compose
from server.voices.checkpoint import before_import

if TYPE_CHECKING:
    from TTS.tts.utils.text.tokenizer import TTSTokenizer


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A model's symbols; any thread may use it, and any process."""

    ids: Mapping[str, int]
    blank: int | None
    """What stands between all ids, if the model was trained so."""
    ends: tuple[int, int] | None
    """What stands before and after them, if the model was trained so."""
    cleaner: str
    """Which of Coqui's cleaners makes its symbols of a text; empty for none."""

    @classmethod
    def of(cls, tokenizer: TTSTokenizer) -> Self:
        """What a model's own tokenizer knows."""
        characters = tokenizer.characters
        return cls(
            {symbol: characters.char_to_id(symbol) for symbol in dict.fromkeys(characters.vocab)},
            characters.blank_id if tokenizer.add_blank else None,
            (characters.bos_id, characters.eos_id) if tokenizer.use_eos_bos else None,
            tokenizer.text_cleaner.__name__ if tokenizer.text_cleaner else "",
        )

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """The ids as the model was trained on them, blanks and ends included, and how many symbols it knows of these.

        Unknown symbols are dropped. Coqui's own tokenizer logs them and the text around them.
        """
        known = ids = [self.ids[symbol] for symbol in compose(symbols, self.ids) if symbol in self.ids]
        if self.blank is not None:
            ids = [self.blank] * (2 * len(known) + 1)
            ids[1::2] = known
        if self.ends is not None:
            ids = [self.ends[0], *ids, self.ends[1]]
        return ids, len(known)

    def places(self, symbols: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """From which id to which of ``encode(symbols)`` each of the ``spans`` of symbols goes; they are in order.

        With the blank before its first symbol, in which the mouth gets ready: a recogniser counts it to the word too.
        """
        step, first = (1, 0) if self.blank is None else (2, 1)
        first += self.ends is not None
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
        if not self.cleaner:
            return text
        before_import()
        from TTS.tts.utils.text import cleaners

        return str(getattr(cleaners, self.cleaner)(text, lang=language))
