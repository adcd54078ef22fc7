"""English homographs: how many of them espeak reads as they are meant."""

from __future__ import annotations

import re
from pathlib import Path

from server.text.phonemes import Phonemizer

SENTENCES = Path(__file__).parents[1] / "readings" / "homographs.txt"
RIGHT = 71
"""The number that docs/decisions/text.md names."""


def test_most_homographs_are_read_as_they_are_meant() -> None:
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    read = Phonemizer().each([sentence for sentence, _, _ in rows], "en-us")
    right = [
        re.search(pattern, "".join(phonemes)) is not None for (_, _, pattern), phonemes in zip(rows, read, strict=True)
    ]
    assert len(rows) == 91
    assert sum(right) >= RIGHT
