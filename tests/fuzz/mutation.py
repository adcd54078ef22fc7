"""Damage: bytes or characters changed, left out, doubled, moved or put in."""

from __future__ import annotations

import random
from collections.abc import Sequence

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which lengths and counts go wrong."""


def mutated(rng: random.Random, data: bytes) -> bytes:
    """One to eight changes, most of them near the beginning, where the headers are."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(len(made), rng.choice((64, 256, len(made))))) if made else 0
        match rng.randrange(7):
            case 0 if made:
                made[at] ^= 1 << rng.randrange(8)
            case 1:
                made[at : at + rng.choice((1, 4))] = rng.randbytes(rng.choice((1, 4)))
            case 2:
                width = rng.choice((1, 2, 4))
                number = rng.choice(EDGES) & (256**width - 1)
                made[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
            case 3:
                del made[at : len(made) if rng.random() < 0.3 else at + rng.randint(1, 64)]
            case 4:
                made[at:at] = made[at : at + rng.randint(1, 512)]
            case 5:
                made[at:at] = rng.randbytes(rng.randint(1, 64))
            case _:
                other = rng.randrange(len(made) + 1)
                made[other:other] = made[at : at + rng.randint(1, 256)]
    return bytes(made)


def mutated_text(rng: random.Random, text: str, snippets: Sequence[str]) -> str:
    """One to six changes; what is put in is one of ``snippets``."""
    for _ in range(rng.randint(1, 6)):
        at, other = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randrange(4):
            case 0:
                text = text[:at] + rng.choice(snippets) + text[at:]
            case 1:
                text = text[:at] + text[min(at + rng.randint(1, 20), len(text)) :]
            case 2:
                text = text[:at] + text[at:other] * 2 + text[other:]
            case _:
                text = text[:at] + rng.choice(snippets) * rng.choice((2, 20, 200)) + text[at:]
    return text
