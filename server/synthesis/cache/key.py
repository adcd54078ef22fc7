"""The cache key of a clip: a keyed hash that does not reveal the text."""

from __future__ import annotations

import hashlib
import hmac
import struct

from server.utterance import Passage, Utterance, Verbalization

SECRET_BYTES = 16
"""The shortest allowed secret: a shorter one could be guessed, and with it every short text."""

_KEYS, _SEALS = b"ttscope clip key 5", b"ttscope clip seal 2"
"""The purposes for which separate secrets are derived, so that a key reveals nothing about a seal."""


class Keys:
    """Makes cache keys from everything that the sound depends on."""

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError when the secret is too short."""
        self._secret = _derived(secret, _KEYS)

    def of(self, utterance: Utterance, tenant: str | None) -> bytes:
        """Returns 32 bytes that are equal for equal utterances of one tenant only: each field is hashed after its
        length. None stands for all tenants, who then share the clip. A seed is one of the fields if it is stated."""
        fields = (
            repr(tenant).encode("utf-8", "surrogatepass"),
            utterance.text.encode("utf-8", "surrogatepass"),
            utterance.voice.name.encode(),
            utterance.voice.checksum.encode(),
            utterance.language.encode(),
            struct.pack(">d", utterance.speed),
            *(_written(passage).encode("utf-8", "surrogatepass") for passage in utterance.passages),
            *(() if utterance.seed is None else (b"seed=%d" % utterance.seed,)),
        )
        message = b"".join(struct.pack(">Q", len(field)) + field for field in fields)
        return hmac.digest(self._secret, message, hashlib.sha256)


def seal_secret(secret: bytes) -> bytes:
    """Returns the secret from which the encryption keys of clips outside this process are derived.

    Raises ValueError when the secret is too short.
    """
    return _derived(secret, _SEALS)


def _written(passage: Passage) -> str:
    """Returns a passage as it is hashed. Servers that share clips must agree on it, so renames must not change it."""
    readings = [_reading(each) for each in passage.verbalizations]
    joined = f"({readings[0]},)" if len(readings) == 1 else f"({', '.join(readings)})"
    runs = "".join(f", {run.language}={run.start}:{run.stop}" for run in passage.runs)
    return f"Passage(text={passage.text!r}, rate={passage.rate!r}, pause={passage.pause!r}, readings={joined}{runs})"


def _reading(each: Verbalization) -> str:
    """Returns a verbalization as it is hashed. An entry that a text uses is in its key by what it does to the text, so
    a dictionary that changes makes no other clips than those that it changes."""
    phonemes = f", ipa={each.ipa!r}" if each.ipa else ""
    return f"Reading(start={each.start!r}, stop={each.stop!r}, spoken={each.spoken!r}{phonemes})"


def _derived(secret: bytes, purpose: bytes) -> bytes:
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"the cache's secret must have at least {SECRET_BYTES} bytes")
    return hmac.digest(secret, purpose, hashlib.sha256)
