"""The symbols that a model knows, and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from server.text.nearest_phonemes import nearest
from server.text.phonemes import join_marks
from server.voices.checkpoint import before_import

if TYPE_CHECKING:
    from TTS.tts.utils.text.tokenizer import TTSTokenizer


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A model's symbols; any thread and any process may use it."""

    ids: Mapping[str, int]
    blank: int | None
    """The id between all others, if the model was trained with one."""
    ends: tuple[int, int] | None
    """The ids before and after all others, if the model was trained with them."""
    cleaner: str
    """The name of Coqui's cleaner that turns a text into symbols; empty for none."""

    @classmethod
    def of(cls, tokenizer: TTSTokenizer) -> Self:
        """Returns the vocabulary of a model's own tokenizer."""
        characters = tokenizer.characters
        return cls(
            {symbol: characters.char_to_id(symbol) for symbol in dict.fromkeys(characters.vocab)},
            characters.blank_id if tokenizer.add_blank else None,
            (characters.bos_id, characters.eos_id) if tokenizer.use_eos_bos else None,
            tokenizer.text_cleaner.__name__ if tokenizer.text_cleaner else "",
        )

    def encode(self, symbols: Iterable[str]) -> tuple[list[int], int]:
        """Returns the ids as the model was trained on them, blanks and ends included, and the number of known symbols.

        The nearest phonemes that the model has stand for those that it lacks; other unknown symbols are dropped.
        Coqui's own tokenizer logs them and the text around them.
        """
        joined = nearest(join_marks(symbols, self.ids), self.ids)
        symbol_ids = ids = [self.ids[symbol] for symbol in joined if symbol in self.ids]
        if self.blank is not None:
            ids = [self.blank] * (2 * len(symbol_ids) + 1)
            ids[1::2] = symbol_ids
        if self.ends is not None:
            ids = [self.ends[0], *ids, self.ends[1]]
        return ids, len(symbol_ids)

    def places(self, symbols: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Returns the span of ids in ``encode(symbols)`` for each span of symbols; ``spans`` are in order.

        A span includes the blank before its first symbol, in which the mouth gets ready: a recogniser also counts it as
        part of the word.
        """
        step, first = (1, 0) if self.blank is None else (2, 1)
        first += self.ends is not None
        places, encoded, at = [], 0, 0
        for start, stop in spans:
            encoded += self.encode(symbols[at:start])[1]
            inside = self.encode(symbols[start:stop])[1]
            start_id = first + step * encoded
            places.append((start_id - step + 1, start_id + step * (inside - 1) + 1) if inside else (start_id, start_id))
            encoded, at = encoded + inside, stop
        return places

    def clean(self, text: str, language: str) -> str:
        """Returns ``text`` as the model's cleaner changes it, such as numbers written out; for models of characters."""
        if not self.cleaner:
            return text
        before_import()
        from TTS.tts.utils.text import cleaners

        return str(getattr(cleaners, self.cleaner)(text, lang=language))
