"""The chain of the audit log: each line has the SHA-256 of the line before it, and with a secret a MAC of its own.

Without a secret the chain shows damage and careless changes: who changes a line must change all that follow, and the
head. With a secret nobody who lacks it can do that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEAD_BYTES = 256
"""The length of the head, which never changes: it is overwritten in place, which needs no room on the disk."""
_DOMAIN = b"ttscope audit log"
_MAC = b',"mac":"'


class ChainError(ValueError):
    """A line or a head is not what the chain writes."""


@dataclass(frozen=True, slots=True)
class Link:
    """What the next line hangs on: the number and the SHA-256 of the last one."""

    sequence: int
    digest: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest}"


ORIGIN = Link(0, "0" * 64)
"""What the first line hangs on."""


@dataclass(frozen=True, slots=True)
class ChainLine:
    """A line that was read."""

    link: Link
    """What the line after it must hang on."""
    previous: str
    """The SHA-256 that it gives for the line before it."""
    fields: Mapping[str, Any]
    authentic: bool | None
    """Whether its MAC is right; None if it has none, or there is no secret to check it with."""


class Chain:
    """Writes and reads lines, with ``secret`` or without."""

    def __init__(self, secret: bytes = b"") -> None:
        self._key = hmac.digest(secret, _DOMAIN, "sha256") if secret else b""

    @property
    def keyed(self) -> bool:
        """Whether there is a secret."""
        return bool(self._key)

    def accepts(self, authentic: bool | None) -> bool:
        """Whether what was read with this result may be trusted: with a secret, only what has the right MAC."""
        return authentic is True if self._key else authentic is not False

    def forge(self, link: Link, fields: Mapping[str, object]) -> tuple[bytes, Link]:
        """Returns the line with ``fields`` that hangs on ``link``, without a newline, and the line's own link."""
        sequence = link.sequence + 1
        body = _json({"sequence": sequence, **fields, "previous": link.digest})
        line = self._sign(body)
        return line, Link(sequence, digest(line))

    def read(self, line: bytes) -> ChainLine:
        """Returns a line that was read, without its newline. Raises ChainError."""
        fields, authentic = self._parse(line)
        sequence, previous = fields.get("sequence"), fields.get("previous")
        if not isinstance(sequence, int) or not isinstance(previous, str):
            raise ChainError("it is not an entry")
        return ChainLine(Link(sequence, digest(line)), previous, fields, authentic)

    def write_head(self, link: Link) -> bytes:
        """Returns the head: the last link, so that lines missing at the end are noticed."""
        return self._sign(_json({"sequence": link.sequence, "digest": link.digest})).ljust(HEAD_BYTES - 1) + b"\n"

    def read_head(self, head: bytes) -> tuple[Link, bool | None]:
        """Returns the link of a head, and whether its MAC is right, as in ChainLine. Raises ChainError."""
        fields, authentic = self._parse(head.rstrip())
        try:
            link = Link(int(fields["sequence"]), str(fields["digest"]))
        except (KeyError, TypeError, ValueError):
            raise ChainError("the head is incomplete") from None
        body = head.rstrip().partition(_MAC)[0].removesuffix(b"}") + b"}"
        if body != _json({"sequence": link.sequence, "digest": link.digest}) or len(head) != HEAD_BYTES:
            raise ChainError("the head has another form")
        return link, authentic

    def _sign(self, body: bytes) -> bytes:
        if not self._key:
            return body
        mac = hmac.digest(self._key, body, "sha256").hex()
        return body[:-1] + _MAC + mac.encode() + b'"}'

    def _parse(self, line: bytes) -> tuple[dict[str, Any], bool | None]:
        try:
            fields = json.loads(line)
        except ValueError:
            raise ChainError("it is not JSON") from None
        if not isinstance(fields, dict):
            raise ChainError("it is not an entry")
        if not self._key or "mac" not in fields:
            return fields, None
        body, separator, _ = line.rpartition(_MAC)
        return fields, bool(separator) and hmac.compare_digest(self._sign(body + b"}"), line)


def digest(line: bytes) -> str:
    """Returns the SHA-256 of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii")
