"""The form of an API key: ``ttscope_``, its public identifier, and its secret with a checksum.

A key is kept only as the SHA-256 of its whole text. Its secret has 256 random bits, so a slow hash would protect it no
better.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "ttscope_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""Base 62: a double click selects a whole key, and no shell or URL needs it quoted."""
ID_CHARACTERS = 12
SECRET_CHARACTERS = 43
"""62 to the power of 43 is the first that is more than 2 to the power of 256."""
CHECKSUM_CHARACTERS = 6
KEY_ID = re.compile(rf"[0-9A-Za-z]{{{ID_CHARACTERS}}}")
_KEY = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{ID_CHARACTERS}}})_[0-9A-Za-z]{{{SECRET_CHARACTERS}}}([0-9A-Za-z]{{{CHECKSUM_CHARACTERS}}})"
)


@dataclass(frozen=True, slots=True, repr=False)
class IssuedKey:
    """A new key. Its text is shown once, to who asked for it."""

    text: str
    key_id: str

    @property
    def digest(self) -> bytes:
        """The SHA-256 that is kept of it."""
        return digest(self.text)


def issue(key_id: str = "") -> IssuedKey:
    """Returns a new key, of the identifier ``key_id`` if there is one already."""
    key_id = key_id or _random(ID_CHARACTERS)
    body = f"{PREFIX}{key_id}_{_random(SECRET_CHARACTERS)}"
    return IssuedKey(body + _checksum(body), key_id)


def key_id_of(text: str) -> str | None:
    """Returns the identifier in a key; None if ``text`` has not the form of one, or has a typing error."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-CHECKSUM_CHARACTERS]) != match[2]:
        return None
    return match[1]


def digest(text: str) -> bytes:
    """Returns the SHA-256 of a key."""
    return hashlib.sha256(text.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    """Returns the CRC-32 in base 62. It tells typing errors from keys that nobody issued, and protects nothing."""
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, place = divmod(number, len(ALPHABET))
        characters = ALPHABET[place] + characters
    return characters
